"""Dovecot's grammar, line by line: one for 1.x, 2.0–2.3 and 2.4.

A line is a setting, the beginning of a block, its end, or an include; nothing may follow a brace
but a comment. A backslash at the end joins the next line; a blank line or a comment there, and
Dovecot forgets what came before. Source: config-parser.c of 2.3.19 and 2.4.1, settings.c of 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from letterlock.conf.text import Lines, body

BLANKS = " \t"
_QUOTES = "'\""


class Kind(Enum):
    """What a statement is; FORGOTTEN: Dovecot drops it without a word."""

    SETTING = 1
    BEGIN = 2
    END = 3
    INCLUDE = 4
    INCLUDE_TRY = 5
    FAULT = 6
    FORGOTTEN = 7


class ValueKind(StrEnum):
    """How a value is written: as it is, in quotes, `<` and the file whose contents it is, or with
    `$name` in it."""

    PLAIN = "plain"
    QUOTED = "quoted"
    FILE = "file"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class Piece:
    """Physical line `index` (from 0) without indentation, comment and backslash: its characters
    from `start` to `end`, which stand at `offset` of the statement's text."""

    index: int
    start: int
    end: int
    offset: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One line, or several joined by backslashes. `name` is a setting's name, a block's `type
    name`, an include's pattern, a fault's description; `value` is a setting's value as Dovecot
    reads it, `<file` for a file. `value_start` is where the value is written in `text`."""

    kind: Kind
    text: str
    pieces: tuple[Piece, ...]
    name: str = ""
    value: str = ""
    value_kind: ValueKind = ValueKind.PLAIN
    value_start: int = 0

    @property
    def first(self) -> int:
        return self.pieces[0].index

    @property
    def last(self) -> int:
        return self.pieces[-1].index


def statements(lines: Lines) -> Iterator[Statement]:
    """The statements of a file in order; comments and blank lines between them are none."""
    text, pieces = "", ()  # type: tuple[str, tuple[Piece, ...]]
    for index, line in enumerate(lines):
        start, end = _content(body(line))
        if start == end:
            if pieces:
                here = (*pieces, Piece(index, end, end, len(text)))
                yield Statement(Kind.FORGOTTEN, text, here)
                text, pieces = "", ()
            continue
        joined = line[end - 1] == "\\"
        if joined:
            end = start + len(line[start : end - 1].rstrip(BLANKS))
        pieces = (*pieces, Piece(index, start, end, len(text)))
        text += line[start:end] + (" " if joined and end > start else "")
        if not joined:
            yield _statement(text, pieces)
            text, pieces = "", ()
    if pieces:
        yield Statement(Kind.FORGOTTEN, text, pieces)


def _content(line: str) -> tuple[int, int]:
    """Where a line's text is: without indentation, comment, trailing blanks, and what follows a
    NUL byte. A `#` inside quotes begins no comment; a quote that is never closed reaches to the
    end of the line."""
    line = line.partition("\0")[0]
    start = len(line) - len(line.lstrip(BLANKS))
    if "#" not in line:
        return start, max(start, len(line.rstrip(BLANKS)))
    at = start
    while at < len(line) and line[at] != "#":
        if line[at] in _QUOTES:
            at = _closing_quote(line, at)
        at += 1
    end = start + len(line[start:at].rstrip(BLANKS))
    return start, end


def _closing_quote(line: str, at: int) -> int:
    """Where the quote that opens at `at` closes: the line's end if it never does."""
    quote, at = line[at], at + 1
    while at < len(line) and line[at] != quote:
        at += 2 if line[at] == "\\" and at + 1 < len(line) else 1
    return at


def _statement(text: str, pieces: tuple[Piece, ...]) -> Statement:
    key, rest_start = _key(text)
    rest = text[rest_start:]
    if key in ("!include", "!include_try"):
        kind = Kind.INCLUDE if key == "!include" else Kind.INCLUDE_TRY
        return Statement(kind, text, pieces, rest)
    if rest.startswith("="):
        start = rest_start + 1
        start += len(text) - start - len(text[start:].lstrip(BLANKS))
        value, kind_of_value = read_value(text[start:])
        return Statement(Kind.SETTING, text, pieces, key, value, kind_of_value, start)
    if key == "}" and not rest:
        return Statement(Kind.END, text, pieces)
    return _block(Statement(Kind.FAULT, text, pieces), key, rest)


def _key(text: str) -> tuple[str, int]:
    """A line's first word, and where what follows it begins. 2.4 allows it in quotes."""
    end = text.find('"', 1) + 1 if text.startswith('"') else 0
    if end:
        key = text[1 : end - 1]
    else:
        end = next((at for at, char in enumerate(text) if char in "= \t"), len(text))
        key = text[:end]
    return key, end + len(text[end:]) - len(text[end:].lstrip(BLANKS))


def _block(bare: Statement, key: str, rest: str) -> Statement:
    """`type {`, `type name {`, `type "some name" {`, and 2.4's `group @group name {`."""
    if key == "group" and rest.startswith("@"):
        label, _, rest = rest.partition(" ")
        key, rest = f"group {label}", rest.lstrip(BLANKS)
    name, brace = _section_name(rest)
    if not brace.startswith("{"):
        return replace(bare, name="neither a setting (name = value) nor a block (name {)")
    if brace != "{":
        return replace(bare, name="nothing but a comment may follow '{' on its line")
    return replace(bare, kind=Kind.BEGIN, name=f"{key} {name}" if name else key)


def _section_name(rest: str) -> tuple[str, str]:
    """A block's name, without quotes, and what follows it."""
    if rest.startswith("{"):
        return "", rest
    if rest.startswith('"'):
        name, closing, brace = rest[1:].partition('"')
        return unescape(name), brace.lstrip(BLANKS) if closing else ""
    end = next((at for at, char in enumerate(rest) if char in BLANKS), len(rest))
    return rest[:end], rest[end:].lstrip(BLANKS)


def read_value(raw: str) -> tuple[str, ValueKind]:
    """A value as Dovecot reads it; for a file `<` and its path, whatever blanks stand between."""
    if raw.startswith("<"):
        return "<" + raw[1:].lstrip(BLANKS), ValueKind.FILE
    if raw[:1] not in ("'", '"') and "$" in raw:
        return raw, ValueKind.VARIABLE
    if raw and raw[0] in _QUOTES and raw[-1] == raw[0]:
        return unescape(raw[1:-1]), ValueKind.QUOTED
    return raw, ValueKind.PLAIN


def unescape(text: str) -> str:
    """A backslash stands for the character after it."""
    result = []
    characters = iter(text)
    for char in characters:
        result.append(next(characters, "") if char == "\\" else char)
    return "".join(result)


def kind_to_write(value: str) -> ValueKind:
    """How a value has to be written to be read as meant: `<path` names a file and `$name` another
    setting, as in doveconf's own output."""
    if value.startswith("<"):
        return ValueKind.FILE
    if "$" in value:
        return ValueKind.VARIABLE
    ends = value[:1] + value[-1:]
    special = any(char in value for char in "#'\"") or any(char in BLANKS for char in ends)
    return ValueKind.QUOTED if special or value.endswith("\\") else ValueKind.PLAIN


def quoted(value: str) -> str:
    """The value in double quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def opening(section: str) -> str:
    """The line that opens a block: `local_name mail.example.com {`."""
    kind, _, name = section.partition(" ")
    if not name:
        return f"{kind} {{"
    special = kind != "group" and any(char in name for char in " \t#'{=")
    return f"{kind} {quoted(name) if special else name} {{"
