"""Postfix's main.cf: postconf(5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from letterlock.conf.errors import ConfError
from letterlock.conf.expansion import ExpansionError, expand
from letterlock.conf.logical_line import (
    WHITE,
    LogicalLine,
    NameValue,
    add_lines,
    logical_lines,
    replace,
    split_name_value,
)
from letterlock.conf.main_cf_placement import place
from letterlock.conf.text import Lines, check_value, decode, encode, split_lines
from letterlock.model.errors import Location


@dataclass(frozen=True, slots=True)
class Setting:
    """One `name = value` as Postfix reads it: `$name` unexpanded, continuation lines joined;
    `line` is where it begins, counted from 1."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class _Entry:
    logical: LogicalLine
    parts: NameValue

    @property
    def setting(self) -> Setting:
        return Setting(self.parts.name, self.parts.value, self.logical.first + 1)


@dataclass(frozen=True, slots=True)
class MainCf:
    """A main.cf as text. Immutable: every edit returns a new document, in which only the lines
    concerned differ; `bytes()` gives the file back, byte for byte.

    Where a name is set more than once the last one holds (postconf(5)); edits go there and leave
    the earlier ones alone."""

    path: str
    _lines: Lines
    _logical: tuple[LogicalLine, ...]
    _entries: tuple[_Entry, ...]
    _faults: tuple[ConfError, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> Self:
        """Any bytes at all; `path` is for messages. Raises nothing: see `faults`."""
        return cls._of(split_lines(decode(data)), path)

    @classmethod
    def _of(cls, lines: Lines, path: str) -> Self:
        entries, faults = [], []
        logical = tuple(logical_lines(lines))
        for line in logical:
            parts = split_name_value(line.visible)
            if line.skipped:
                faults.append(_skipped(path, line))
            elif isinstance(parts, str):
                faults.append(_refused(path, line, parts))
            else:
                entries.append(_Entry(line, parts))
        return cls(path, lines, logical, tuple(entries), tuple(faults))

    def __bytes__(self) -> bytes:
        return encode("".join(self._lines))

    def faults(self) -> tuple[ConfError, ...]:
        """The lines that Postfix refuses or passes over, in order."""
        return self._faults

    def settings(self) -> tuple[Setting, ...]:
        """Every setting in order, those that a later one overrides included."""
        return tuple(entry.setting for entry in self._entries)

    def get(self, name: str) -> str | None:
        """The value that holds, None where the file does not set it."""
        entry = self._last(name)
        return entry.parts.value if entry else None

    def location(self, name: str) -> Location | None:
        """Where the value that holds is set."""
        entry = self._last(name)
        return Location(self.path, entry.logical.first + 1) if entry else None

    def _last(self, name: str) -> _Entry | None:
        return next((e for e in reversed(self._entries) if e.parts.name == name), None)

    def expand(self, value: str, defaults: Mapping[str, str]) -> str:
        """`value` with its `$name` and `${…}` replaced by this file's settings, else `defaults`
        (as `postconf -d` prints them), else nothing.

        Raises ConfError with the line of the setting that is wrong or refers to itself."""
        values = {entry.parts.name: entry.parts.value for entry in self._entries}
        try:
            return expand(value, lambda name: values.get(name, defaults.get(name)))
        except ExpansionError as error:
            where = self.location(error.parameter) if error.parameter else None
            name = f"{error.parameter}: " if error.parameter else ""
            raise ConfError(
                f"{name}{error.what}", where=where or Location(self.path), remedy="correct it"
            ) from None

    def with_setting(self, name: str, value: str) -> Self:
        """The document in which `name` has `value`: edited where it is set, else put beside its
        relatives. The same document where it has it already.

        Raises ConfError for a name or a value that no line can hold."""
        entry = self._last(name)
        if entry is not None and entry.parts.value == value:
            return self
        self._check(name, value)
        if entry is None:
            settings = tuple((e.parts.name, e.logical, _sign(e)) for e in self._entries)
            spot = place(name, self._lines, self._logical, settings)
            text = f"{name}{spot.sign}{value}".rstrip(" ")
            return self._of(add_lines(self._lines, self._logical, spot.index, [text]), self.path)
        start = entry.parts.sign + 1
        end = len(entry.logical.text)
        new = _gap(entry) + value if value else ""
        return self._of(replace(self._lines, entry.logical, start, end, new), self.path)

    def without(self, name: str) -> Self:
        """The document in which nothing sets `name`; comments between its lines stay."""
        gone = {
            index
            for entry in self._entries
            if entry.parts.name == name
            for index in entry.logical.indices
        }
        if not gone:
            return self
        kept = (line for index, line in enumerate(self._lines) if index not in gone)
        return self._of(tuple(kept), self.path)

    def _check(self, name: str, value: str) -> None:
        where = self.location(name) or Location(self.path)
        check_value(value, where)
        if not name or name[0] == "#" or any(char in WHITE or char in "=\0" for char in name):
            raise ConfError(f"not a parameter name: {name!r}", where=where)


def _skipped(path: str, line: LogicalLine) -> ConfError:
    return ConfError(
        "a setting must not begin with white space: Postfix passes over it",
        where=Location(path, line.first + 1),
        remedy="remove the white space",
    )


def _refused(path: str, line: LogicalLine, what: str) -> ConfError:
    return ConfError(
        what, where=Location(path, line.first + 1), remedy="write it as name = value, or remove it"
    )


def _sign(entry: _Entry) -> str:
    """The equals sign of a setting with the blanks around it."""
    before = entry.logical.text[: entry.parts.sign]
    blanks = len(before) - len(before.rstrip(" \t"))
    gap = _gap(entry)
    return before[len(before) - blanks :] + "=" + (gap if not gap.strip(" \t") else " ")


def _gap(entry: _Entry) -> str:
    """The blanks between the equals sign and the value; where the value is empty or begins on
    another line, as many as before the sign, but no more than one."""
    text, parts = entry.logical.text, entry.parts
    same_line = entry.logical.line_at(parts.sign) == entry.logical.line_at(parts.start)
    if parts.value and same_line:
        return text[parts.sign + 1 : parts.start]
    return " " if text[parts.sign - 1] in WHITE else ""
