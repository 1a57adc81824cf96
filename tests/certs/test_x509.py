"""The facts of certificates, against `openssl x509`; odd and hostile ones read or refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.certs import der
from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.material import parse
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import LARGEST, facts
from letterlock.model.certificate import Certificate, ChainFault, PublicKey
from tests.certs.authority import NOW, fresh_key, hierarchy, issue, make_leaf
from tests.certs.openssl import openssl

_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def _rich() -> Certificate:
    return make_leaf(
        None,
        "mail.example.com",
        "*.example.com",
        "192.0.2.1",
        "2001:db8::1",
        purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
        issuer_url="http://ca.example/i.der",
        extra=[(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)],
    ).facts


def test_every_fact() -> None:
    one = _rich()
    assert one.dns_names == ("mail.example.com", "*.example.com")
    assert one.ip_addresses == ("192.0.2.1", "2001:db8::1")
    assert one.extended_key_usage == ("serverAuth", "clientAuth")
    assert one.issuer_urls == ("http://ca.example/i.der",)
    assert one.ocsp_urls == ()
    assert one.must_staple
    assert one.self_issued
    assert not one.is_ca
    assert one.public_key == PublicKey("ECDSA", 256, "prime256v1")
    assert one.signature_hash == "sha256"
    assert one.oddities == ()
    assert one.subject == one.issuer == "CN=mail.example.com"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("rsa2048", "RSA 2048"),
        ("p384", "ECDSA secp384r1"),
        ("ed25519", "Ed25519"),
        ("ed448", "Ed448"),
    ],
)
def test_keys(kind: str, shown: str) -> None:
    one = make_leaf(None, private_key=fresh_key(kind)).facts
    assert str(one.public_key) == shown
    public = openssl("x509", "-noout", "-pubkey", stdin=_pem(one))
    digest = openssl(
        "dgst", "-sha256", "-r", stdin=openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    )
    assert digest.split()[0].decode() == one.spki_sha256


def _pem(certificate: Certificate) -> bytes:
    return openssl("x509", "-inform", "DER", stdin=certificate.der)


@lru_cache(maxsize=1)
def _roots() -> tuple[Certificate, ...]:
    if not _SYSTEM.exists():
        pytest.skip("no ca-certificates on this machine")
    return tuple(one.certificate for one in parse(_SYSTEM.read_bytes(), "system").certificates)


def test_real_roots_agree_with_openssl() -> None:
    """A sample, spread over the system's store: old, new, RSA, ECDSA."""
    for one in _roots()[::9]:
        told = openssl(
            *("x509", "-inform", "DER", "-noout", "-serial", "-startdate", "-enddate"),
            *("-fingerprint", "-sha256", "-dateopt", "iso_8601", "-ext", "basicConstraints"),
            stdin=one.der,
        ).decode()
        assert int(_value(told, "serial"), 16) == one.serial_number
        assert _time(_value(told, "notBefore")) == one.not_before
        assert _time(_value(told, "notAfter")) == one.not_after
        assert _value(told, "sha256 Fingerprint").replace(":", "").lower() == one.sha256
        assert ("CA:TRUE" in told) == one.is_ca
        assert one.self_issued


def _value(text: str, label: str) -> str:
    found = re.search(rf"^{label}=(.*)$", text, re.MULTILINE)
    assert found
    return found[1]


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC)


def test_names_of_one_another_are_kept_from_the_terminal() -> None:
    one = issue("evil\x1b[2Jname\nand a line").facts
    assert one.subject == "CN=evil\\x1b[2Jname\\nand a line"


def test_nul_in_a_name_is_shown_and_covers_nothing() -> None:
    """The certificates of 2009 (CVE-2009-2408): one name for the CA, another for C's strings."""
    bait = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.17"),
        der.encode(0x30, der.encode(0x82, b"mail.example.com\0.evil.example")),
    )
    leaf = make_leaf(None, extra=[(bait, False)], names=())
    assert leaf.facts.dns_names == ("mail.example.com\\x00.evil.example",)
    verdict = judge([leaf.facts], "mail.example.com", TrustStore.of([leaf.facts]), NOW)
    assert verdict.has(ChainFault.NAME_MISMATCH)


def _spliced(extension: bytes, *others: bytes) -> bytes:
    """The test leaf with one more extension, its signature broken."""
    whole = hierarchy().leaf.der
    kept = tuple(one for one in der.extensions(whole) if b"\x55\x1d\x11" not in one.whole[:12])
    added = tuple(der.first(one) for one in (extension, *others))
    return der.with_extensions(whole, (*kept, *added))


def _extension(dotted_bytes: bytes, value: bytes) -> bytes:
    return der.encode(0x30, der.encode(0x06, dotted_bytes) + der.encode(0x04, value))


