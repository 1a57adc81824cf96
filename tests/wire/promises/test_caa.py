"""CAA's values: who may issue, and on what conditions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.dns_promises import CaaIssuer
from letterlock.wire.promises.caa import read_issuer
from letterlock.wire.promises.malformed import MalformedError


@pytest.mark.parametrize(
    ("value", "domain", "parameters"),
    [
        ("letsencrypt.org", "letsencrypt.org", ()),
        (" LetsEncrypt.org ; ", "letsencrypt.org", ()),
        (";", "", ()),
        ("", "", ()),
        ("  ; ", "", ()),
        ("ca1.example.net; account=230123", "ca1.example.net", (("account", "230123"),)),
        ("a.example; AccountURI=urn:A", "a.example", (("accounturi", "urn:A"),)),
        ("a.example; policy=", "a.example", (("policy", ""),)),
        (
            "a.example;accounturi=https://a.example/1; validationmethods=dns-01,ca-own",
            "a.example",
            (("accounturi", "https://a.example/1"), ("validationmethods", "dns-01,ca-own")),
        ),
        (
            "a.example; validationmethods=dns-persist-01",
            "a.example",
            (("validationmethods", "dns-persist-01"),),
        ),
    ],
)
def test_issuers(value: str, domain: str, parameters: tuple[tuple[str, str], ...]) -> None:
    assert read_issuer(value) == CaaIssuer(domain, parameters)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("https://letsencrypt.org", "is not the domain of a CA"),
        ("letsencrypt.org, sectigo.com", "is not the domain of a CA"),
        ("-a.example", "is not the domain of a CA"),
        ("%%%%%", "is not the domain of a CA"),
        ("a.example; account", "is not TAG=VALUE"),
        ("a.example; acc_ount=1", "is not TAG=VALUE"),
        ("a.example;; account=1", "is not TAG=VALUE"),
        ("a.example; accounturi=12", "is not a URI"),
        ("a.example; accounturi=https://a; accounturi=https://b", "stands there twice"),
        ("a.example; validationmethods=dns-01; validationmethods=dns-01", "stands there twice"),
        ("a.example; validationmethods=dns-01, http-01", "is not TAG=VALUE"),
        ("a.example; validationmethods=", "is not a list of methods"),
    ],
)
def test_what_is_none(value: str, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_issuer(value)


_PIECES = st.lists(st.sampled_from(["a", ".", ";", "=", " ", "-", "accounturi", "é", "\x00", ","]))


@given(st.one_of(st.text(max_size=60), _PIECES.map("".join)))
def test_any_value_is_read_or_malformed(value: str) -> None:
    try:
        found = read_issuer(value)
    except MalformedError:
        return
    again = "; ".join((found.domain, *(f"{name}={said}" for name, said in found.parameters)))
    assert read_issuer(again) == found
