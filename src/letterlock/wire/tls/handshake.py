"""Handshake messages put together from fragments (RFC 8446 section 5.1), and NewSessionTicket."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader, push, push_vector
from letterlock.wire.tls.code_points import HandshakeType

#: The largest message that is read: OpenSSL's own bound for a chain is 100 kB
#: (SSL_CTX_set_max_cert_list(3)); a quarter of a megabyte leaves room to see one that is absurd.
MAX_MESSAGE = 2**18


@dataclass(frozen=True, slots=True)
class Message:
    """A handshake message: its type, and its body without the header."""

    type: int
    body: bytes

    def __bytes__(self) -> bytes:
        return push(self.type, 1) + push_vector(self.body, 3)


class Reassembler:
    """Fragments in, whole messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._data)

    def feed(self, fragment: bytes) -> None:
        self._data += fragment

    def next(self) -> Message | None:
        """Raises WireError for a message larger than MAX_MESSAGE."""
        if len(self._data) < 4:
            return None
        length = int.from_bytes(self._data[1:4], "big")
        if length > MAX_MESSAGE:
            raise WireError(f"a handshake message of {length} bytes")
        if len(self._data) < 4 + length:
            return None
        message = Message(self._data[0], bytes(self._data[4 : 4 + length]))
        del self._data[: 4 + length]
        return message


@dataclass(frozen=True, slots=True)
class NewSessionTicket:
    """RFC 5077 section 3.3 (TLS 1.2 and below); `lifetime_hint` in seconds."""

    lifetime_hint: int
    ticket: bytes

    def __bytes__(self) -> bytes:
        body = push(self.lifetime_hint, 4) + push_vector(self.ticket, 2)
        return bytes(Message(HandshakeType.NEW_SESSION_TICKET, body))

    @classmethod
    def parse(cls, body: bytes) -> NewSessionTicket:
        """Raises WireError."""
        reader = Reader(body, "NewSessionTicket")
        ticket = cls(reader.number(4), reader.vector(2))
        reader.finish()
        return ticket
