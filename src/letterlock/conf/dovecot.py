"""One file of Dovecot's configuration, of any generation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from letterlock.conf import dovecot_placement as placement
from letterlock.conf.dovecot_structure import Structure, structure
from letterlock.conf.dovecot_syntax import (
    BLANKS,
    Kind,
    Statement,
    ValueKind,
    kind_to_write,
    opening,
    quoted,
)
from letterlock.conf.errors import ConfError
from letterlock.conf.text import Lines, check_value, decode, encode, insert, split_lines
from letterlock.model.errors import Location

BlockPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DovecotSetting:
    """One `name = value`. `value` is as Dovecot reads it: without quotes and comment, continuation
    lines joined by a blank, a file as `<path` (the blanks after `<` left out), `$name`
    unexpanded. `block_path` names the blocks around it as `type name`, outermost first:
    ("service imap-login", "inet_listener imaps"). `line` is where it begins, counted from 1."""

    name: str
    value: str
    block_path: BlockPath
    line: int
    kind: ValueKind = ValueKind.PLAIN

    @property
    def file(self) -> str | None:
        """The path of the file whose contents the value is, None where it is not a file's."""
        return self.value[1:] if self.kind is ValueKind.FILE else None


@dataclass(frozen=True, slots=True)
class DovecotInclude:
    """An `!include` or, `optional`, an `!include_try`; `pattern` as written."""

    pattern: str
    optional: bool
    block_path: BlockPath
    line: int


