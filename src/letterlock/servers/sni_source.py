"""The source of a Postfix SNI table: a name, then the files whose contents it stands for.

Source: postconf(5) tls_server_sni_maps, postmap(1): `name file, file …` a line; white space
continues a line; the key is folded to lower case; of a key's several lines the first one holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from letterlock.conf.logical_line import WHITE, LogicalLine, logical_lines
from letterlock.conf.text import Lines, decode, encode, ending, insert, split_lines


@dataclass(frozen=True, slots=True)
class SniEntry:
    """One line: `key` as Postfix looks it up (`.example.net` for every name below), and the
    files, each private key before its certificates. `line` is counted from 1."""

    key: str
    files: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class SniSource:
    """A source as text. Immutable: every edit returns a new one, in which only the lines
    concerned differ; `bytes()` gives it back, byte for byte."""

    path: str
    _lines: Lines

    @classmethod
    def parse(cls, data: bytes, path: str) -> Self:
        """Any bytes at all; `path` is for messages."""
        return cls(path, split_lines(decode(data)))

    def __bytes__(self) -> bytes:
        return encode("".join(self._lines))

    def entries(self) -> dict[str, SniEntry]:
        """By key, the line that holds; a line without files is none."""
        found: dict[str, SniEntry] = {}
        for _, entry in self._located():
            found.setdefault(entry.key, entry)
        return found

    def _located(self) -> Iterator[tuple[LogicalLine, SniEntry]]:
        for logical in logical_lines(self._lines):
            key, _, value = _partition(logical.visible)
            files = tuple(value.replace(",", " ").split())
            if not logical.skipped and files:
                yield logical, SniEntry(key, files, logical.first + 1)

    def with_entries(self, wanted: Mapping[str, tuple[str, ...]]) -> Self:
        """The source in which each key stands for these files: edited where it stands, else at
        the end, in the order given."""
        first = {entry.key: (logical, entry) for logical, entry in reversed([*self._located()])}
        edits: dict[int, str | None] = {}
        added = []
        for key, files in wanted.items():
            if key not in first:
                added.append(f"{key}  {', '.join(files)}")
                continue
            logical, entry = first[key]
            if entry.files == files:
                continue
            name, blank, _ = _partition(logical.visible, fold=False)
            line = self._lines[logical.first]
            edits[logical.first] = f"{name}{blank}{', '.join(files)}{ending(line) or chr(10)}"
            edits |= dict.fromkeys(logical.indices[1:])
        lines = self._edited(edits)
        return type(self)(self.path, insert(lines, len(lines), added) if added else lines)

    def without(self, keys: Collection[str]) -> Self:
        """The source in which no line speaks for these keys."""
        edits: dict[int, str | None] = {}
        for logical, entry in self._located():
            if entry.key in keys:
                edits |= dict.fromkeys(logical.indices)
        return type(self)(self.path, self._edited(edits))

    def _edited(self, edits: Mapping[int, str | None]) -> Lines:
        """The lines with some replaced, those with None left out."""
        lines = (edits.get(index, line) for index, line in enumerate(self._lines))
        return tuple(line for line in lines if line is not None)


def _partition(text: str, *, fold: bool = True) -> tuple[str, str, str]:
    """Key, white space, value."""
    stripped = text.rstrip(WHITE)
    key = stripped.split(None, 1)[0] if stripped.split() else ""
    rest = stripped[len(key) :]
    value = rest.lstrip(WHITE)
    return (key.lower() if fold else key), rest[: len(rest) - len(value)], value


def sni_key(name: str) -> str:
    """`*.example.net` as Postfix has it: `.example.net`, which stands for every name below."""
    return name[1:] if name.startswith("*.") else name


def sni_name(key: str) -> str:
    """The other way round."""
    return f"*{key}" if key.startswith(".") else key
