"""Bytes in, lines out, within limits; and text from the wire made fit to be shown."""

from __future__ import annotations

import re

from letterlock.wire.error import WireError

#: SMTP allows 512 octets for a reply line (RFC 5321 section 4.5.3.1.5), IMAP advises 8,000
#: (RFC 2683 section 3.2.1.5).
MAX_LINE = 8192
#: What a server may say between two commands of ours.
MAX_TURN = 65536

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def readable(data: bytes) -> str:
    """The bytes as text that is safe on a terminal: bytes that are not UTF-8, control and
    direction-changing characters appear as backslash escapes."""
    text = data.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


class LineBuffer:
    """Collects bytes and hands out lines without their CRLF (a bare LF ends a line too).

    All methods that take from it return None while too little has arrived."""

    def __init__(self, max_line: int = MAX_LINE, max_turn: int = MAX_TURN) -> None:
        self._max_line = max_line
        self._max_turn = max_turn
        self._data = bytearray()
        self._received = 0

    def feed(self, data: bytes) -> None:
        """Raises WireError beyond `max_turn` bytes since the last `new_turn`."""
        self._received += len(data)
        if self._received > self._max_turn:
            raise WireError(f"more than {self._max_turn} bytes in one answer")
        self._data += data

    def new_turn(self) -> None:
        """We have spoken: the allowance starts again."""
        self._received = len(self._data)

    def line(self) -> bytes | None:
        """The next line. Raises WireError for one longer than `max_line`."""
        end = self._data.find(b"\n", 0, self._max_line + 2)
        if end < 0:
            if len(self._data) > self._max_line + 1:
                raise WireError(f"a line of more than {self._max_line} bytes")
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        line = line[:-1] if line.endswith(b"\r") else line
        if len(line) > self._max_line:
            raise WireError(f"a line of more than {self._max_line} bytes")
        return line

    def exactly(self, count: int) -> bytes | None:
        """The next `count` bytes. Raises WireError where they can never fit."""
        if count > self._max_turn:
            raise WireError(f"a literal of {count} bytes")
        if len(self._data) < count:
            return None
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def rest(self) -> bytes:
        """All that is left, taken out."""
        data = bytes(self._data)
        self._data.clear()
        return data
