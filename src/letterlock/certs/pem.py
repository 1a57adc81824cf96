"""PEM (RFC 7468) as people keep it: blocks in text, in any order, with stray white space."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from letterlock.certs.errors import CertificateError
from letterlock.model.errors import Location

#: No file that a CA delivers has more; Debian's bundle of all roots has some 150.
MOST_BLOCKS = 1000

# Five hyphens at least: a lost line break turns END's and BEGIN's into ten.
_BOUNDARY = re.compile(rb"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 #./]{0,60})-----")
#: White space, and what word processors and web pages leave in its place: byte order mark,
#: no-break space, zero-width space.
_SPACE = re.compile(rb"[\s\0]|\xef\xbb\xbf|\xc2\xa0|\xe2\x80\x8b")


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its label, its decoded contents, where it begins; `headers` are the RFC 1421
    headers of a key encrypted the traditional way. `repr` shows no contents."""

    label: str
    content: bytes
    where: Location
    headers: bytes = b""

    def __repr__(self) -> str:
        return f"Block({self.label!r}, {len(self.content)} bytes, {self.where})"

    def armoured(self) -> bytes:
        """The block as OpenSSL would write it."""
        headers = self.headers.replace(b"\r", b"").strip()
        preamble = headers + b"\n\n" if headers else b""
        return armour(self.label, self.content, preamble)


def armour(label: str, content: bytes, preamble: bytes = b"") -> bytes:
    """RFC 7468 section 2: 64 letters a line, a newline at the end."""
    text = base64.b64encode(content)
    lines = b"".join(text[start : start + 64] + b"\n" for start in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b%b-----END %b-----\n" % (
        label.encode("ascii"),
        preamble,
        lines,
        label.encode("ascii"),
    )


def has_blocks(data: bytes) -> bool:
    return b"-----BEGIN " in data


def blocks(data: bytes, path: str) -> tuple[Block, ...]:
    """All blocks, in file order. Raises CertificateError, with the line, for a block that does not
    end or whose contents are not base64."""
    found: list[Block] = []
    line, counted = 1, 0
    begun: re.Match[bytes] | None = None
    where = Location(path)
    for boundary in _BOUNDARY.finditer(data):
        line += data.count(b"\n", counted, boundary.start())
        counted = boundary.start()
        if boundary[1] == b"BEGIN":
            if begun is not None:
                raise _unended(begun, where)
            begun, where = boundary, Location(path, line)
        elif begun is not None:
            if begun[2] != boundary[2]:
                raise _unended(begun, where)
            found.append(_block(begun, data[begun.end() : boundary.start()], where))
            begun = None
        if len(found) > MOST_BLOCKS:
            raise CertificateError(f"more than {MOST_BLOCKS} PEM blocks", where=Location(path))
    if begun is not None:
        raise _unended(begun, where)
    return tuple(found)


def _unended(begun: re.Match[bytes], where: Location) -> CertificateError:
    label = begun[2].decode("ascii")
    return CertificateError(
        f"the block BEGIN {label} has no END {label}",
        where=where,
        remedy="the file is cut short: fetch it from the CA again",
    )


def _block(begun: re.Match[bytes], body: bytes, where: Location) -> Block:
    label = begun[2].decode("ascii")
    headers = _headers(body)
    text = _SPACE.sub(b"", body[len(headers) :])
    try:
        content = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise CertificateError(
            f"the block {label} is damaged (not base64)",
            where=where,
            remedy="fetch it from the CA again",
        ) from None
    if not content:
        raise CertificateError(f"the block {label} is empty", where=where)
    return Block(label, content, where, headers)


def _headers(body: bytes) -> bytes:
    """RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`): everything up to the line after the last one
    with a colon, which base64 never has."""
    if b":" not in body:
        return b""
    end = body.find(b"\n", body.rindex(b":"))
    return body if end < 0 else body[: end + 1]
