"""What hostile servers send stays text: each format's way to say so."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from letterlock.model.wording import Wording

_T = TypeVar("_T")


def printable(text: str) -> str:
    """Control, bidirectional and other invisible characters as backslash escapes (`\\x1b`, `\\n`,
    `\\u202e`), lone surrogates too: one line that no terminal obeys."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def cleaned(value: _T) -> _T:
    """The same facts with every text in them `printable`; what is clean stays the same object."""
    return _cleaned(value)  # type: ignore[no-any-return]


def _cleaned(value: Any) -> Any:
    if isinstance(value, Wording):  # the rest of it is ours
        return value if value.isprintable() else value.mapped(printable)
    if type(value) is str:
        return printable(value)
    if isinstance(value, tuple):
        parts = tuple(_cleaned(each) for each in value)
        return value if all(map(_same, parts, value)) else parts
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {
        name: new
        for name in _names(type(value))
        if (new := _cleaned(old := getattr(value, name))) is not old
    }
    return replace(value, **changed) if changed else value


def _same(one: object, other: object) -> bool:
    return one is other


@lru_cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


_NOT_ASCII = re.compile(r"[^\n -~]")


def json_text(text: str) -> str:
    """JSON as `json.dumps` writes it (without `ensure_ascii`), with what does not print written as
    \\u escapes (RFC 8259 section 7): the same values, harmless on a terminal."""
    return _NOT_ASCII.sub(_u_escape, text)


def _u_escape(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    if ord(char) < 0x10000:
        return f"\\u{ord(char):04x}"
    high, low = divmod(ord(char) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def markdown(text: str) -> str:
    """CommonMark's and GitHub's punctuation escaped, for the middle of a line: no link, no HTML, no
    emphasis, no table column."""
    escaped = re.sub(r"([\\`*_{}\[\]<>()#!|~$&])", r"\\\1", printable(text))
    return re.sub(r":(?=//)|(?<=www)\.|(?<=WWW)\.|@", lambda match: f"\\{match[0]}", escaped)


def csv_cell(value: object) -> str:
    """A spreadsheet takes what begins with = + - @ for a formula: an apostrophe keeps it text
    (OWASP, CSV Injection). Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = printable(str(value))
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@") and text.strip() else text


#: XML 1.0 section 2.2 allows only these characters.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(text: str) -> str:
    """Only characters that XML 1.0 may hold; `<`, `&` and quotes are the writer's own care."""
    return _NOT_XML.sub("�", printable(text))


def prometheus_label(value: str) -> str:
    """A label's value in quotes (the text exposition format: backslash, quote and line feed)."""
    text = printable(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def nagios(text: str) -> str:
    """Plugin output has performance data behind the pipe, and macros between dollars; old cores
    filter the rest of what a shell could take (illegal_macro_output_chars)."""
    return re.sub(r"[|$`~&\"'<>;]", " ", printable(text))
