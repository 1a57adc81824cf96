"""Certificates of every kind for tests: roots, intermediates, cross-signed ones, odd ones.

Keys are made once per process and kind (RSA is slow), so that certificates of one name in several
tests share nothing but what the test says."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from letterlock.certs import der
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate

#: The moment all tests live in.
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_serials = itertools.count(0x1000)


@lru_cache(maxsize=64)
def key(kind: str = "p256", number: int = 0) -> Any:
    """A private key of a kind (rsa1024, rsa2048, p256, p384, ed25519, ed448), the same one each
    time for the same number."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:]))
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "p192":
            return ec.generate_private_key(ec.SECP192R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    return ed448.Ed448PrivateKey.generate()


_fresh = itertools.count(1)


def fresh_key(kind: str = "p256") -> Any:
    """A private key that nothing else has."""
    return key(kind, next(_fresh))


def key_pem(private: Any, password: bytes | None = None, traditional: bool = False) -> bytes:
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    seal = BestAvailableEncryption(password) if password else NoEncryption()
    return bytes(private.private_bytes(Encoding.PEM, form, seal))


def key_der(private: Any, traditional: bool = False) -> bytes:
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return bytes(private.private_bytes(Encoding.DER, form, NoEncryption()))


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    private_key: Any = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def facts(self) -> Certificate:
        return facts(self.der)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.private_key)


def distinguished(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issue(
    subject: str,
    issuer: Issued | None = None,
    *,
    names: Sequence[str] = (),
    private_key: Any = None,
    before: datetime = NOW - timedelta(days=30),
    after: datetime = NOW + timedelta(days=60),
    ca: bool | None = None,
    path_length: int | None = None,
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    usage: x509.KeyUsage | None = None,
    issuer_url: str | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    digest: Any = None,
    identifiers: bool = True,
) -> Issued:
    """One certificate: self-signed without `issuer`. `ca` None leaves basicConstraints out."""
    own = private_key or fresh_key()
    signer = issuer.private_key if issuer else own
    issuer_name = issuer.certificate.subject if issuer else distinguished(subject)
    extensions = list(extra)
    if names:
        extensions.append((x509.SubjectAlternativeName([general_name(n) for n in names]), False))
    if ca is not None:
        extensions.append((x509.BasicConstraints(ca, path_length if ca else None), True))
    if purposes is not None:
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    if usage is not None:
        extensions.append((usage, True))
    if issuer_url:
        extensions.append((_issuer_at(issuer_url), False))
    if identifiers:
        extensions += [
            (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(distinguished(subject))
        .issuer_name(issuer_name)
        .public_key(own.public_key())
        .serial_number(next(_serials))
        .not_valid_before(before)
        .not_valid_after(after)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        digest = None
    else:
        digest = digest or hashes.SHA256()
    return Issued(builder.sign(signer, digest), own)


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issuer_at(url: str) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
            )
        ]
    )


def key_usage(**allowed: bool) -> x509.KeyUsage:
    every = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(every | allowed))


def make_root(subject: str = "Test Root", **options: Any) -> Issued:
    """A root that lasts."""
    defaults: dict[str, Any] = {
        "ca": True,
        "after": NOW + timedelta(days=3650),
        "before": NOW - timedelta(days=3650),
        "usage": key_usage(key_cert_sign=True, crl_sign=True),
    }
    return issue(subject, None, **(defaults | options))


def make_intermediate(issuer: Issued, subject: str = "Test Intermediate", **options: Any) -> Issued:
    defaults: dict[str, Any] = {
        "ca": True,
        "after": NOW + timedelta(days=1825),
        "before": NOW - timedelta(days=1825),
        "usage": key_usage(key_cert_sign=True, crl_sign=True),
    }
    return issue(subject, issuer, **(defaults | options))


def make_leaf(issuer: Issued | None, *names: str, **options: Any) -> Issued:
    names = names or ("mail.example.com",)
    defaults: dict[str, Any] = {
        "ca": False,
        "names": names,
        "purposes": [ExtendedKeyUsageOID.SERVER_AUTH],
        "usage": key_usage(digital_signature=True, key_encipherment=True),
    }
    return issue(options.pop("subject", names[0]), issuer, **(defaults | options))


#: sha256WithRSAEncryption and what stood in its place once (RFC 8017 appendix A.2.4).
_RSA_SHA256 = bytes.fromhex("2a864886f70d01010b")
_RSA_OLD = {
    "sha1": (bytes.fromhex("2a864886f70d010105"), hashes.SHA1()),  # noqa: S303
    "md5": (bytes.fromhex("2a864886f70d010104"), hashes.MD5()),  # noqa: S303
}


def resigned(issued: Issued, issuer: Issued, digest: str) -> Issued:
    """A certificate signed once more by the same RSA issuer, with `sha1` or `md5`: the builder
    above refuses to."""
    oid, algorithm = _RSA_OLD[digest]
    whole = der.first(issued.der)
    tbs, name, _ = der.elements(whole.content)
    body = tbs.whole.replace(_RSA_SHA256, oid, 1)
    signature = issuer.private_key.sign(body, padding.PKCS1v15(), algorithm)
    content = body + name.whole.replace(_RSA_SHA256, oid) + der.encode(0x03, b"\0" + signature)
    certificate = x509.load_der_x509_certificate(der.encode(0x30, content))
    return Issued(certificate, issued.private_key)


@dataclass(frozen=True)
class Hierarchy:
    """A root, an intermediate and a leaf for mail.example.com, as a CA would sell it."""

    root: Issued
    intermediate: Issued
    leaf: Issued


@lru_cache(maxsize=8)
def hierarchy(kind: str = "p256") -> Hierarchy:
    root = make_root(private_key=fresh_key(kind))
    intermediate = make_intermediate(
        root, private_key=fresh_key(kind), issuer_url="http://ca.example/root.der"
    )
    leaf = make_leaf(
        intermediate, private_key=fresh_key(kind), issuer_url="http://ca.example/intermediate.der"
    )
    return Hierarchy(root, intermediate, leaf)
