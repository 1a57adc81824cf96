"""Targets as people write them."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.probe.resolve import Family, Target, own_name, parse_domain, parse_target, resolve

GOOD = {
    "mail.example.com": ("mail.example.com", None),
    "Mail.Example.COM.": ("mail.example.com", None),
    "mail.example.com:25": ("mail.example.com", 25),
    "mail": ("mail", None),
    "192.0.2.1": ("192.0.2.1", None),
    "192.0.2.1:587": ("192.0.2.1", 587),
    "2001:db8::25": ("2001:db8::25", None),
    "2001:DB8:0::25": ("2001:db8::25", None),
    "[2001:db8::25]": ("2001:db8::25", None),
    "[2001:db8::25]:465": ("2001:db8::25", 465),
    "bücher.example": ("xn--bcher-kva.example", None),
    "BÜCHER.example:25": ("xn--bcher-kva.example", 25),
    "xn--bcher-kva.example": ("xn--bcher-kva.example", None),
    "_mta-sts.example.com": ("_mta-sts.example.com", None),
    "a" * 63 + ".example": ("a" * 63 + ".example", None),
}
BAD = {
    "": "the host name is empty",
    ".": "is no host name",
    "mail example.com": "contains white space",
    "mail.example.com ": "contains white space",
    "mail..example.com": "an empty label",
    ".example.com": "an empty label",
    "a" * 64 + ".example": "a label of 64 characters; 63 are the limit",
    ".".join(["a" * 60] * 5): "304 characters long; 253 are the limit",
    "-mail.example.com": "'-mail' in '-mail.example.com' cannot be part of a host name",
    "mail-.example.com": "cannot be part",
    "mail!.example.com": "cannot be part",
    "mail.example.com:": "'' is not a port number",
    "mail.example.com:0": "'0' is not a port number",
    "mail.example.com:65536": "'65536' is not a port number",
    "mail.example.com:99999999999": "is not a port number",
    "mail.example.com:smtp": "'smtp' is not a port number",
    "mail.example.com:²": "is not a port number",
    "192.0.2.1.1": "neither a host name nor an address",
    "192.0.2.256": "neither a host name nor an address",
    "1.2": "neither a host name nor an address",
    "[192.0.2.1]": "'192.0.2.1' is not an IPv6 address",
    "[::g]:25": "'::g' is not an IPv6 address",
    "2001:db8::25:x": "is not an IPv6 address; write",
    "joe@": "'joe@' names no domain; write user@example.com, @example.com",
    "joe@example.com:25": "'example.com:25' in .* is not a mail domain; a port",
    "joe@[192.0.2.1]": "is not a mail domain",
    "joe@192.0.2.1": "names an address, not a domain; check 192.0.2.1 itself",
    "joe@exam ple.com": "contains white space",
    "https://mail.example.com": "is a URL; give the host name alone",
    "mail\x00.example.com": "cannot be part",
    "☃\u2028.example": "contains white space",
    "a‍b.example": "is not a valid IDN",
    "🔒" * 40 + ".example": "is not a valid IDN",
}


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    target = parse_target(text)
    assert (target.name, target.port) == GOOD[text]
    assert target.text == text


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("joe@example.com", "example.com"),
        ("@example.com", "example.com"),
        ("@Example.COM.", "example.com"),
        ('"a@b"@example.com', "example.com"),
        ("joe@bücher.example", "xn--bcher-kva.example"),
        ("@localhost", "localhost"),
    ],
)
def test_a_domain(text: str, domain: str) -> None:
    target = parse_target(text)
    assert (target.name, target.is_domain, target.port) == (domain, True, None)
    assert target.text == text


def test_a_host_is_no_domain_unless_told() -> None:
    assert not parse_target("example.com").is_domain
    assert parse_domain("example.com").is_domain


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    with pytest.raises(InputError, match=BAD[text]):
        parse_target(text)


@given(st.text(max_size=80))
def test_any_text_is_a_target_or_an_input_error(text: str) -> None:
    try:
        target = parse_target(text)
    except InputError as error:
        assert "\n" not in str(error) or "\n" in text
    else:
        assert target.name.isascii()
        assert target.name == target.name.lower()


def test_u_labels_are_shown() -> None:
    assert parse_target("xn--bcher-kva.example").shown == "bücher.example"


@pytest.mark.parametrize(
    ("family", "addresses"),
    [
        (Family.BOTH, {("127.0.0.1",), ("127.0.0.1", "::1")}),
        (Family.IPV4, {("127.0.0.1",)}),
    ],
)
def test_localhost(family: Family, addresses: set[tuple[str, ...]]) -> None:
    assert resolve(parse_target("localhost"), family) in addresses


def test_an_address_is_itself() -> None:
    assert resolve(parse_target("[2001:db8::25]:25"), Family.IPV6) == ("2001:db8::25",)


@pytest.mark.parametrize(("text", "family"), [("192.0.2.1", Family.IPV6), ("::1", Family.IPV4)])
def test_an_address_of_the_other_family(text: str, family: Family) -> None:
    with pytest.raises(InputError, match=r"is an IPv[46] address"):
        resolve(parse_target(text), family)


def test_a_name_that_does_not_resolve() -> None:
    target = Target("x", "does-not-exist.invalid", "does-not-exist.invalid")
    with pytest.raises(UndeterminedError, match=r"does-not-exist.invalid cannot be resolved"):
        resolve(target)


@pytest.mark.parametrize(
    ("host", "full", "look_up", "said"),
    [
        ("mail.example.com", "x.example.com", True, "mail.example.com"),
        ("mail", "mail.example.com", True, "mail.example.com"),
        ("mail", "mail.example.com", False, "mail"),
        ("no name", "no name", True, "[127.0.0.1]"),
        ("", "", False, "[127.0.0.1]"),
    ],
)
def test_own_name(
    monkeypatch: pytest.MonkeyPatch, host: str, full: str, look_up: bool, said: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setattr(socket, "getfqdn", lambda _name: full)
    assert own_name(look_up) == said
