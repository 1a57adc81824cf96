"""Certificate, CertificateStatus and CertificateRequest (RFC 5246 sections 7.4.2 and 7.4.4, RFC
8446 sections 4.3.2 and 4.4.2, RFC 6066 section 8)."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import (
    Reader,
    numbers,
    push,
    push_numbers,
    push_vector,
    vector_list,
)
from letterlock.wire.tls.code_points import TLS1_2, ExtensionType, HandshakeType
from letterlock.wire.tls.extensions import Extensions, pull_extension_list, push_extensions

_OCSP = 1


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain as sent, each certificate in DER (unparsed), the server's own first. It may be
    empty."""

    chain: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        """The message of TLS 1.2 and below, with its header."""
        entries = b"".join(push_vector(der, 3) for der in self.chain)
        return push(HandshakeType.CERTIFICATE, 1) + push_vector(push_vector(entries, 3), 3)

    @classmethod
    def parse(cls, body: bytes) -> Certificate:
        """Raises WireError."""
        return cls(vector_list(body, prefix=3, size=3, what="Certificate"))


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """A certificate with its own extensions."""

    der: bytes
    extensions: Extensions = ()

    @property
    def stapled(self) -> bytes | None:
        """The OCSP response in status_request (RFC 8446 section 4.4.2.1), DER. Raises
        WireError."""
        for each in self.extensions:
            if each.type == ExtensionType.STATUS_REQUEST:
                return CertificateStatus.parse(each.data).response
        return None

    @property
    def timestamps(self) -> tuple[bytes, ...]:
        """Raises WireError."""
        for each in self.extensions:
            if each.type == ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP:
                return vector_list(each.data, prefix=2, size=2, what="timestamps")
        return ()


@dataclass(frozen=True, slots=True)
class Certificate13:
    """The message of TLS 1.3."""

    entries: tuple[CertificateEntry, ...]
    context: bytes = b""

    def __bytes__(self) -> bytes:
        listed = b"".join(
            push_vector(entry.der, 3) + push_extensions(entry.extensions) for entry in self.entries
        )
        body = push_vector(self.context, 1) + push_vector(listed, 3)
        return push(HandshakeType.CERTIFICATE, 1) + push_vector(body, 3)

    @classmethod
    def parse(cls, body: bytes) -> Certificate13:
        """Raises WireError."""
        reader = Reader(body, "Certificate")
        context = reader.vector(1)
        inner = reader.inner(3, "certificate_list")
        reader.finish()
        entries = []
        while inner.left:
            der = inner.vector(3)
            extensions = pull_extension_list(inner.inner(2, "certificate extensions"))
            entries.append(CertificateEntry(der, extensions))
        return cls(tuple(entries), context)


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A stapled OCSP response, DER (unparsed)."""

    response: bytes

    def __bytes__(self) -> bytes:
        body = push(_OCSP, 1) + push_vector(self.response, 3)
        return push(HandshakeType.CERTIFICATE_STATUS, 1) + push_vector(body, 3)

    @classmethod
    def parse(cls, body: bytes) -> CertificateStatus:
        """Raises WireError, also for a status type other than ocsp."""
        reader = Reader(body, "CertificateStatus")
        status_type = reader.number(1)
        if status_type != _OCSP:
            raise WireError(f"CertificateStatus: status type {status_type}")
        status = cls(reader.vector(3))
        reader.finish()
        return status


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What the server asks of a client certificate (TLS 1.2 and below); `signature_schemes` is
    None before TLS 1.2; `authorities` are names in DER."""

    certificate_types: tuple[int, ...]
    signature_schemes: tuple[int, ...] | None
    authorities: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        body = push_vector(push_numbers(self.certificate_types, 1), 1)
        if self.signature_schemes is not None:
            body += push_vector(push_numbers(self.signature_schemes, 2), 2)
        body += push_vector(b"".join(push_vector(name, 2) for name in self.authorities), 2)
        return push(HandshakeType.CERTIFICATE_REQUEST, 1) + push_vector(body, 3)

    @classmethod
    def parse(cls, body: bytes, version: int) -> CertificateRequest:
        """Raises WireError."""
        reader = Reader(body, "CertificateRequest")
        types = tuple(reader.vector(1))
        schemes = None
        if version >= TLS1_2:
            schemes = numbers(reader.vector(2), 2, "supported_signature_algorithms")
        authorities = vector_list(reader.rest(), prefix=2, size=2, what="certificate_authorities")
        return cls(types, schemes, authorities)
