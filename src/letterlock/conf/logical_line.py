"""Postfix's logical lines, the ground of main.cf and master.cf.

Source: postconf(5), master(5) and readlline(3): a line that begins with white space continues the
one before; blank lines and comments, wherever they stand, are no part of either. A logical line
that itself begins with white space is skipped with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from letterlock.conf.text import Lines, body, insert

#: What isspace(3) says of ASCII; Postfix asks it of no other byte.
WHITE = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """`text` is what Postfix reads: the physical lines `indices` (counted from 0) without their
    line feeds, one after the other; `starts` says where each begins in it. Everything from a NUL
    byte on is read by nobody."""

    text: str
    indices: tuple[int, ...]
    starts: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.indices[0]

    @property
    def last(self) -> int:
        return self.indices[-1]

    @property
    def skipped(self) -> bool:
        """Postfix warns and reads on: it has nothing to continue."""
        return self.text[0] in WHITE

    @property
    def visible(self) -> str:
        """The text up to the first NUL byte, where C strings end."""
        return self.text.partition("\0")[0]

    def piece_at(self, offset: int) -> int:
        """Which of `indices` holds `offset`; at a seam, the earlier one."""
        return max(0, sum(start < offset for start in self.starts) - 1)

    def line_at(self, offset: int) -> int:
        """The physical line, counted from 1, of the character at `offset`."""
        return self.indices[sum(start <= offset for start in self.starts) - 1] + 1


def is_comment_or_blank(line: str) -> bool:
    """Whether Postfix passes over this physical line."""
    content = line.lstrip(WHITE)
    return not content or content.startswith("#")


def logical_lines(lines: Lines) -> Iterator[LogicalLine]:
    """The logical lines of a file in order, skipped ones included."""
    texts: list[str] = []
    indices: list[int] = []
    for index, line in enumerate(lines):
        if texts and line[0] != "#" and line[0] not in WHITE:
            yield _joined(texts, indices)
            texts, indices = [], []
        if not is_comment_or_blank(line):
            texts.append(line.removesuffix("\n"))
            indices.append(index)
    if texts:
        yield _joined(texts, indices)


def _joined(texts: list[str], indices: list[int]) -> LogicalLine:
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text))
    return LogicalLine("".join(texts), tuple(indices), tuple(starts))


def insertion_point(logical: tuple[LogicalLine, ...], index: int) -> int:
    """The first place at or after line `index` where a line of its own can be put: not inside a
    logical line, which it would cut, nor before one that begins with white space, which it would
    make its continuation."""
    for line in logical:
        if line.first < index <= line.last or (line.skipped and index <= line.first):
            index = line.last + 1
    return index


def replace(lines: Lines, logical: LogicalLine, start: int, end: int, new: str) -> Lines:
    """`lines` with `new` for the characters from `start` to `end` of a logical line. It goes where
    `start` is; physical lines that have no text left go, comments between them stay."""
    anchor = logical.piece_at(start)
    result: list[str | None] = list(lines)
    for piece, (index, offset) in enumerate(zip(logical.indices, logical.starts, strict=True)):
        line = lines[index]
        length = len(line.removesuffix("\n"))
        if piece == anchor:
            result[index] = _edited(line, start - offset, end - offset, new)
        elif piece > anchor and offset < end:
            rest = _kept(line, min(end - offset, length))
            result[index] = rest
    return tuple(line for line in result if line is not None)


def _edited(line: str, start: int, end: int, new: str) -> str | None:
    text = body(line)
    edited = text[:start] + new + text[max(end, start) :]
    return edited + line[len(text) :] if edited.strip(WHITE) else None


def _kept(line: str, start: int) -> str | None:
    """The line from `start` on, still a continuation line; None where only blanks are left."""
    rest = line[start:]
    if not rest.strip(WHITE):
        return None
    indent = "" if rest[0] in WHITE else line[: len(line) - len(line.lstrip(WHITE))]
    return indent + rest


@dataclass(frozen=True, slots=True)
class NameValue:
    """`name = value` taken apart: offsets of the name's end, of the sign and of the value."""

    name: str
    value: str
    sign: int
    start: int
    end: int


def split_name_value(text: str) -> NameValue | str:
    """Take a setting apart as split_nameval(3) does, or say what is wrong with it."""
    name_start = len(text) - len(text.lstrip(WHITE))
    rest = text[name_start:]
    if not rest or rest[0] == "=":
        return "missing attribute name"
    length = next((at for at, char in enumerate(rest) if char in WHITE or char == "="), len(rest))
    sign = name_start + length
    while sign < len(text) and text[sign] in WHITE:
        sign += 1
    if sign == len(text) or text[sign] != "=":
        return "missing '=' after attribute name"
    value = text[sign + 1 :].strip(WHITE)
    end = max(len(text.rstrip(WHITE)), sign + 1)
    return NameValue(rest[:length], value, sign, end - len(value), end)


def add_lines(
    lines: Lines, logical: tuple[LogicalLine, ...], index: int, bodies: list[str]
) -> Lines:
    """`lines` with whole new logical lines at, or at the first safe place after, line `index`."""
    return insert(lines, insertion_point(logical, index), bodies)
