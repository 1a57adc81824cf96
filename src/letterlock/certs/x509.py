"""An X.509 certificate (RFC 5280) as facts, whatever is odd about it.

`cryptography` reads the certificate. What it refuses as a whole (one malformed extension makes all
of them unreadable) is read extension by extension, so that an odd certificate is shown with its
oddities instead of not at all."""

from __future__ import annotations

import hashlib
import ipaddress
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID

from letterlock.certs import der
from letterlock.certs.errors import CertificateError
from letterlock.model.certificate import Certificate, PublicKey

# An old root with serial number 0 is no fault of the reader of this program's output.
warnings.filterwarnings(
    "ignore", message="Parsed a serial number", category=CryptographyDeprecationWarning
)

#: The most bytes one certificate may have; the largest ones in public use have some 30 kB.
LARGEST = 256 * 1024

#: RFC 5280 section 4.2.1.12 and the purposes met in mail certificates.
_PURPOSES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.4.1.311.10.3.3": "msSGC",
    "2.16.840.1.113730.4.1": "nsSGC",
}
#: Where OpenSSL's names of groups differ from SEC 2's (openssl-ecparam(1)).
_CURVES = {"secp256r1": "prime256v1", "secp192r1": "prime192v1"}

# What cryptography raises for bytes that are not what they should be, as fuzzed.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Extensions:
    """The readable extensions of a certificate, and the names of those that are malformed or
    stand twice."""

    readable: tuple[x509.Extension[x509.ExtensionType], ...]
    malformed: tuple[str, ...]

    def get(self, kind: type[ExtensionT]) -> ExtensionT | None:
        for extension in self.readable:
            if isinstance(extension.value, kind):
                return extension.value
        return None


def load(data: bytes) -> x509.Certificate:
    """The parsed certificate; kept for a while, since chains are judged more than once.

    Raises CertificateError when the bytes are not a DER certificate."""
    if len(data) > LARGEST:
        raise CertificateError(f"a certificate of {len(data)} bytes is not read")
    return _load(bytes(data))


@lru_cache(maxsize=512)
def _load(data: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(data)
    except _UNREADABLE as error:
        raise CertificateError(f"not an X.509 certificate ({_one_line(error)})") from error


@lru_cache(maxsize=512)
def extensions(data: bytes) -> Extensions:
    """The extensions of a DER certificate, the malformed ones by name only."""
    try:
        return Extensions(tuple(load(data).extensions), ())
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, *_UNREADABLE):
        return _one_by_one(data)


def _one_by_one(data: bytes) -> Extensions:
    readable: dict[str, x509.Extension[x509.ExtensionType]] = {}
    malformed: list[str] = []
    try:
        found = der.extensions(data)
    except CertificateError:
        return Extensions((), ("extensions",))
    for element in found:
        try:
            (extension,) = x509.load_der_x509_certificate(
                der.with_extensions(data, (element,))
            ).extensions
        except (
            x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType,
            CertificateError,
            *_UNREADABLE,
        ):
            malformed.append(_extension_name(element))
            continue
        if extension.oid.dotted_string in readable:
            malformed.append(f"second {_oid_name(extension.oid)}")
        else:
            readable[extension.oid.dotted_string] = extension
    return Extensions(tuple(readable.values()), tuple(malformed))


def _extension_name(element: der.Element) -> str:
    """The name of an Extension's extnID, from its bytes."""
    try:
        oid = der.first(element.content)
        if oid.tag != der.OBJECT_IDENTIFIER or not oid.content or len(oid.content) > 64:
            return "extension"
        return _oid_name(x509.ObjectIdentifier(_dotted(oid.content)))
    except (CertificateError, ValueError):
        return "extension"


