"""A new key and a certificate signing request (RFC 2986) with all names, for any CA."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from letterlock.certs.errors import CertificateError
from letterlock.certs.names import address, ascii_name

#: RFC 5280 appendix A.1, ub-common-name.
_LONGEST_COMMON_NAME = 64


class KeyKind(StrEnum):
    """The kinds of key that public CAs sign for servers."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P256 = "p-256"
    P384 = "p-384"


CsrKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def new_key(kind: KeyKind) -> CsrKey:
    """A fresh private key."""
    match kind:
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.value[-4:]))


def request(names: Sequence[str], key: CsrKey) -> bytes:
    """A PEM request for `names` (host names, `*.` wildcards, IP addresses; any script), all of
    them in subjectAltName, the first one that fits as common name, since some CAs' forms want one.

    Raises CertificateError for what is no name, or for none at all."""
    if not names:
        raise CertificateError("a CSR needs at least one host name")
    alternatives = list(dict.fromkeys(_general_name(name) for name in names))
    common = next(
        (str(name.value) for name in alternatives if len(str(name.value)) <= _LONGEST_COMMON_NAME),
        None,
    )
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(attributes))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, _hash(key))
    )
    return csr.public_bytes(Encoding.PEM)


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    literal = address(name)
    return x509.IPAddress(literal) if literal else x509.DNSName(ascii_name(name))


def _hash(key: CsrKey) -> hashes.SHA256 | hashes.SHA384:
    """As strong as the key (RFC 5758 section 3.2 pairs P-384 with SHA-384)."""
    strong = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256
    return hashes.SHA384() if strong else hashes.SHA256()
