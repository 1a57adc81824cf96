"""The blocks of a Dovecot file, from its statements."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.conf.dovecot_syntax import Kind, Statement, statements
from letterlock.conf.text import Lines

#: A bound of ours: a path is as long as its block is deep. Dovecot's own settings need four.
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Block:
    """A block from the line that opens it to the one that closes it (counted from 0; None: it is
    never closed)."""

    path: tuple[str, ...]
    begin: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Structure:
    """Every statement with the blocks around it; the blocks in the order in which they open; the
    faults by line; and for each physical line the blocks around it, None where a line of its own
    cannot be put before it."""

    located: tuple[tuple[Statement, tuple[str, ...]], ...]
    blocks: tuple[Block, ...]
    faults: tuple[tuple[int, str], ...]
    around: tuple[tuple[str, ...] | None, ...]

    def has(self, path: tuple[str, ...]) -> bool:
        return any(block.path == path for block in self.blocks)


def structure(lines: Lines) -> Structure:
    """The structure of any lines; where braces are wrong, what they probably mean."""
    walk = _Walk()
    found = tuple(statements(lines))
    for statement in found:
        walk.take(statement)
    around: list[tuple[str, ...] | None] = []
    for statement, path in walk.located:
        around += [walk.after] * (statement.first - len(around))
        around += [path, *[None] * (statement.last - statement.first)]
        walk.leave(statement)
    around += [walk.after] * (len(lines) - len(around))
    walk.faults += [
        (block.begin, "this block is never closed: '}' is missing")
        for block in walk.blocks
        if block.end is None
    ]
    return Structure(
        tuple(walk.located), tuple(walk.blocks), tuple(sorted(walk.faults)), tuple(around)
    )


class _Walk:
    """One pass over the statements."""

    def __init__(self) -> None:
        self.located: list[tuple[Statement, tuple[str, ...]]] = []
        self.blocks: list[Block] = []
        self.faults: list[tuple[int, str]] = []
        self.after: tuple[str, ...] = ()
        self._open: list[int] = []
        self._after: dict[int, tuple[str, ...]] = {}

    @property
    def _path(self) -> tuple[str, ...]:
        return self.blocks[self._open[-1]].path if self._open else ()

    def take(self, statement: Statement) -> None:
        self.located.append((statement, self._path))
        match statement.kind:
            case Kind.BEGIN:
                self._begin(statement.name, statement.first)
            case Kind.END:
                self._end(statement.first)
            case Kind.FAULT:
                self._fault(statement)
            case _:
                pass
        self._after[statement.first] = self._path

    def leave(self, statement: Statement) -> None:
        """Note the blocks around the lines below a statement."""
        self.after = self._after[statement.first]

    def _begin(self, name: str, line: int) -> None:
        path = (*self._path, name)
        if len(path) > _DEEPEST:
            self.faults.append((line, f"blocks are nested more than {_DEEPEST} deep"))
            path = path[:-1]
        self._open.append(len(self.blocks))
        self.blocks.append(Block(path, line, None))

    def _end(self, line: int) -> None:
        if not self._open:
            self.faults.append((line, "'}' closes no block"))
            return
        at = self._open.pop()
        block = self.blocks[at]
        self.blocks[at] = Block(block.path, block.begin, line)

    def _fault(self, statement: Statement) -> None:
        """A line with braces in the wrong place: go on as if they stood in the right one."""
        self.faults.append((statement.first, statement.name))
        text = statement.text
        balance = text.count("{") - text.count("}")
        if balance > 0:
            name = text.partition("{")[0].strip()
            self._begin(name or "{", statement.first)
        elif balance < 0 and self._open:
            self._end(statement.first)
