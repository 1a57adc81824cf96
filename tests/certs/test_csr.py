"""Requests as OpenSSL reads them, and TLSA records as OpenSSL's digests say."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from letterlock.certs.csr import KeyKind, new_key, request
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import server_key
from letterlock.certs.tlsa import Matching, Selector, Usage, owner, tlsa
from letterlock.model.errors import Location
from tests.certs.authority import hierarchy
from tests.certs.openssl import openssl


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (KeyKind.RSA_2048, "Public-Key: (2048 bit)"),
        (KeyKind.RSA_3072, "Public-Key: (3072 bit)"),
        (KeyKind.P256, "ASN1 OID: prime256v1"),
        (KeyKind.P384, "ASN1 OID: secp384r1"),
    ],
)
def test_openssl_reads_the_request(kind: KeyKind, shown: str, tmp_path: Path) -> None:
    key = new_key(kind)
    names = ["mail.example.com", "*.example.com", "bücher.example", "192.0.2.1", "2001:db8::1"]
    text = openssl("req", "-text", "-noout", "-verify", stdin=request(names, key)).decode()
    assert shown in text
    assert "Subject: CN = mail.example.com" in text
    assert (
        "DNS:mail.example.com, DNS:*.example.com, DNS:xn--bcher-kva.example, "
        "IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1" in text
    )
    (tmp_path / "key").write_bytes(server_key(key, Location("key")).pkcs8_pem())
    public = openssl("pkey", "-in", "key", "-pubout", folder=tmp_path)
    assert public == openssl("req", "-noout", "-pubkey", stdin=request(names, key))


def test_the_largest_key_is_what_it_says() -> None:
    assert new_key(KeyKind.RSA_4096).key_size == 4096


def test_names_once_each_and_long_ones_not_as_common_name() -> None:
    long = "a" * 60 + ".example.com"
    text = openssl(
        *("req", "-text", "-noout"),
        stdin=request([long, "B.example", "b.EXAMPLE"], new_key(KeyKind.P256)),
    ).decode()
    assert "Subject: CN = b.example" in text
    assert re.search(rf"DNS:{long}, DNS:b\.example\s*\n", text)


@pytest.mark.parametrize("names", [[], [""], ["mail example.com"], ["mail.example.com", "a/b"]])
def test_no_request_without_good_names(names: list[str]) -> None:
    with pytest.raises(CertificateError):
        request(names, new_key(KeyKind.P256))


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_tlsa_as_openssl_digests(kind: str) -> None:
    leaf = hierarchy(kind).leaf
    public = openssl("x509", "-noout", "-pubkey", stdin=leaf.pem)
    spki = openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    certificate = openssl("x509", "-outform", "DER", stdin=leaf.pem)
    for selector, selected in ((Selector.SPKI, spki), (Selector.CERT, certificate)):
        for matching, digest in (
            (Matching.SHA2_256, hashlib.sha256(selected).hexdigest()),
            (Matching.SHA2_512, hashlib.sha512(selected).hexdigest()),
            (Matching.FULL, selected.hex()),
        ):
            record = tlsa(leaf.facts, Usage.DANE_EE, selector, matching)
            assert str(record) == f"3 {selector.value} {matching.value} {digest}"
    assert str(tlsa(leaf.facts)) == f"3 1 1 {leaf.facts.spki_sha256}"


def test_tlsa_owner() -> None:
    assert owner("Mail.example.com.", 25) == "_25._tcp.mail.example.com."
    assert owner("bücher.example", 465) == "_465._tcp.xn--bcher-kva.example."
    for host, port in (("*.example.com", 25), ("mail.example.com", 0), ("a b", 25), ("x", 65536)):
        with pytest.raises(CertificateError):
            owner(host, port)
