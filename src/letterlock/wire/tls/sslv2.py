"""SSLv2's CLIENT-HELLO, SERVER-HELLO and ERROR (draft-hickman-netscape-ssl-00 section 1.4), and
the hello in its form with which old clients offered SSLv3 and TLS too (RFC 5246 appendix E.2)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader, numbers, push, push_numbers
from letterlock.wire.tls.code_points import SSL2
from letterlock.wire.tls.records import Sslv2Record

_ERROR = 0
_CLIENT_HELLO = 1
_SERVER_HELLO = 4


@dataclass(frozen=True, slots=True)
class Sslv2ClientHello:
    """`cipher_kinds` are SSLv2's of three bytes; a suite of SSLv3's or TLS's among them has a
    first byte of zero. `version` above SSL2 offers that version in the compatible form."""

    cipher_kinds: tuple[int, ...]
    version: int = SSL2
    session_id: bytes = b""
    challenge: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def __bytes__(self) -> bytes:
        """The message with its type, without the record's header."""
        kinds = push_numbers(self.cipher_kinds, 3)
        lengths = push_numbers((len(kinds), len(self.session_id), len(self.challenge)), 2)
        head = push(_CLIENT_HELLO, 1) + push(self.version, 2) + lengths
        return head + kinds + self.session_id + self.challenge

    def to_records(self) -> bytes:
        return bytes(Sslv2Record(bytes(self)))

    @classmethod
    def parse(cls, message: bytes) -> Sslv2ClientHello:
        """Raises WireError."""
        reader = Reader(message, "SSLv2 CLIENT-HELLO")
        _expect(reader, _CLIENT_HELLO)
        version = reader.number(2)
        kinds, session_id, challenge = (reader.number(2) for _ in range(3))
        hello = cls(
            numbers(reader.take(kinds), 3, "SSLv2 CIPHER-SPECS"),
            version,
            reader.take(session_id),
            reader.take(challenge),
        )
        reader.finish()
        return hello


@dataclass(frozen=True, slots=True)
class Sslv2ServerHello:
    """`certificate` in DER, empty where a session is taken up again; `cipher_kinds` are those
    that both sides have."""

    version: int
    certificate: bytes
    cipher_kinds: tuple[int, ...]
    connection_id: bytes
    session_id_hit: int = 0
    certificate_type: int = 1

    def __bytes__(self) -> bytes:
        kinds = push_numbers(self.cipher_kinds, 3)
        lengths = (len(self.certificate), len(kinds), len(self.connection_id))
        head = bytes((_SERVER_HELLO, self.session_id_hit, self.certificate_type))
        head += push(self.version, 2) + push_numbers(lengths, 2)
        return head + self.certificate + kinds + self.connection_id

    @classmethod
    def parse(cls, message: bytes) -> Sslv2ServerHello:
        """Raises WireError."""
        reader = Reader(message, "SSLv2 SERVER-HELLO")
        _expect(reader, _SERVER_HELLO)
        hit, certificate_type, version = reader.number(1), reader.number(1), reader.number(2)
        certificate, kinds, connection_id = (reader.number(2) for _ in range(3))
        hello = cls(
            version,
            reader.take(certificate),
            numbers(reader.take(kinds), 3, "SSLv2 CIPHER-SPECS"),
            reader.take(connection_id),
            hit,
            certificate_type,
        )
        reader.finish()
        return hello


@dataclass(frozen=True, slots=True)
class Sslv2Error:
    """1 is NO-CIPHER-ERROR, 2 NO-CERTIFICATE, 4 BAD-CERTIFICATE, 6 UNSUPPORTED-CERTIFICATE."""

    code: int

    def __bytes__(self) -> bytes:
        return push(_ERROR, 1) + push(self.code, 2)

    @classmethod
    def parse(cls, message: bytes) -> Sslv2Error:
        """Raises WireError."""
        reader = Reader(message, "SSLv2 ERROR")
        _expect(reader, _ERROR)
        error = cls(reader.number(2))
        reader.finish()
        return error


def pull_server_message(message: bytes) -> Sslv2ServerHello | Sslv2Error:
    """Raises WireError for any other message."""
    match message[:1]:
        case b"\x04":
            return Sslv2ServerHello.parse(message)
        case b"\x00":
            return Sslv2Error.parse(message)
    raise WireError(f"an SSLv2 message of the type {message[:1].hex() or 'none'}")


def _expect(reader: Reader, message_type: int) -> None:
    found = reader.number(1)
    if found != message_type:
        raise WireError(f"an SSLv2 message of the type {found} instead of {message_type}")
