"""OCSP (RFC 6960) and CRLs (RFC 5280 section 5): the question, and answers verified. Nothing here
fetches.

Answers come over plain HTTP from wherever a certificate says, so whatever they hold is a stranger's
until the signature is the CA's, or that of a responder which the CA itself authorised."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from letterlock.certs.errors import CertificateError
from letterlock.certs.signature import issued
from letterlock.certs.x509 import extensions, load, name_key, printable
from letterlock.model.revocation import Status, Told

#: Clocks differ; a responder that signs as it is asked may be ahead of us.
_SKEW = timedelta(minutes=5)
#: How old an OCSP answer may be that does not say until when it holds (RFC 6960 section 4.2.2.1:
#: newer information is then always to be had).
_FRESH = timedelta(days=1)
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
#: Of a CRL, what is understood; another critical extension makes it useless (RFC 5280 section 5.2).
_UNDERSTOOD = (x509.IssuingDistributionPoint, x509.CRLNumber, x509.AuthorityKeyIdentifier)
_SHA1 = hashes.SHA1()  # noqa: S303 RFC 5019 section 2.1.1: it names the issuer, and proves nothing


def ocsp_request(subject: bytes, issuer: bytes) -> bytes:
    """The question about one certificate, all in DER; without a nonce, which responders that sign
    in advance do not answer (RFC 5019 section 2.1.1)."""
    return _request(subject, issuer, _SHA1).public_bytes(Encoding.DER)


def _request(subject: bytes, issuer: bytes, algorithm: hashes.HashAlgorithm) -> ocsp.OCSPRequest:
    builder = ocsp.OCSPRequestBuilder()
    try:
        return builder.add_certificate(load(subject), load(issuer), algorithm).build()
    except _UNREADABLE as error:
        raise CertificateError(f"no OCSP request can be made for it ({error})") from error


def ocsp_answer(response: bytes, subject: bytes, issuer: bytes, at: datetime) -> Told:
    """What an OCSP response says of `subject`. Raises CertificateError for one that cannot be read,
    is not about the certificate, is out of date at `at`, or signed by nobody who may."""
    try:
        read = ocsp.load_der_ocsp_response(response)
        if read.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            name = read.response_status.name.lower().replace("_", " ")
            raise CertificateError(f"the responder says: {name}")
        _authorised(read, issuer, at)
        return _told(_about(read, subject, issuer), at)
    except _UNREADABLE as error:
        raise CertificateError(f"not an OCSP response ({_one_line(error)})") from error


def _about(read: ocsp.OCSPResponse, subject: bytes, issuer: bytes) -> ocsp.OCSPSingleResponse:
    """The part about the certificate: serial number, and issuer by name and key (section 4.1.1)."""
    for single in read.responses:
        asked = _request(subject, issuer, single.hash_algorithm)
        same = (
            single.serial_number == asked.serial_number
            and single.issuer_name_hash == asked.issuer_name_hash
            and single.issuer_key_hash == asked.issuer_key_hash
        )
        if same:
            return single
    raise CertificateError("the OCSP response is about another certificate")


def _told(single: ocsp.OCSPSingleResponse, at: datetime) -> Told:
    start, end = single.this_update_utc, single.next_update_utc
    _current("OCSP response", start, end if end is not None else start + _FRESH, at)
    match single.certificate_status:
        case ocsp.OCSPCertStatus.GOOD:
            return Told(Status.GOOD, next_update=end)
        case ocsp.OCSPCertStatus.REVOKED:
            why = single.revocation_reason
            return Told(Status.REVOKED, single.revocation_time_utc, why.value if why else None, end)
    raise CertificateError("the responder does not know the certificate")


def _current(what: str, start: datetime, end: datetime, at: datetime) -> None:
    if at + _SKEW < start:
        raise CertificateError(f"the {what} is not valid before {_moment(start)}")
    if at - _SKEW > end:
        raise CertificateError(f"the {what} was valid until {_moment(end)}")


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# --- who may sign a response


def _authorised(read: ocsp.OCSPResponse, issuer: bytes, at: datetime) -> None:
    """RFC 6960 section 4.2.2.2: signed by the CA that issued the certificate, or by a responder
    whose certificate that CA issued, for this purpose, and which is valid."""
    signer = next((one for one in _signers(read, issuer) if _signed(read, one)), None)
    if signer is None:
        raise CertificateError("the OCSP response is signed by neither the CA nor its responder")
    if signer == issuer:
        return
    certificate = load(signer)
    name = printable(certificate.subject.rfc4514_string())
    if not issued(signer, issuer):
        raise CertificateError(
            f"the OCSP response is signed by {name}, whom the CA did not appoint"
        )
    purposes = extensions(signer).get(x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise CertificateError(f"the OCSP response is signed by {name}, which is no OCSP responder")
    valid = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    _current(f"certificate of the OCSP responder {name}", *valid, at)


def _signers(read: ocsp.OCSPResponse, issuer: bytes) -> Iterator[bytes]:
    """The certificates that the response names as its signer, in DER."""
    for der in (issuer, *(one.public_bytes(Encoding.DER) for one in read.certificates)):
        certificate = load(der)
        if read.responder_name is not None:
            if name_key(certificate.subject) == name_key(read.responder_name):
                yield der
        elif x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest == (
            read.responder_key_hash
        ):
            yield der


def _signed(read: ocsp.OCSPResponse, signer: bytes) -> bool:
    algorithm = read.signature_hash_algorithm
    if algorithm is not None and algorithm.name in ("md5", "sha1"):
        raise CertificateError(f"the OCSP response is signed with {algorithm.name.upper()}")
    key, signature, content = load(signer).public_key(), read.signature, read.tbs_response_bytes
    try:
        match key:
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, content)
            case rsa.RSAPublicKey() if algorithm:
                key.verify(signature, content, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey() if algorithm:
                key.verify(signature, content, ec.ECDSA(algorithm))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


# --- lists


def crl_answer(data: bytes, subject: bytes, issuer: bytes, at: datetime) -> Told:
    """What a CRL (DER, or PEM as some serve it) says of `subject`. Raises CertificateError for one
    that cannot be read, is not the issuer's for such certificates, or out of date at `at`."""
    try:
        crl = _load_crl(data)
        _vouched(crl, issuer)
        _covers(crl, subject)
        end = crl.next_update_utc
        if end is None:
            raise CertificateError("the CRL does not say until when it holds")
        _current("CRL", crl.last_update_utc, end, at)
        entry = crl.get_revoked_certificate_by_serial_number(load(subject).serial_number)
        if entry is None:
            return Told(Status.GOOD, next_update=end)
        return Told(Status.REVOKED, entry.revocation_date_utc, _reason(entry), end)
    except _UNREADABLE as error:
        raise CertificateError(f"not a CRL ({_one_line(error)})") from error


