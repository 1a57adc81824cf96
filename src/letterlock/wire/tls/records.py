"""Records (RFC 8446 section 5.1; SSLv2's by its draft, section 1.1), and the plain text that some
servers answer a ClientHello with."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import push, push_vector
from letterlock.wire.tls.code_points import ContentType

#: TLSPlaintext.length (RFC 8446 section 5.1).
MAX_PLAINTEXT = 2**14
#: TLSCiphertext.length in TLS 1.2 (RFC 5246 section 6.2.3): nothing larger is ever right.
MAX_FRAGMENT = 2**14 + 2048
#: How much plain text is looked at for its first line.
MAX_TEXT = 512
#: How much of a stream is kept to show.
MAX_HEAD = 64

_CONTENT_TYPES = frozenset(ContentType)
#: SSLv2 message types that a server begins with: ERROR, SERVER-HELLO.
_SSL2_HEADS = (b"\x00", b"\x04")
_TEXT = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


@dataclass(frozen=True, slots=True)
class Record:
    """A TLSPlaintext; `version` as it stands there, however odd."""

    content_type: int
    version: int
    fragment: bytes

    def __bytes__(self) -> bytes:
        return push(self.content_type, 1) + push(self.version, 2) + push_vector(self.fragment, 2)


@dataclass(frozen=True, slots=True)
class Sslv2Record:
    """An SSLv2 record without its padding: message type and body."""

    payload: bytes

    def __bytes__(self) -> bytes:
        return push(0x8000 | len(self.payload), 2) + self.payload


@dataclass(frozen=True, slots=True)
class PlainText:
    """The stream does not begin as a record does. `data` is its first line, or what there was up
    to the first byte that no text has; `is_text` says that all of it is printable ASCII."""

    data: bytes
    is_text: bool


Unit = Record | Sslv2Record | PlainText


def fragmented(content_type: int, version: int, payload: bytes, size: int = MAX_PLAINTEXT) -> bytes:
    """`payload` in as many records as fragments of `size` bytes make."""
    return b"".join(
        bytes(Record(content_type, version, payload[at : at + size]))
        for at in range(0, len(payload), size)
    )


class RecordReader:
    """Bytes in, records out, however they are cut. `sslv2` says that an SSLv2 hello was sent, so
    that SSLv2's records are recognised too, with headers of two bytes or three.

    What kind of stream it is shows in its first bytes; from then on `next` raises WireError for
    whatever is no record."""

    def __init__(self, *, sslv2: bool = False) -> None:
        self._data = bytearray()
        self._sslv2 = sslv2
        self._begun = False
        #: The first bytes of what was taken, up to MAX_HEAD.
        self.head = b""

    def feed(self, data: bytes) -> None:
        self._data += data

    def rest(self) -> bytes:
        """All that is left, taken out."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def next(self) -> Unit | None:
        """The next record, or None while too little has arrived. After a PlainText there is
        nothing more to be had. Raises WireError."""
        if not self._data:
            return None
        first = self._data[0]
        if first in _CONTENT_TYPES:
            return self._record()
        if self._sslv2 and first & 0x80:
            return self._sslv2_record(header=2)
        if self._begun:
            self._take(1)
            raise WireError(f"a record of the unknown type {first}")
        if self._sslv2 and len(self._data) < 4:
            return None
        if self._sslv2 and self._data[3:4] in _SSL2_HEADS:
            return self._sslv2_record(header=3)
        return self._text(complete=False)

    def end(self) -> PlainText | None:
        """The peer has closed: text that no line end has come for. Whatever is left of an
        unfinished record is in `rest`."""
        if self._begun or not self._data or self._data[0] in _CONTENT_TYPES:
            return None
        if self._sslv2 and (self._data[0] & 0x80 or self._data[3:4] in _SSL2_HEADS):
            return None
        return self._text(complete=True)

    def _record(self) -> Record | None:
        if len(self._data) < 5:
            return None
        length = int.from_bytes(self._data[3:5], "big")
        if length > MAX_FRAGMENT:
            self._take(5)
            raise WireError(f"a record of {length} bytes")
        if len(self._data) < 5 + length:
            return None
        self._begun = True
        head = self._take(5)
        return Record(head[0], int.from_bytes(head[1:3], "big"), self._take(length))

    def _sslv2_record(self, header: int) -> Sslv2Record | None:
        if len(self._data) < header:
            return None
        mask = 0x7FFF if header == 2 else 0x3FFF
        length = int.from_bytes(self._data[:2], "big") & mask
        padding = self._data[2] if header == 3 else 0
        if padding > length:
            self._take(header)
            raise WireError(f"an SSLv2 record of {length} bytes with {padding} of padding")
        if len(self._data) < header + length:
            return None
        self._begun = True
        self._take(header)
        return Sslv2Record(self._take(length)[: length - padding])

    def _text(self, *, complete: bool) -> PlainText | None:
        for position, byte in enumerate(self._data[:MAX_TEXT]):
            if byte == 0x0A or byte not in _TEXT:
                return PlainText(bytes(self._data[: position + 1]), byte in _TEXT)
        if complete or len(self._data) >= MAX_TEXT:
            return PlainText(bytes(self._data[:MAX_TEXT]), is_text=True)
        return None

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        if len(self.head) < MAX_HEAD:
            self.head += taken[: MAX_HEAD - len(self.head)]
        return taken
