"""Edits of master.cf entries, in the style of what stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from letterlock.conf.logical_line import LogicalLine, add_lines, replace
from letterlock.conf.master_entry import BLANKS, COLUMNS, Entry, Option
from letterlock.conf.text import Lines, indentation, insert

_STOCK_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Setting:
    """What a `-o` says."""

    name: str
    value: str

    def written(self, braced: bool) -> str:
        """As it stands after `-o`: in braces where it must be, or where its neighbours are."""
        if braced or _has_separating_blank(self.value):
            return f"{{ {self.name} = {self.value} }}" if self.value else f"{{ {self.name} = }}"
        return f"{self.name}={self.value}"


def _has_separating_blank(value: str) -> bool:
    """Whether a blank outside braces would end the argument."""
    depth = 0
    for char in value:
        if char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif char in BLANKS and depth == 0:
            return True
    return False


def balanced(value: str) -> bool:
    """Whether every brace has its partner: one that has none would swallow what follows."""
    depth = 0
    for char in value:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return False
    return depth == 0


def change(lines: Lines, entry: Entry, option: Option, value: str) -> Lines:
    """`lines` with another value in a `-o` option, the rest of it as it is."""
    braced = option.braced(entry.logical.text)
    if value and (option.value or not braced) and (braced or not _has_separating_blank(value)):
        start, end, new = option.value_start, option.value_end, value
    else:
        start, end = option.text_start, option.end
        new = Setting(option.name, value).written(braced)
    return replace(lines, entry.logical, start, end, new)


def add(lines: Lines, entry: Entry, entries: Sequence[Entry], setting: Setting) -> Lines:
    """`lines` with a `-o` option more, after the entry's last one and before its arguments: on a
    line of its own unless the others all stand on the first line."""
    last = entry.last_option
    text = entry.logical.text
    own_lines = [option for option in entry.options if entry.begins_line(option.start)]
    braced = bool(entry.options) and entry.options[-1].braced(text)
    new = f"-o {setting.written(braced)}"
    piece = entry.logical.piece_at(last.end)
    following = entry.tokens[entry.first_argument : entry.first_argument + 1]
    shared = bool(following) and entry.logical.piece_at(following[0].start + 1) == piece
    if shared or (entry.options and not own_lines):
        return replace(lines, entry.logical, last.end, last.end, f" {new}")
    if own_lines:
        line = lines[entry.logical.line_at(own_lines[-1].start) - 1]
        indent = indentation(line) or _STOCK_INDENT
    else:
        indent = _usual_indent(lines, entries)
    return insert(lines, entry.logical.indices[piece] + 1, [indent + new])


def remove(lines: Lines, entry: Entry, option: Option) -> Lines:
    """`lines` without a `-o` option; a line that held nothing else goes with it."""
    text = entry.logical.text
    start, end = option.start, option.end
    if text[start] != "-":
        # The letter ends a cluster such as -vo.
        return replace(lines, entry.logical, start, end, "")
    if entry.begins_line(start):
        while end < len(text) and text[end] in BLANKS and end not in entry.logical.starts:
            end += 1
        return replace(lines, entry.logical, start, end, "")
    while text[start - 1] in BLANKS:
        start -= 1
    return replace(lines, entry.logical, start, end, "")


def _usual_indent(lines: Lines, entries: Sequence[Entry]) -> str:
    """How `-o` lines are indented in this file: most of them, else as in the stock file."""
    counted = Counter(
        indentation(lines[entry.logical.line_at(option.start) - 1])
        for entry in entries
        for option in entry.options
        if entry.begins_line(option.start)
    )
    counted.pop("", None)
    return counted.most_common(1)[0][0] if counted else _STOCK_INDENT


def add_service(
    lines: Lines,
    logical: tuple[LogicalLine, ...],
    entries: Sequence[Entry],
    header: Sequence[str],
    settings: Sequence[Setting],
    after: str | None,
) -> Lines:
    """`lines` with a new entry after its neighbour, columns below the neighbour's."""
    kin = [entry for entry in entries if entry.tokens[1].text == header[1]]
    named = [entry for entry in kin if entry.tokens[0].text == after]
    neighbour = next(reversed(named or kin), None)
    indent = _usual_indent(lines, entries)
    bodies = [_aligned(header, _column_starts(neighbour))]
    bodies += [f"{indent}-o {setting.written(False)}" for setting in settings]
    index = len(lines) if neighbour is None else _end(lines, neighbour)
    return add_lines(lines, logical, index, bodies)


def _end(lines: Lines, entry: Entry) -> int:
    """The line after an entry and after the `-o` lines that are commented out right below it."""
    index = entry.logical.last + 1
    while index < len(lines) and lines[index].lstrip("# \t").startswith("-o"):
        index += 1
    return index


def _column_starts(neighbour: Entry | None) -> tuple[int, ...]:
    """Where the columns begin, tabs counted to the next multiple of eight."""
    if neighbour is None:
        return (0, 10, 16, 24, 32, 40, 48, 56)
    text = neighbour.logical.text
    if any(start < neighbour.tokens[COLUMNS - 1].start for start in neighbour.logical.starts[1:]):
        return (0,) * COLUMNS
    return tuple(len(text[: token.start].expandtabs(8)) for token in neighbour.tokens[:COLUMNS])


def _aligned(header: Sequence[str], starts: Sequence[int]) -> str:
    line = header[0]
    for at, text in enumerate(header[1:], start=1):
        goal = starts[at] if at < len(starts) else 0
        line = f"{line} ".ljust(goal) + text
    return line
