"""A whole Dovecot configuration: the main file and all that it includes, in the order in which
Dovecot reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Self

from letterlock.conf.dovecot import BlockPath, DovecotFile, DovecotInclude, DovecotSetting
from letterlock.conf.dovecot_include import Reader
from letterlock.conf.dovecot_placement import is_filter, key, kinship, spelt_out
from letterlock.conf.dovecot_syntax import ValueKind
from letterlock.conf.errors import ConfError
from letterlock.model.errors import Location


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One `name = value` in the file `path`. `block_path` holds the blocks around it, those
    around the include of its file first, without 2.4's blocks of one prefix: the name is spelt
    out; `line` counts from 1."""

    name: str
    value: str
    block_path: BlockPath
    path: str
    line: int
    kind: ValueKind

    @property
    def location(self) -> Location:
        return Location(self.path, self.line)

    @property
    def file(self) -> str | None:
        """The path of the file whose contents the value is, as written; None where it is none."""
        return self.value[1:] if self.kind is ValueKind.FILE else None


@dataclass(frozen=True, slots=True)
class _Visit:
    """One reading of a file, inside the blocks `base`."""

    path: str
    base: BlockPath


@dataclass(frozen=True, slots=True)
class DovecotTree:
    """The files of a configuration. Immutable: every edit returns a new tree."""

    main_path: str
    _files: Mapping[str, DovecotFile]
    _original: Mapping[str, DovecotFile]
    #: The files that an include (file, ordinal in it) leads to, in order.
    _included: Mapping[tuple[str, int], tuple[str, ...]]

    @classmethod
    def load(
        cls,
        main_path: str,
        read: Callable[[str], bytes | None],
        glob: Callable[[str], Sequence[str]],
    ) -> Self:
        """Follow the includes from the main file. `read` gives a file's contents, None where it
        cannot be had; `glob` the paths that a pattern matches, in any order.

        Raises ConfError, with the chain of includes, where Dovecot would refuse to go on: a main
        file or an `!include` that is not there, a file that includes itself."""
        reader = Reader(read, glob)
        reader.load(main_path)
        return cls(main_path, reader.files, reader.files, reader.included)

    def has(self, path: str) -> bool:
        """Whether a file is part of the configuration."""
        return path in self._files

    def read_files(self) -> tuple[tuple[BlockPath, DovecotFile], ...]:
        """Each reading of a file, with the blocks around its include, in evaluation order."""
        return tuple((visit.base, self._files[visit.path]) for visit in self._visits())

    def files(self) -> tuple[DovecotFile, ...]:
        """Every file once, in the order in which Dovecot first reads it."""
        return tuple(self._files[path] for path in dict.fromkeys(v.path for v in self._visits()))

    def file(self, path: str) -> DovecotFile:
        """The file of that path. Raises KeyError where it is not part of the configuration."""
        return self._files[path]

    def faults(self) -> tuple[ConfError, ...]:
        """The lines that Dovecot refuses, file by file."""
        return tuple(fault for file in self.files() for fault in file.faults())

    def changed(self) -> Mapping[str, DovecotFile]:
        """The files whose bytes differ from what was loaded, by path."""
        return {
            path: file for path, file in self._files.items() if bytes(file) != self.original(path)
        }

    def original(self, path: str) -> bytes | None:
        """A file's bytes as loaded; None for one that was not part of the configuration."""
        return bytes(self._original[path]) if path in self._original else None

    def with_file(self, file: DovecotFile) -> Self:
        """The tree with other contents for one of its files, the includes in it the same."""
        return replace(self, _files={**self._files, file.path: file})

    def with_included(self, file: DovecotFile) -> Self:
        """The tree whose main file also includes `file`, after all else."""
        main = self._files[self.main_path].with_include(file.path)
        ordinal = len(main.includes()) - 1
        return replace(
            self,
            _files={**self._files, file.path: file, self.main_path: main},
            _included={**self._included, (self.main_path, ordinal): (file.path,)},
        )

    def _walk(
        self, path: str, base: BlockPath = ()
    ) -> Iterator[tuple[_Visit, DovecotSetting | None]]:
        """Each file as it is opened (with None) and each setting, in evaluation order."""
        visit = _Visit(path, base)
        yield visit, None
        ordinal = 0
        for statement in self._files[path].statements():
            if isinstance(statement, DovecotInclude):
                for included in self._included[path, ordinal]:
                    yield from self._walk(included, base + statement.block_path)
                ordinal += 1
            else:
                yield visit, statement

    def _visits(self) -> tuple[_Visit, ...]:
        return tuple(visit for visit, setting in self._walk(self.main_path) if setting is None)

    def settings(self) -> tuple[Occurrence, ...]:
        """Every setting of every file, in evaluation order."""
        return tuple(
            _occurrence(visit, setting)
            for visit, setting in self._walk(self.main_path)
            if setting is not None
        )

    def occurrences(self, name: str, block: BlockPath | None = None) -> tuple[Occurrence, ...]:
        """Where `name` is set, in evaluation order: in any block, or in exactly `block` (`()`:
        outside all). Within a block the last one holds."""
        if block is None:
            return tuple(each for each in self.settings() if each.name == name)
        wanted = key(name, block)
        return tuple(each for each in self.settings() if key(each.name, each.block_path) == wanted)

    def block_paths(self) -> tuple[BlockPath, ...]:
        """Every block that is opened, in evaluation order: `local_name` blocks and the like."""
        return tuple(
            visit.base + path
            for visit in self._visits()
            for path in self._files[visit.path].block_paths()
        )

    def get(
        self, name: str, defaults: Mapping[str, str] | None = None, block: BlockPath = ()
    ) -> str | None:
        """The value that holds outside all blocks, or in `block`: the last one there, with the
        settings that it refers to (`$name` up to 2.3, `$SET:name` since 2.4) as they stand at that
        point in that block or around it, from `defaults` where they are set nowhere, else left as
        they are. None where nothing sets it there, whatever holds around it."""
        values: dict[tuple[BlockPath, str], str] = {
            ((), each): value for each, value in (defaults or {}).items()
        }
        prefix = "$SET:" if self._is_2_4() else "$"
        wanted = key(name, block)
        found: str | None = None
        for each in self.settings():
            value = each.value
            if each.kind is ValueKind.VARIABLE:
                value = _expanded(value, prefix, each.block_path, values)
            values[each.block_path, each.name] = value
            if key(each.name, each.block_path) == wanted:
                found = value
        return found

    def _is_2_4(self) -> bool:
        return any(each.name == "dovecot_config_version" for each in self.settings())

    def with_setting(self, name: str, value: str, block: BlockPath = ()) -> Self:
        """The tree in which `name` has `value` in that block, whatever else sets it: the one that
        holds is edited, in whichever file; where there is none, it goes where the stock comment
        or its relatives are, else into the file named after them (10-ssl.conf), else the main
        file. `value` is spelt as for DovecotFile.with_setting.

        Raises ConfError for what cannot be written."""
        found = self.occurrences(name, block)
        if found:
            held = found[-1]
            edited = self._files[held.path].with_value_at(held.line, value)
            tree = self.with_file(edited)
        else:
            visit = self._home(name, block)
            file = self._files[visit.path]
            tree = self.with_file(file.with_setting(name, value, block[len(visit.base) :]))
        holds = tree.occurrences(name, block)
        if not holds or holds[-1].value != value:
            raise ConfError(f"{name} = {value} would not hold", where=Location(self.main_path))
        return tree

    def without(self, name: str, block: BlockPath = ()) -> Self:
        """The tree in which nothing sets `name` in exactly that block."""
        tree = self
        while found := tree.occurrences(name, block):
            held = found[-1]
            file = tree._files[held.path]
            around = next(each for each in file.settings() if each.line == held.line)
            tree = tree.with_file(file.without(around.name, around.block_path))
        return tree

    def renamed(self, held: Occurrence, name: str, value: str) -> Self:
        """The tree in which one setting, at its place, is called `name` and has `value`. Raises
        ConfError for what cannot be written."""
        return self.with_file(self._files[held.path].renamed_at(held.line, name, value))

    def without_setting(self, held: Occurrence) -> Self:
        """The tree without one setting; others of that name stay."""
        return self.with_file(self._files[held.path].without_line(held.line))

    def blanked(self, held: Occurrence) -> Self:
        """The same with blank lines in its place."""
        return self.with_file(self._files[held.path].blanked_at(held.line))

    def flat(self) -> tuple[tuple[str, Location], ...]:
        """All lines in the order in which Dovecot reads them, each include replaced by its files;
        a line without its end, and where it stands."""
        return tuple(self._flat(self.main_path))

    def _flat(self, path: str) -> Iterator[tuple[str, Location]]:
        ordinals = {each.line: n for n, each in enumerate(self._files[path].includes())}
        for number, text in enumerate(self._files[path].texts(), 1):
            if number in ordinals:
                for included in self._included[path, ordinals[number]]:
                    yield from self._flat(included)
            else:
                yield text.rstrip("\r\n"), Location(path, number)

    def without_file(self, path: str, main: DovecotFile) -> Self:
        """The tree without one file; `main` is its main file, which no longer includes it."""
        files = {each: file for each, file in self._files.items() if each != path}
        kept = [
            included
            for (by, _), included in sorted(self._included.items())
            if by == self.main_path and included != (path,)
        ]
        others = {key: value for key, value in self._included.items() if key[0] != self.main_path}
        mains = {(self.main_path, ordinal): each for ordinal, each in enumerate(kept)}
        return replace(self, _files={**files, self.main_path: main}, _included={**others, **mains})

    def removed(self) -> tuple[str, ...]:
        """The files that were loaded and are part of the configuration no more."""
        return tuple(path for path in self._original if path not in self._files)

    def _home(self, name: str, block: BlockPath) -> _Visit:
        """The file for a setting that is nowhere yet."""
        visits = [v for v in self._visits() if block[: len(v.base)] == v.base]
        for depth in range(len(block), 0, -1):
            holding = [v for v in visits if self._has_block(v, block[:depth])]
            if holding:
                return self._with_comment(holding, name, block) or holding[-1]
        if block:
            alike = [v for v in visits if self._has_block_like(v, block[0])]
            return alike[-1] if alike else self._named_after(visits, name)
        usual = (
            self._with_comment(visits, name, block)
            or self._with_relatives(visits, name)
            or self._named_after(visits, name)
        )
        return self._ahead_of_filters(visits, name, usual)

    def _ahead_of_filters(self, visits: list[_Visit], name: str, usual: _Visit) -> _Visit:
        """The usual file, or an earlier one whose filters have a value of their own: a global
        setting after them makes Dovecot warn that they will not change."""
        holders = [each.path for each in self.occurrences(name) if is_filter(each.block_path)]
        first = next((v for v in visits if v.path in holders and not v.base), usual)
        return first if visits.index(first) < visits.index(usual) else usual

    def _has_block(self, visit: _Visit, block: BlockPath) -> bool:
        paths = self._files[visit.path].block_paths()
        return any(visit.base + path == block for path in paths)

    def _has_block_like(self, visit: _Visit, section: str) -> bool:
        kind = section.partition(" ")[0]
        paths = self._files[visit.path].block_paths()
        return not visit.base and any(path[0].partition(" ")[0] == kind for path in paths)

    def _with_comment(self, visits: list[_Visit], name: str, block: BlockPath) -> _Visit | None:
        mentioning = [v for v in visits if self._files[v.path].mentions(name, block[len(v.base) :])]
        return mentioning[-1] if mentioning else None

    def _with_relatives(self, visits: list[_Visit], name: str) -> _Visit | None:
        """The file that holds the setting that shares most of its name, of several the last."""
        best, most = None, 1
        for each in self.settings():
            shared = kinship(name, each.name)
            if not each.block_path and shared >= most:
                best, most = _Visit(each.path, ()), shared
        return best if best in visits else None

    def _named_after(self, visits: list[_Visit], name: str) -> _Visit:
        family = name.split("_")[0]
        top = [v for v in visits if not v.base]
        named = [v for v in top if family in PurePosixPath(v.path).stem.split("-")]
        return named[-1] if named else top[0]


def _occurrence(visit: _Visit, setting: DovecotSetting) -> Occurrence:
    name, block = spelt_out(setting.name, visit.base + setting.block_path)
    return Occurrence(name, setting.value, block, visit.path, setting.line, setting.kind)


def _expanded(
    value: str, prefix: str, block: BlockPath, values: Mapping[tuple[BlockPath, str], str]
) -> str:
    """Words that are `$name` replaced by what holds in the block or, from the inside outwards,
    around it; runs of blanks become one, as Dovecot does."""
    result = []
    for at, word in enumerate(words := value.split(" ")):
        if word.startswith(prefix):
            name = word.removeprefix(prefix)
            around = (block[:depth] for depth in range(len(block), -1, -1))
            word = next((values[path, name] for path in around if (path, name) in values), word)
        elif not word and 0 < at < len(words) - 1:
            continue
        result.append(word)
    return " ".join(result)