def _load_crl(data: bytes) -> x509.CertificateRevocationList:
    if data.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_crl(data)
    return x509.load_der_x509_crl(data)


def _vouched(crl: x509.CertificateRevocationList, issuer: bytes) -> None:
    authority = load(issuer)
    if name_key(crl.issuer) != name_key(authority.subject):
        raise CertificateError(f"the CRL is of {printable(crl.issuer.rfc4514_string())}")
    algorithm = crl.signature_hash_algorithm
    if algorithm is not None and algorithm.name in ("md5", "sha1"):
        raise CertificateError(f"the CRL is signed with {algorithm.name.upper()}")
    usage = extensions(issuer).get(x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise CertificateError("the CA's certificate is not for signing CRLs")
    key = authority.public_key()
    if not crl.is_signature_valid(key):  # type: ignore[arg-type]
        raise CertificateError("the CRL is not signed by the CA")


def _covers(crl: x509.CertificateRevocationList, subject: bytes) -> None:
    """RFC 5280 section 6.3.3 (b): complete, and for certificates such as this one."""
    for extension in crl.extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            raise CertificateError("the CRL lists changes only")
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise CertificateError(
                f"the CRL has an unknown extension {extension.oid.dotted_string}"
            )
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            _scope(extension.value, subject)


def _scope(point: x509.IssuingDistributionPoint, subject: bytes) -> None:
    basic = extensions(subject).get(x509.BasicConstraints)
    is_ca = basic is not None and basic.ca
    if (
        point.indirect_crl
        or point.only_some_reasons
        or point.only_contains_attribute_certs
        or (point.only_contains_ca_certs and not is_ca)
        or (point.only_contains_user_certs and is_ca)
    ):
        raise CertificateError("the CRL is for other certificates")
    if point.full_name and not set(_urls(point.full_name)) & set(crl_urls(subject)):
        raise CertificateError("the CRL is of another distribution point")


def crl_urls(subject: bytes) -> tuple[str, ...]:
    """Where the certificate's complete CRLs are (RFC 5280 section 4.2.1.13): the points of its own
    issuer, for all reasons."""
    points = extensions(subject).get(x509.CRLDistributionPoints)
    return tuple(
        url
        for point in points or ()
        if not (point.reasons or point.crl_issuer)
        for url in _urls(point.full_name or [])
    )


def _urls(names: list[x509.GeneralName]) -> list[str]:
    return [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]


def _reason(entry: x509.RevokedCertificate) -> str | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return None


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__