def _dotted(content: bytes) -> str:
    """X.690 section 8.19."""
    arcs, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            arcs.append(value)
            value = 0
    head = min(arcs[0] // 40, 2) if arcs else 0
    return ".".join(map(str, (head, arcs[0] - 40 * head, *arcs[1:]))) if arcs else "0.0"


def _oid_name(oid: x509.ObjectIdentifier) -> str:
    name = oid._name
    return oid.dotted_string if name == "Unknown OID" else name


def facts(certificate: bytes | x509.Certificate) -> Certificate:
    """The facts of a certificate given as DER or as parsed by cryptography.

    Malformed parts are left out of the facts and named in `oddities`. Raises CertificateError
    (only) when the bytes are no certificate at all."""
    if isinstance(certificate, bytes):
        return _facts(certificate)
    return _facts(certificate.public_bytes(Encoding.DER))


@lru_cache(maxsize=256)
def _facts(data: bytes) -> Certificate:
    parsed = load(data)
    known = extensions(data)
    oddities = [f"malformed {name}" for name in known.malformed]

    def tolerant(read: Callable[[], _Value], name: str, instead: _Value) -> _Value:
        try:
            return read()
        except (CertificateError, *_UNREADABLE) as error:
            oddities.append(f"{name} cannot be read ({_one_line(error)})")
            return instead

    names = known.get(x509.SubjectAlternativeName)
    try:
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except _UNREADABLE as error:
        raise CertificateError(f"a certificate without dates ({_one_line(error)})") from error
    subject = tolerant(lambda: _shown(parsed.subject), "subject", "?")
    issuer = tolerant(lambda: _shown(parsed.issuer), "issuer", "?")
    spki = der.subject_public_key_info(data)
    if parsed.serial_number <= 0:
        oddities.append("serial number not positive (RFC 5280 section 4.1.2.2)")
    return Certificate(
        der=data,
        subject=subject,
        issuer=issuer,
        serial_number=parsed.serial_number,
        dns_names=_dns_names(names),
        ip_addresses=_ip_addresses(names),
        not_before=not_before,
        not_after=not_after,
        public_key=tolerant(lambda: _public_key(parsed), "public key", PublicKey("unknown", 0)),
        signature_algorithm=_oid_name(parsed.signature_algorithm_oid),
        signature_hash=tolerant(lambda: _signature_hash(parsed), "signature algorithm", None),
        is_ca=_is_ca(known),
        self_issued=_self_issued(data),
        extended_key_usage=_purposes(known),
        issuer_urls=_access_urls(known, AuthorityInformationAccessOID.CA_ISSUERS),
        ocsp_urls=_access_urls(known, AuthorityInformationAccessOID.OCSP),
        must_staple=_must_staple(known),
        sha256=hashlib.sha256(data).hexdigest(),
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        oddities=tuple(dict.fromkeys(oddities)),
    )


NameKey = tuple[frozenset[tuple[str, str]], ...]


def name_key(name: x509.Name) -> NameKey:
    """A distinguished name for comparison: case and runs of white space do not count, nor does
    the string type (RFC 5280 section 7.1)."""
    return tuple(
        frozenset((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in relative)
        for relative in name.rdns
    )


@lru_cache(maxsize=1024)
def name_keys(data: bytes) -> tuple[NameKey | None, NameKey | None]:
    """Subject and issuer of a DER certificate for comparison, None for one that cannot be read:
    cryptography reads names only when they are asked for."""
    certificate = load(data)
    return (
        _readable_key(lambda: certificate.subject),
        _readable_key(lambda: certificate.issuer),
    )


def _readable_key(name: Callable[[], x509.Name]) -> NameKey | None:
    try:
        return name_key(name())
    except _UNREADABLE:
        return None


def _folded(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return "#" + value.hex()
    return " ".join(value.casefold().split())


def printable(text: str) -> str:
    """`text` with whatever a terminal could obey written as \\xNN: names come from strangers."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _shown(name: x509.Name) -> str:
    """RFC 4514, printable."""
    return printable(name.rfc4514_string())


def _one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__


def _self_issued(data: bytes) -> bool:
    subject, issuer = name_keys(data)
    return subject is not None and subject == issuer


def _dns_names(names: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return tuple(printable(name) for name in names.get_values_for_type(x509.DNSName))


def _ip_addresses(names: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return tuple(
        str(address)
        for address in names.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    )


def _public_key(certificate: x509.Certificate) -> PublicKey:
    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            return PublicKey("RSA", key.key_size)
        case ec.EllipticCurvePublicKey():
            curve = _CURVES.get(key.curve.name, key.curve.name)
            return PublicKey("ECDSA", key.curve.key_size, curve)
        case ed25519.Ed25519PublicKey():
            return PublicKey("Ed25519", 256)
        case ed448.Ed448PublicKey():
            return PublicKey("Ed448", 456)
        case dsa.DSAPublicKey():
            return PublicKey("DSA", key.key_size)
    return PublicKey(_oid_name(certificate.public_key_algorithm_oid), 0)


def _signature_hash(certificate: x509.Certificate) -> str | None:
    algorithm = certificate.signature_hash_algorithm
    return algorithm.name if algorithm else None


def _is_ca(known: Extensions) -> bool:
    constraints = known.get(x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _purposes(known: Extensions) -> tuple[str, ...] | None:
    usage = known.get(x509.ExtendedKeyUsage)
    if usage is None:
        return None
    return tuple(_PURPOSES.get(oid.dotted_string, oid.dotted_string) for oid in usage)


def _access_urls(known: Extensions, method: x509.ObjectIdentifier) -> tuple[str, ...]:
    access = known.get(x509.AuthorityInformationAccess)
    if access is None:
        return ()
    return tuple(
        printable(description.access_location.value)
        for description in access
        if description.access_method == method
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    )


def _must_staple(known: Extensions) -> bool:
    """RFC 7633: the TLS feature extension with status_request."""
    feature = known.get(x509.TLSFeature)
    return feature is not None and x509.TLSFeatureType.status_request in feature
