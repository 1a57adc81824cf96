"""TLSA records held against chains."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from letterlock.certs.dane import hold_against, unusable
from letterlock.certs.judge import judge
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate
from letterlock.model.dns_facts import TlsaRecord
from tests.certs.authority import NOW, Issued, issue

HOST = "mail.example.com"
ROOT = issue("Root", ca=True)
MIDDLE = issue("Middle", ROOT, ca=True)
LEAF = issue("Leaf", MIDDLE, names=[HOST])
OTHER = issue("Other", ROOT, ca=True)
EXPIRED = issue("Old", MIDDLE, names=["old.example.com"], after=NOW - timedelta(days=1))
DOMAIN_ONLY = issue("Domain", MIDDLE, names=["example.com"])
CHAIN = (LEAF.facts, MIDDLE.facts)


def spki(one: Issued) -> bytes:
    key = one.certificate.public_key()
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def record(usage: int, selector: int, matching: int, one: Issued) -> TlsaRecord:
    selected = one.der if selector == 0 else spki(one)
    digests = {0: lambda data: data, 1: _sha256, 2: _sha512}
    return TlsaRecord(usage, selector, matching, digests[matching](selected))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def held(
    one: TlsaRecord,
    chain: tuple[Certificate, ...] = CHAIN,
    *,
    names: tuple[str, ...] = (HOST, "example.com"),
    between_servers: bool = True,
    roots: tuple[Certificate, ...] = (ROOT.facts,),
) -> str:
    """`matches`, or why not."""
    verdict = judge(chain, HOST, TrustStore.of(roots), NOW)
    found = hold_against(one, chain, verdict, names, NOW, between_servers=between_servers)
    return "matches" if found.matches else found.unusable or found.why_not


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
def test_every_selector_and_matching_type(selector: int, matching: int) -> None:
    assert held(record(3, selector, matching, LEAF)) == "matches"
    assert held(record(2, selector, matching, MIDDLE)) == "matches"
    assert "is another" in held(record(3, selector, matching, MIDDLE))
    assert held(record(2, selector, matching, OTHER)) != "matches"


def test_the_servers_own_key_needs_neither_name_nor_date() -> None:
    chain = (EXPIRED.facts, MIDDLE.facts)
    assert held(record(3, 1, 1, EXPIRED), chain) == "matches"


def test_a_ca_needs_the_name() -> None:
    wanted = record(2, 1, 1, MIDDLE)
    assert held(wanted, (DOMAIN_ONLY.facts, MIDDLE.facts)) == "matches"
    assert held(wanted, names=("mx.example.net",)).startswith(
        "the certificate is not for mx.example.net: it has mail.example.com"
    )


def test_a_ca_needs_the_date() -> None:
    chain = (EXPIRED.facts, MIDDLE.facts)
    assert "expired" in held(record(2, 1, 1, MIDDLE), chain, names=("old.example.com",))


def test_a_ca_must_be_served_unless_the_record_is_it() -> None:
    assert "no CA certificate in the chain served" in held(record(2, 1, 1, ROOT))
    assert held(record(2, 0, 0, ROOT)) == "matches"
    assert held(record(2, 0, 1, ROOT), (*CHAIN, ROOT.facts)) == "matches"
    assert "no CA certificate" in held(record(2, 1, 1, MIDDLE), CHAIN[:1])


def test_a_ca_that_is_served_and_did_not_issue() -> None:
    chain = (LEAF.facts, OTHER.facts)
    assert held(record(2, 1, 1, OTHER), chain) != "matches"


def test_a_leaf_is_no_ca() -> None:
    assert held(record(2, 1, 1, LEAF)) != "matches"


def test_pkix_usages_are_for_users_ports() -> None:
    for wanted in (record(1, 1, 1, LEAF), record(0, 1, 1, MIDDLE)):
        assert "is not for mail between servers" in held(wanted)
        assert held(wanted, between_servers=False) == "matches"
        assert held(wanted, between_servers=False, roots=()) != "matches"


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (TlsaRecord(4, 1, 1, bytes(32)), "usage 4 is not assigned"),
        (TlsaRecord(255, 1, 1, bytes(32)), "usage 255 is not assigned"),
        (TlsaRecord(3, 2, 1, bytes(32)), "selector 2 is not assigned"),
        (TlsaRecord(3, 1, 3, bytes(32)), "matching type 3 is not assigned"),
        (TlsaRecord(3, 1, 1, bytes(31)), "31 bytes where a digest has 32"),
        (TlsaRecord(3, 1, 2, bytes(32)), "32 bytes where a digest has 64"),
        (TlsaRecord(3, 1, 1, b""), "0 bytes where a digest has 32"),
        (TlsaRecord(3, 0, 0, b"\x30\x00"), "its data is no certificate"),
        (TlsaRecord(3, 1, 0, b""), "its data is no public key"),
        (TlsaRecord(3, 1, 0, b"\x30\x01"), "its data is no public key"),
    ],
)
def test_what_cannot_be_used(one: TlsaRecord, reason: str) -> None:
    assert held(one) == reason


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=70))
def test_any_record(usage: int, selector: int, matching: int, data: bytes) -> None:
    one = TlsaRecord(usage, selector, matching, data)
    assert held(one) != "matches"
    assert isinstance(unusable(one, between_servers=False), str)


def test_nothing_served() -> None:
    assert held(record(3, 1, 1, LEAF), ()) == "no certificate was served"