@dataclass(frozen=True, slots=True)
class DovecotFile:
    """A file as text. Immutable: every edit returns a new document, in which only the lines
    concerned differ; `bytes()` gives the file back, byte for byte."""

    path: str
    _lines: Lines
    _structure: Structure
    _statements: tuple[DovecotSetting | DovecotInclude, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> Self:
        """Any bytes at all; `path` is for messages. Raises nothing: see `faults`."""
        return cls._of(split_lines(decode(data)), path)

    @classmethod
    def _of(cls, lines: Lines, path: str) -> Self:
        found = structure(lines)
        return cls(path, lines, found, _statements(found))

    def __bytes__(self) -> bytes:
        return encode("".join(self._lines))

    def faults(self) -> tuple[ConfError, ...]:
        """The lines that Dovecot refuses, whatever the settings in them mean."""
        return tuple(
            ConfError(what, where=Location(self.path, index + 1), remedy="correct the line")
            for index, what in self._structure.faults
        )

    def statements(self) -> tuple[DovecotSetting | DovecotInclude, ...]:
        """Settings and includes in the order in which they take effect."""
        return self._statements

    def settings(self) -> tuple[DovecotSetting, ...]:
        """Every setting in order, in blocks or not, those that a later one overrides included."""
        return tuple(each for each in self.statements() if isinstance(each, DovecotSetting))

    def includes(self) -> tuple[DovecotInclude, ...]:
        """Every include in order."""
        return tuple(each for each in self.statements() if isinstance(each, DovecotInclude))

    def block_paths(self) -> tuple[BlockPath, ...]:
        """Every block that is opened, in order; the same path more than once where it is."""
        return tuple(block.path for block in self._structure.blocks)

    def get(self, name: str, block: BlockPath = ()) -> str | None:
        """The value that this file gives to `name` in exactly that block; the last one holds."""
        found = self._find(name, block)
        return found[-1].value if found else None

    def mentions(self, name: str, block: BlockPath = ()) -> bool:
        """Whether a comment directly in that block is the setting commented out."""
        return placement.stock_comment(name, block, self._lines, self._structure) is not None

    def _find(self, name: str, block: BlockPath) -> list[Statement]:
        wanted = placement.key(name, block)
        return [
            statement
            for statement, path in self._structure.located
            if statement.kind is Kind.SETTING and placement.key(statement.name, path) == wanted
        ]

    def with_setting(self, name: str, value: str, block: BlockPath = ()) -> Self:
        """The document in which `name` has `value` in that block: edited where it is set (of
        several the last, which holds), else put beside its relatives; the block is made where
        there is none. The same document where it has that value already.

        `value` is spelt as doveconf prints it: `<path` for a file's contents, `$name` for another
        setting's value; quotes are added where they are needed. Raises ConfError for what cannot
        be written."""
        found = self._find(name, block)
        if found:
            return self.with_value_at(found[-1].first + 1, value)
        where = Location(self.path)
        self._check(name, block, value)
        lines = self._lines
        if block and not self._structure.has(block):
            index, indent, missing = placement.new_block(lines, self._structure, block)
            inner = "  " * len(missing) + indent
            bodies = [indent + "  " * n + opening(each) for n, each in enumerate(missing)]
            bodies += [f"{inner}{name} = {_written(value, kind_to_write(value))}".rstrip(BLANKS)]
            bodies += [indent + "  " * n + "}" for n in reversed(range(len(missing)))]
            edited = self._of(insert(lines, index, bodies), self.path)
        else:
            spot = placement.place(name, block, lines, self._structure)
            written = _written(value, kind_to_write(value))
            text = f"{spot.indent}{name}{spot.sign}{written}".rstrip(BLANKS)
            edited = self._of(insert(lines, spot.index, [text]), self.path)
        if edited.get(name, block) != value:
            raise ConfError(f"{name} = {value} cannot be written", where=where)
        return edited

    def with_value_at(self, line: int, value: str) -> Self:
        """The document in which the setting that begins at `line` has `value`, its comment and
        the blanks around it kept. Raises ConfError where no setting begins there, or for what
        cannot be written."""
        where = Location(self.path, line)
        statement = next(
            (
                statement
                for statement, _ in self._structure.located
                if statement.first + 1 == line and statement.kind is Kind.SETTING
            ),
            None,
        )
        if statement is None:
            raise ConfError("no setting begins here", where=where)
        if statement.value == value and _means(statement.value_kind, value):
            return self
        check_value(value, where)
        edited = self._of(_replaced(self._lines, statement, value), self.path)
        if not any(each.line == line and each.value == value for each in edited.settings()):
            raise ConfError(f"{statement.name} = {value} cannot be written", where=where)
        return edited

    def renamed_at(self, line: int, name: str, value: str) -> Self:
        """The document in which the setting that begins at `line` is called `name` and has
        `value`; all else of its line stays. Raises ConfError as `with_value_at` does."""
        edited = self.with_value_at(line, value)
        statement = next(
            statement
            for statement, _ in edited._structure.located
            if statement.first + 1 == line and statement.kind is Kind.SETTING
        )
        piece = statement.pieces[0]
        text = edited._lines[piece.index]
        end = piece.start + len(statement.name)
        if text[piece.start : end] != statement.name:
            raise ConfError(
                "the name of this setting cannot be told", where=Location(self.path, line)
            )
        renamed = text[: piece.start] + name + text[end:]
        lines = edited._lines
        return self._of((*lines[: piece.index], renamed, *lines[piece.index + 1 :]), self.path)

    def without_line(self, line: int) -> Self:
        """The document without the setting that begins at `line`."""
        gone = self._lines_of(line)
        kept = (text for index, text in enumerate(self._lines) if index not in gone)
        return self._of(tuple(kept), self.path)

    def blanked_at(self, line: int) -> Self:
        """The same with blank lines in the setting's place, so that all others stay where they
        are."""
        gone = self._lines_of(line)
        texts = ("\n" if index in gone else text for index, text in enumerate(self._lines))
        return self._of(tuple(texts), self.path)

    def _lines_of(self, line: int) -> frozenset[int]:
        """The indices of the lines that hold the setting that begins at `line`."""
        return frozenset(
            piece.index
            for statement, _ in self._structure.located
            if statement.first + 1 == line and statement.kind is Kind.SETTING
            for piece in statement.pieces
        )

    def texts(self) -> tuple[str, ...]:
        """The physical lines, with their ends."""
        return self._lines

    def with_values_at(self, edits: Mapping[int, str]) -> Self:
        """The same for many settings, line → value, read and written in one go."""
        begins = {
            statement.first + 1: statement
            for statement, _ in self._structure.located
            if statement.kind is Kind.SETTING
        }
        lines = self._lines
        for line, value in sorted(edits.items(), reverse=True):
            check_value(value, Location(self.path, line))
            lines = _replaced(lines, begins[line], value)
        edited = self._of(lines, self.path)
        meant = [edits.get(each.line, each.value) for each in self.settings()]
        if [each.value for each in edited.settings()] != meant:
            raise ConfError("these values cannot be written", where=Location(self.path))
        return edited

    def with_include(self, path: str) -> Self:
        """The document that includes `path`, where it is there, after all that it has."""
        line = f"!include_try {path}"
        index, _ = placement.block_end((), self._lines, self._structure)
        return self._of(insert(self._lines, index, [line]), self.path)

    def without_include(self, path: str) -> Self:
        """The document without its includes of exactly `path`."""
        gone = {each.line - 1 for each in self.includes() if each.pattern == path}
        kept = (line for index, line in enumerate(self._lines) if index not in gone)
        return self._of(tuple(kept), self.path)

    def with_blocks(self, bodies: Sequence[str], before: int | None = None) -> Self:
        """The document with whole lines of blocks more: before that line (counted from 1), else
        after all that it has."""
        index, _ = placement.block_end((), self._lines, self._structure)
        return self._of(
            insert(self._lines, index if before is None else before - 1, bodies), self.path
        )

    def block_lines(self) -> tuple[tuple[BlockPath, int, int | None], ...]:
        """Every block's path, the line that opens it and the one that closes it."""
        return tuple(
            (block.path, block.begin + 1, None if block.end is None else block.end + 1)
            for block in self._structure.blocks
        )

    def without_blocks(self, begins: Collection[int]) -> Self:
        """The document without the blocks that open at these lines, with all that is in them."""
        gone: set[int] = set()
        for _, begin, end in self.block_lines():
            if begin in begins and end is not None:
                gone.update(range(begin - 1, end))
        kept = (line for index, line in enumerate(self._lines) if index not in gone)
        return self._of(tuple(kept), self.path)

    def without(self, name: str, block: BlockPath = ()) -> Self:
        """The document in which nothing sets `name` in exactly that block."""
        gone = {piece.index for each in self._find(name, block) for piece in each.pieces}
        if not gone:
            return self
        kept = (line for index, line in enumerate(self._lines) if index not in gone)
        return self._of(tuple(kept), self.path)

    def _check(self, name: str, block: BlockPath, value: str) -> None:
        where = Location(self.path)
        for text in (name, *block, value):
            check_value(text, where)
        if not name or any(char in " \t={}#\"'" for char in name) or not all(block):
            raise ConfError(f"not a setting's name: {name!r}", where=where)


def _statements(structure: Structure) -> tuple[DovecotSetting | DovecotInclude, ...]:
    return tuple(
        _setting(statement, path)
        if statement.kind is Kind.SETTING
        else DovecotInclude(
            statement.name, statement.kind is Kind.INCLUDE_TRY, path, statement.first + 1
        )
        for statement, path in structure.located
        if statement.kind in (Kind.SETTING, Kind.INCLUDE, Kind.INCLUDE_TRY)
    )


def _setting(statement: Statement, path: BlockPath) -> DovecotSetting:
    return DovecotSetting(
        statement.name, statement.value, path, statement.first + 1, statement.value_kind
    )


def _means(kind: ValueKind, value: str) -> bool:
    """Whether a value written in that way is read as `value` is meant."""
    meant = kind_to_write(value)
    special = (ValueKind.FILE, ValueKind.VARIABLE)
    return kind is meant or not (kind in special or meant in special)


def _written(value: str, kind: ValueKind) -> str:
    return quoted(value) if kind is ValueKind.QUOTED else value


def _replaced(lines: Lines, statement: Statement, value: str) -> Lines:
    """`lines` with another value in a setting. It goes where the old one begins; the comment of
    its last line stays; the other lines of the old value go."""
    start, at = statement.value_start, statement.value_start
    if not value:
        # Right after the sign: a backslash with nothing after it would join the next setting.
        start = statement.text.rindex("=", 0, start) + 1
        at = start - 1
    anchor = [piece for piece in statement.pieces if piece.offset <= at][-1]
    last = statement.pieces[-1]
    head = lines[anchor.index][: anchor.start + start - anchor.offset]
    head = _spaced(head, statement) if value else head.rstrip(BLANKS)
    tail = lines[last.index][last.end :]
    gone = {piece.index for piece in statement.pieces if piece.index > anchor.index}
    edited = head + _restyled(statement, value) + tail
    return tuple(
        edited if index == anchor.index else line
        for index, line in enumerate(lines)
        if index not in gone
    )


def _spaced(head: str, statement: Statement) -> str:
    """What stands before the value; after an empty one, a blank where one precedes the sign."""
    if not head.endswith("="):
        return head
    return head + " " if not statement.value and head[-2:-1] in ("", *BLANKS) else head


def _restyled(statement: Statement, value: str) -> str:
    """The new value with the quotes, or the blanks after `<`, of the old one."""
    kind = kind_to_write(value)
    if kind is ValueKind.FILE and statement.value_kind is ValueKind.FILE:
        raw = statement.text[statement.value_start + 1 :]
        return "<" + raw[: len(raw) - len(raw.lstrip(BLANKS))] + value[1:]
    if kind is ValueKind.PLAIN and statement.value_kind is ValueKind.QUOTED:
        kind = ValueKind.QUOTED
    return _written(value, kind)
