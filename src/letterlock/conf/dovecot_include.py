"""How Dovecot follows `!include` and `!include_try`.

Source: settings_include() and settings_add_include() in config-parser.c: a relative pattern starts
at the including file's folder; glob(3) with GLOB_BRACE, sorted; all matches are stacked at once, so
that one may not include a later one either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from letterlock.conf.dovecot import DovecotFile, DovecotInclude
from letterlock.conf.errors import ConfError
from letterlock.conf.text import encode
from letterlock.model.errors import Location

#: Bounds of ours: files that include others twice each, and braces, grow as powers of two.
_MOST_FILES = 2_000
_DEEPEST = 100
_MOST_BRACES = 8


@dataclass(slots=True)
class Reader:
    """Loads files as the includes name them."""

    read: Callable[[str], bytes | None]
    glob: Callable[[str], Sequence[str]]
    files: dict[str, DovecotFile] = field(default_factory=dict)
    included: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    _count: int = 0

    def load(self, main_path: str) -> None:
        """Read the main file and all that it includes into `files` and `included`."""
        if not self._open(main_path):
            raise ConfError("the file cannot be read", where=Location(main_path))
        self._follow(main_path, (main_path,), ())

    def _open(self, path: str) -> bool:
        if path not in self.files:
            data = self.read(path)
            if data is None:
                return False
            self.files[path] = DovecotFile.parse(data, path)
        return True

    def _follow(self, path: str, stack: tuple[str, ...], chain: tuple[Location, ...]) -> None:
        self._count += 1
        for ordinal, include in enumerate(self.files[path].includes()):
            here = (*chain, Location(path, include.line))
            if self._count > _MOST_FILES or len(here) > _DEEPEST:
                raise _refused(here[-3:], f"{self._count} files are included one by the other")
            matches = self._matches(path, include, here)
            for match in matches:
                if match in stack:
                    raise _refused(here, f"{match} is included in itself")
            kept = tuple(match for match in matches if self._kept(match, include, here))
            self.included[path, ordinal] = kept
            for at, match in enumerate(kept):
                self._follow(match, (*stack, *kept[at:]), here)

    def _matches(
        self, path: str, include: DovecotInclude, here: tuple[Location, ...]
    ) -> tuple[str, ...]:
        folder = path[: path.rfind("/") + 1]
        pattern = include.pattern
        if pattern.count("{") > _MOST_BRACES:
            raise _refused(here, f"more than {_MOST_BRACES} groups of braces in {pattern}")
        full = pattern if pattern.startswith("/") else folder + pattern
        found = [
            match for each in expand_braces(full) for match in sorted(self.glob(each), key=encode)
        ]
        if not found and not include.optional:
            raise _refused(here, f"!include {pattern} matches no file")
        return tuple(found)

    def _kept(self, match: str, include: DovecotInclude, here: tuple[Location, ...]) -> bool:
        opened = self._open(match)
        if not opened and not include.optional:
            raise _refused(here, f"the included file {match} cannot be read")
        return opened


def _refused(chain: tuple[Location, ...], what: str) -> ConfError:
    """The include at the chain's end is at fault; the others say how Dovecot got there."""
    *above, where = chain
    via = f" (included from {', '.join(map(str, reversed(above)))})" if above else ""
    return ConfError(f"{what}{via}", where=where, remedy="correct the include")


def expand_braces(pattern: str) -> tuple[str, ...]:
    """`{a,b}` as GLOB_BRACE expands it: one pattern each, in order. `{}` stands for itself."""
    opening = pattern.find("{")
    if opening < 0:
        return (pattern,)
    edges = _group(pattern, opening)
    if len(edges) < 2:
        return (pattern,)
    head, tails = pattern[:opening], expand_braces(pattern[edges[-1] + 1 :])
    if edges[-1] == opening + 1:
        return tuple(f"{head}{{}}{tail}" for tail in tails)
    return tuple(
        f"{head}{inner}{tail}"
        for start, end in pairwise(edges)
        for inner in expand_braces(pattern[start + 1 : end])
        for tail in tails
    )


def _group(pattern: str, opening: int) -> list[int]:
    """The offsets of a brace, of the commas directly inside and of the brace that closes it; the
    first alone where none does."""
    edges, depth = [opening], 0
    for at in range(opening, len(pattern)):
        depth += (pattern[at] == "{") - (pattern[at] == "}")
        if depth == 0:
            return [*edges, at]
        if depth == 1 and pattern[at] == ",":
            edges.append(at)
    return [opening]
