"""A certification authority for an hour, that delivers as the commercial ones do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrives from the CA, and what one trusts: paths of the leaf alone (`.crt`), of the
    intermediates with the root in an unhelpful order (`.ca-bundle`), of the key, of the root."""

    certificate: Path
    bundle: Path
    key: Path
    root: Path


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: Key


def deliver(folder: Path, hostname: str, days: int = 90) -> Delivery:
    """Make a root, two intermediates and a leaf for a host name, and write them as a CA delivers
    them. The key is 0600 from its first byte."""
    root = _authority("Example Trust Root R1", None)
    policy = _authority("Example Trust TLS CA 2", root)
    issuing = _authority("Example Trust Domain Validation CA 7", policy)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(hostname, key, issuing, days)
    delivery = Delivery(
        folder / f"{hostname}.crt",
        folder / f"{hostname}.ca-bundle",
        folder / f"{hostname}.key",
        folder / "root.pem",
    )
    delivery.key.touch(0o600, exist_ok=False)
    delivery.key.write_bytes(_key_pem(key))
    # Windows line ends and the root in the middle: CAs have been seen to send both.
    delivery.certificate.write_bytes(_pem(leaf).replace(b"\n", b"\r\n"))
    chain = (policy, root, issuing)
    delivery.bundle.write_bytes(b"\n".join(_pem(one.certificate) for one in chain))
    delivery.root.write_bytes(_pem(root.certificate))
    return delivery


def self_signed(hostname: str, not_after: datetime) -> tuple[bytes, bytes]:
    """A certificate that vouches for itself, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(hostname)
    certificate = (
        _builder(name, name, key, not_after)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(not_after)
    )


def _authority(common_name: str, parent: _Authority | None) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    issuer = parent.certificate.subject if parent else name
    signer = parent.key if parent else key
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, issuer, key, datetime.now(UTC) + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key(signer), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _authority_key(signer: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())


def _leaf(hostname: str, key: Key, issuer: _Authority, days: int) -> x509.Certificate:
    not_after = datetime.now(UTC) + timedelta(days=days)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(_name(hostname), issuer.certificate.subject, key, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key(issuer.key), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
