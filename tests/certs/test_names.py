"""Which names a certificate speaks for, and how people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.certs.errors import CertificateError
from letterlock.certs.names import ascii_name, covers
from tests.certs.authority import make_leaf


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (("mail.example.com",), "mail.example.com", True),
        (("MAIL.example.com",), "mail.EXAMPLE.com.", True),
        (("mail.example.com",), "example.com", False),
        (("example.com",), "mail.example.com", False),
        (("*.example.com",), "mail.example.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), "a.b.example.com", False),
        (("*.example.com",), "*.example.com", True),
        (("mail.example.com",), "*.example.com", False),
        (("m*.example.com",), "mail.example.com", False),
        (("*",), "example", False),
        (("xn--bcher-kva.example",), "bücher.example", True),
        (("xn--bcher-kva.example",), "BÜCHER.example", True),
        (("xn--bcher-kva.example",), "xn--bcher-kva.example", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "192.0.2.2", False),
        (("2001:db8::1",), "2001:DB8:0::1", True),
        (("2001:db8::1",), "[2001:db8::1]", True),
        (("mail.example.com", "192.0.2.1"), "mail.example.com", True),
        (("*.*.example.com", "mail.example.com"), "mail.example.com", True),
        ((), "mail.example.com", False),
    ],
)
def test_coverage(names: tuple[str, ...], host: str, expected: bool) -> None:
    leaf = make_leaf(None, subject="mail.example.com", **({"names": ()} if not names else {}))
    if names:
        leaf = make_leaf(None, *names, subject="mail.example.com")
    assert covers(leaf.facts, host) is expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mail.Example.COM.", "mail.example.com"),
        (" mail.example.com\n", "mail.example.com"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("mail_1.example", "mail_1.example"),
    ],
)
def test_a_labels(text: str, name: str) -> None:
    assert ascii_name(text) == name


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_safe_name_or_refused(text: str) -> None:
    try:
        name = ascii_name(text)
    except CertificateError as error:
        assert "\n" not in str(error)
        return
    assert name.isascii()
    assert not set(name) & set("/\\\0 ")
    assert name not in (".", "..", "")
    assert ascii_name(name) == name
