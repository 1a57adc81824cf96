"""Undo one change of a text although it has been edited since: three-way, by lines. Pure.

A line ends after its `\\n`. The parts that the run changed go back, the parts that somebody else
changed stay; where one line is in both, or nobody can say which comes first, it is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

Lines = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One place that both changed. `line` counts from 1 in the text as it is now; `now`,
    `written` (by the run) and `before` (the run) are the lines of each side."""

    line: int
    now: Lines
    written: Lines
    before: Lines


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines `start` up to `end` of what the run wrote become `lines`; `place` is where those
    begin in the other text."""

    start: int
    end: int
    lines: Lines
    place: int


def split(text: bytes) -> Lines:
    """The lines with their ends; joined they are the text again."""
    return tuple(text.splitlines(keepends=True)) if b"\r" not in text else tuple(_by_newline(text))


def _by_newline(text: bytes) -> Iterator[bytes]:
    # bytes.splitlines would also split at a lone CR, which ends no line in these files.
    start = 0
    while start < len(text):
        end = text.find(b"\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def undo_lines(written: bytes, now: bytes, before: bytes) -> bytes | tuple[Conflict, ...]:
    """The text `now` without the change from `before` to `written`; or every conflict."""
    if now == written:
        return before
    base, ours, theirs = split(written), split(now), split(before)
    others, undoing = _edits(base, ours), _edits(base, theirs)
    undoing = [edit for edit in undoing if _without_place(edit) not in map(_without_place, others)]
    conflicts = tuple(_conflicts(base, ours, others, undoing))
    if conflicts:
        return conflicts
    # Where an insertion meets a replacement that starts at the same line, the insertion is first.
    edits = sorted((*others, *undoing), key=lambda edit: (edit.start, edit.end))
    return _join(_apply(base, edits))


def _edits(base: Lines, other: Lines) -> list[_Edit]:
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    return [
        _Edit(start, end, other[first:last], first)
        for tag, start, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]


def _without_place(edit: _Edit) -> tuple[int, int, Lines]:
    return edit.start, edit.end, edit.lines


def _conflicts(
    base: Lines, ours: Lines, others: list[_Edit], undoing: list[_Edit]
) -> Iterator[Conflict]:
    for edit in undoing:
        for other in others:
            if _collide(edit, other, ours):
                written = base[edit.start : edit.end]
                yield Conflict(other.place + 1, other.lines, written, edit.lines)


def _collide(undoing: _Edit, other: _Edit, ours: Lines) -> bool:
    if undoing.start == undoing.end and other.start == other.end:
        return undoing.start == other.start
    if max(undoing.start, other.start) < min(undoing.end, other.end):
        return True
    if _inside(undoing, other) or _inside(other, undoing):
        return True
    if other.start != undoing.end:
        return False
    # What begins with white space goes on with the line before it (postconf(5), master(5)), so
    # it cannot stay when that line goes.
    following = ours[other.place : other.place + 1]
    return any(line[:1] in (b" ", b"\t") for line in following)


def _inside(insertion: _Edit, other: _Edit) -> bool:
    return insertion.start == insertion.end and other.start < insertion.start < other.end


def _apply(base: Lines, edits: list[_Edit]) -> Iterator[bytes]:
    at = 0
    for edit in edits:
        yield from base[at : edit.start]
        yield from edit.lines
        at = edit.end
    yield from base[at:]


def _join(lines: Iterator[bytes]) -> bytes:
    """Only the last line may lack its end: another one would swallow the line after it."""
    joined = bytearray()
    for line in lines:
        if joined and not joined.endswith(b"\n"):
            joined += b"\n"
        joined += line
    return bytes(joined)
