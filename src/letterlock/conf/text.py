"""Text that keeps every byte, as physical lines with their endings.

Both servers read a file up to each line feed, and nothing else ends a line: a lone carriage
return, a form feed or U+0085 does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from letterlock.conf.errors import ConfError
from letterlock.model.errors import Location

Lines = tuple[str, ...]


def decode(data: bytes) -> str:
    """UTF-8 where it is; every other byte as a lone surrogate (PEP 383), so that none is lost."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` was given."""
    return text.encode("utf-8", "surrogateescape")


def split_lines(text: str) -> Lines:
    """Physical lines, each with its ending; only the last one may have none."""
    *ended, rest = text.split("\n")
    return (*(f"{line}\n" for line in ended), *((rest,) if rest else ()))


def ending(line: str) -> str:
    """CR LF, LF or nothing."""
    if line.endswith("\r\n"):
        return "\r\n"
    return "\n" if line.endswith("\n") else ""


def body(line: str) -> str:
    """The line without its ending."""
    return line[: len(line) - len(ending(line))]


def indentation(line: str) -> str:
    """The blanks and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def _usual_ending(lines: Lines) -> str:
    endings = [ending(line) for line in lines]
    return "\r\n" if endings.count("\r\n") > endings.count("\n") else "\n"


def insert(lines: Lines, index: int, bodies: Sequence[str]) -> Lines:
    """`lines` with new ones before line `index`, which end as the line above them does; where
    that is the last one and has no ending, it is first given one."""
    above = lines[:index]
    new_ending = (above and ending(above[-1])) or _usual_ending(lines)
    if above and not ending(above[-1]):
        above = (*above[:-1], above[-1] + new_ending)
    return (*above, *(text + new_ending for text in bodies), *lines[index:])


def check_value(value: str, where: Location) -> None:
    """Refuse what no line can hold: a line break, a NUL, blanks at either end (both servers drop
    them), text that is no Unicode. Raises ConfError."""
    if any(character in value for character in "\n\r\0"):
        raise ConfError(
            "a value cannot hold a line break or a NUL byte",
            where=where,
            remedy="give it on one line",
        )
    if value != value.strip(" \t\v\f"):
        raise ConfError(
            f"a value cannot begin or end with white space: {value!r}",
            where=where,
            remedy="remove it",
        )
    try:
        encode(value)
    except UnicodeEncodeError:
        raise ConfError(
            f"a value has characters that cannot be written: {value!r}",
            where=where,
            remedy="use UTF-8",
        ) from None
