"""Who signed whom: the links that chains are made of."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from letterlock.certs.errors import CertificateError
from letterlock.certs.x509 import extensions, load, name_keys
from letterlock.model.certificate import Certificate

#: What odd certificates make cryptography raise where it is asked for their parts.
_UNREADABLE = (CertificateError, ValueError, TypeError, UnsupportedAlgorithm, OverflowError)


def issued(subject: bytes, issuer: bytes) -> bool:
    """Whether the second DER certificate issued the first: the names meet, the key identifiers do
    not contradict (RFC 5280 section 4.2.1.1), and the signature verifies."""
    return fits(subject, issuer) and signed(subject, issuer)


def fits(subject: bytes, issuer: bytes) -> bool:
    """Whether the second certificate says it could have issued the first: all but the
    signature, at little cost."""
    wanted, given = name_keys(subject)[1], name_keys(issuer)[0]
    return wanted is not None and wanted == given and not _identifiers_differ(subject, issuer)


@lru_cache(maxsize=1024)
def signed(subject: bytes, issuer: bytes) -> bool:
    """Whether the second certificate's key made the first one's signature."""
    try:
        return _verifies(load(subject), load(issuer))
    except _UNREADABLE:
        return False


def self_signed(certificate: Certificate) -> bool:
    """Whether a certificate carries its own key's signature: a root, or a laboratory's leaf."""
    return certificate.self_issued and issued(certificate.der, certificate.der)


def _identifiers_differ(subject: bytes, issuer: bytes) -> bool:
    wanted = extensions(subject).get(x509.AuthorityKeyIdentifier)
    given = extensions(issuer).get(x509.SubjectKeyIdentifier)
    if wanted is None or given is None or wanted.key_identifier is None:
        return False
    return wanted.key_identifier != given.digest


def _verifies(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Not `verify_directly_issued_by`: that one compares names byte by byte and reads no SHA-1,
    whose links are to be found before they are refused."""
    key, signature, signed = parent.public_key(), child.signature, child.tbs_certificate_bytes
    algorithm = child.signature_hash_algorithm
    try:
        match key:
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case rsa.RSAPublicKey() if algorithm:
                key.verify(signature, signed, _padding(child), algorithm)
            case ec.EllipticCurvePublicKey() if algorithm:
                key.verify(signature, signed, ec.ECDSA(algorithm))
            case dsa.DSAPublicKey() if algorithm:
                key.verify(signature, signed, algorithm)
            case _:
                return False
    except InvalidSignature:
        return False
    return _same_family(child, key)


def _same_family(child: x509.Certificate, key: object) -> bool:
    """Ed25519 and Ed448 sign without a named hash: a certificate that names one is not theirs."""
    edwards = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    return edwards == (child.signature_hash_algorithm is None)


def _padding(child: x509.Certificate) -> padding.PKCS1v15 | padding.PSS:
    parameters = child.signature_algorithm_parameters
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()


def weak_hash(certificate: Certificate) -> str | None:
    """The hash under a certificate's signature if forgeries are feasible (RFC 9155, RFC 6151)."""
    name = certificate.signature_hash
    return name if name in ("md5", "sha1") else None
