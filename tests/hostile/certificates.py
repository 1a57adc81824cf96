"""Certificates that a server should not have."""

from __future__ import annotations

import functools
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTNAME = "mail.example.com"
CA = trustme.CA()


def context(pem: bytes) -> ssl.SSLContext:
    """A server's, from its key and chain in one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(pem)
        made.load_cert_chain(file.name)
    return made


@functools.cache
def good() -> ssl.SSLContext:
    return context(CA.issue_cert(HOSTNAME).private_key_and_cert_chain_pem.bytes())


@functools.cache
def wrong_name() -> ssl.SSLContext:
    return context(CA.issue_cert("other.example.net").private_key_and_cert_chain_pem.bytes())


@functools.cache
def expired() -> ssl.SSLContext:
    past = datetime.now(UTC) - timedelta(days=2)
    leaf = CA.issue_cert(HOSTNAME, not_after=past)
    return context(leaf.private_key_and_cert_chain_pem.bytes())


@functools.cache
def nul_in_name() -> ssl.SSLContext:
    """A name that ends at its first NUL for programs that think in C (CVE-2009-2408)."""
    return context(_issued(f"{HOSTNAME}\0.evil.example"))


@functools.cache
def megabyte() -> ssl.SSLContext:
    """One certificate with a comment of 1 MB."""
    return context(_issued(HOSTNAME, ballast=1 << 20))


def _issued(name: str, ballast: int = 0) -> bytes:
    authority = serialization.load_pem_private_key(CA.private_key_pem.bytes(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(CA.cert_pem.bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    if ballast:
        kind = x509.ObjectIdentifier("2.25.1")
        builder = builder.add_extension(
            x509.UnrecognizedExtension(kind, bytes(ballast)), critical=False
        )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signed = builder.sign(authority, hashes.SHA256())
    return secret + signed.public_bytes(serialization.Encoding.PEM)
