"""As much of DER (X.690) as is needed to reach parts of a certificate that a parser refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from letterlock.certs.errors import CertificateError

SEQUENCE = 0x30
OBJECT_IDENTIFIER = 0x06
#: The context tags of TBSCertificate's version and extensions (RFC 5280 section 4.1).
VERSION = 0xA0
EXTENSIONS = 0xA3


@dataclass(frozen=True, slots=True)
class Element:
    """One tag-length-value: `content` is the value, `whole` all three."""

    tag: int
    content: bytes
    whole: bytes


def elements(data: bytes) -> Iterator[Element]:
    """The elements that fill `data` exactly. Raises CertificateError where it is not DER."""
    position = 0
    while position < len(data):
        element = first(data, position)
        yield element
        position += len(element.whole)


def first(data: bytes, position: int = 0) -> Element:
    """The element that begins at `position`, whatever follows. Raises CertificateError."""
    if len(data) < position + 2 or data[position] & 0x1F == 0x1F:
        raise CertificateError("not DER: no tag and length")
    length, start = data[position + 1], position + 2
    if length == 0x80:
        raise CertificateError("not DER: indefinite length")
    if length > 0x80:
        digits = length - 0x80
        length = int.from_bytes(data[start : start + digits], "big")
        start += digits
    end = start + length
    if len(data) < end:
        raise CertificateError("not DER: cut short")
    return Element(data[position], data[start:end], data[position:end])


def encode(tag: int, content: bytes) -> bytes:
    """An element with the shortest length (X.690 section 10.1)."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def tbs_fields(certificate: bytes) -> tuple[Element, ...]:
    """The fields of TBSCertificate that follow the optional version: serial number, signature,
    issuer, validity, subject, subjectPublicKeyInfo, then those with context tags."""
    tbs = first(first(certificate).content)
    fields = tuple(elements(tbs.content))
    if fields and fields[0].tag == VERSION:
        fields = fields[1:]
    if len(fields) < 6:
        raise CertificateError("not a certificate: fields are missing")
    return fields


def subject_public_key_info(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo as it stands in the certificate (RFC 5280 section 4.1.2.7)."""
    return tbs_fields(certificate)[5].whole


def extensions(certificate: bytes) -> tuple[Element, ...]:
    """Each Extension of a certificate, unread (RFC 5280 section 4.1.2.9)."""
    for field in tbs_fields(certificate)[6:]:
        if field.tag == EXTENSIONS:
            return tuple(elements(first(field.content).content))
    return ()


def with_extensions(certificate: bytes, kept: tuple[Element, ...]) -> bytes:
    """The certificate with other extensions. Its signature no longer fits; it is only good for
    reading those extensions."""
    outer = tuple(elements(first(certificate).content))
    fields = tuple(elements(outer[0].content))
    body = b"".join(field.whole for field in fields if field.tag != EXTENSIONS)
    if kept:
        body += encode(EXTENSIONS, encode(SEQUENCE, b"".join(one.whole for one in kept)))
    rest = b"".join(element.whole for element in outer[1:])
    return encode(SEQUENCE, encode(SEQUENCE, body) + rest)