_SAN = b"\x55\x1d\x11"
_GOOD_NAME = der.encode(0x30, der.encode(0x82, b"mail.example.com"))


@pytest.mark.parametrize(
    ("added", "oddity"),
    [
        ((_extension(_SAN, b"\x30\x05\x82"),), "malformed subjectAltName"),
        ((_extension(_SAN, der.encode(0x30, der.encode(0x82, b"m\xfc.example"))),),
         "malformed subjectAltName"),
        ((_extension(_SAN, der.encode(0x30, der.encode(0x87, b"\1\2\3"))),),
         "malformed subjectAltName"),
        ((_extension(_SAN, _GOOD_NAME), _extension(_SAN, _GOOD_NAME)), "second subjectAltName"),
        ((_extension(b"\x55\x1d\x13", b"\xff"),), "malformed basicConstraints"),
    ],
)  # fmt: skip
def test_malformed_extensions_are_told_and_refused(added: tuple[bytes, ...], oddity: str) -> None:
    one = facts(_spliced(*added))
    assert any(oddity in told for told in one.oddities)
    assert one.extended_key_usage == ("serverAuth",), "the readable extensions are still read"
    verdict = judge([one], None, TrustStore.of([]), NOW)
    assert verdict.has(ChainFault.INVALID)


def test_serial_numbers_of_old() -> None:
    whole = hierarchy().leaf.der
    serial = der.tbs_fields(whole)[0].whole
    for value, number in ((b"\x02\x01\x00", 0), (b"\x02\x01\xfb", -5)):
        odd = _replaced(whole, serial, value)
        assert facts(odd).serial_number == number
        assert any("serial number" in told for told in facts(odd).oddities)


def _replaced(whole: bytes, old: bytes, new: bytes) -> bytes:
    tbs, *rest = der.elements(der.first(whole).content)
    body = tbs.content.replace(old, new, 1)
    return der.encode(0x30, der.encode(0x30, body) + b"".join(one.whole for one in rest))


def test_unknown_key_and_signature_algorithms() -> None:
    whole = hierarchy().leaf.der
    unknown_key = whole.replace(b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x7f", 1)
    one = facts(unknown_key)
    assert one.public_key == PublicKey("unknown", 0)
    assert one.spki_sha256 != hierarchy().leaf.facts.spki_sha256
    unknown_signature = whole.replace(
        b"\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x2a\x86\x48\xce\x3d\x04\x03\x7f"
    )
    assert facts(unknown_signature).signature_hash is None
    for odd in (unknown_key, unknown_signature):
        assert not judge([facts(odd)], "mail.example.com", TrustStore.of([]), NOW).accepted


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x00",
        b"\x30\x03\x30\x01",
        b"\0" * 100,
        b"x" * (LARGEST + 1),
    ],
)
def test_no_certificate_at_all(data: bytes) -> None:
    with pytest.raises(CertificateError):
        facts(data)


def test_nested_lengths_do_not_cost_their_square() -> None:
    with pytest.raises(CertificateError):
        facts(der.encode(0x30, b"\x05\x00" * (LARGEST // 2 - 8)))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_hostile_bytes_raise_nothing_else(data: st.DataObject) -> None:
    """What a stranger's server may send: a certificate with bytes changed, cut or put in."""
    whole = bytearray(data.draw(st.sampled_from(_specimens())))
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.integers(0, 3)):
            case 0 | 1:
                whole[position] = data.draw(st.integers(0, 255))
            case 2:
                whole[position:position] = data.draw(st.binary(max_size=4))
            case _:
                del whole[position]
    try:
        one = facts(bytes(whole))
    except CertificateError as error:
        assert "\n" not in str(error)
        return
    assert one.not_before.tzinfo is not None
    verdict = judge([one, hierarchy().intermediate.facts], "mail.example.com", _trust(), NOW)
    assert not verdict.accepted or bytes(whole) == hierarchy().leaf.der


def _trust() -> TrustStore:
    return TrustStore.of([hierarchy().root.facts])


@lru_cache(maxsize=1)
def _specimens() -> tuple[bytes, ...]:
    return hierarchy().leaf.der, _rich().der, hierarchy("rsa2048").leaf.der


@pytest.mark.parametrize("field", [2, 4], ids=["issuer", "subject"])
def test_unreadable_names_are_told_and_refused(field: int) -> None:
    """Found by changing bytes at random: names are parsed only when they are asked for."""
    whole = hierarchy().leaf.der
    name = der.tbs_fields(whole)[field].whole
    odd = facts(_replaced(whole, name, name.replace(b"\x0c", b"\x02", 1)))
    assert any("cannot be read" in told for told in odd.oddities)
    for chain in ([odd], [odd, hierarchy().intermediate.facts], [hierarchy().leaf.facts, odd]):
        verdict = judge(chain, "mail.example.com", _trust(), NOW)
        assert not verdict.accepted
