"""Services that the stock master.cf has commented out, with their `-o` lines.

#submission inet n       -       y       -       -       smtpd
#  -o syslog_name=postfix/submission
#     Instead of specifying complex smtpd_<xxx>_restrictions here,
#  -o smtpd_client_restrictions=
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from letterlock.conf.logical_line import LogicalLine, is_comment_or_blank
from letterlock.conf.master_entry import COLUMNS, Entry, parse_entry
from letterlock.conf.text import Lines

_HEADER = re.compile(r"#[ \t]?(?=[^\s#])")
_OPTION = re.compile(r"#(?=[ \t]*-o)")


@dataclass(frozen=True, slots=True)
class StockBlock:
    """The header's line, and the `-o` lines below it with the parameters that each sets."""

    header: int
    options: tuple[tuple[int, frozenset[str]], ...]


def find(
    lines: Lines,
    logical: Sequence[LogicalLine],
    name: str,
    type: str,
) -> StockBlock | None:
    """The first commented-out service of that name and type that can be uncommented."""
    for index in range(len(lines)):
        entry = _header(lines, index)
        if entry is None or [token.text for token in entry.tokens[:2]] != [name, type]:
            continue
        if not _is_another_entry_s(logical, index):
            return StockBlock(index, tuple(_options(lines, index + 1)))
    return None


def _header(lines: Lines, index: int) -> Entry | None:
    """A comment that is an entry once its sign is taken away."""
    match = _HEADER.match(lines[index])
    entry = _parsed(lines[index][match.end() :]) if match else None
    whole = entry is not None and len(entry.tokens) >= COLUMNS and not entry.faults
    return entry if whole else None


def _parsed(text: str) -> Entry | None:
    text = text.removesuffix("\n")
    return parse_entry(LogicalLine(text, (0,), (0,))) if text.strip() else None


def _is_another_entry_s(logical: Sequence[LogicalLine], index: int) -> bool:
    """Whether a line below belongs to the entry above, which the header would take away, or has
    nothing to continue until the header is there."""
    return any(
        line.first < index < line.last or (line.skipped and index < line.first) for line in logical
    )


def _options(lines: Lines, index: int) -> Iterator[tuple[int, frozenset[str]]]:
    """The commented-out `-o` lines up to the next service, commented out or not, or blank line."""
    while index < len(lines) and is_comment_or_blank(lines[index]):
        if not lines[index].strip() or _header(lines, index) is not None:
            return
        names = _names(lines[index])
        if names:
            yield index, names
        index += 1


def _names(line: str) -> frozenset[str]:
    """What a commented-out line of nothing but `-o` options sets."""
    match = _OPTION.match(line)
    if match is None:
        return frozenset()
    options = line[match.end() :].strip()
    entry = _parsed(f"x unix - - - - - x {options}")
    if entry is None or entry.faults or entry.first_argument < len(entry.tokens):
        return frozenset()
    return frozenset(option.name for option in entry.options)


def uncomment(lines: Lines, block: StockBlock, overrides: frozenset[str]) -> Lines:
    """`lines` with the block's header in force, and its `-o` lines that set nothing but
    parameters of `overrides`."""
    result = list(lines)
    result[block.header] = _HEADER.sub("", lines[block.header], count=1)
    for index, names in block.options:
        if names <= overrides:
            text = lines[index][1:]
            result[index] = text if text[0] in " \t" else f"  {text}"
    return tuple(result)
