"""What Dovecot would say of a configuration that is not on disk: all of what it refuses, each with
its place, where doveconf itself stops at the first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.conf.text import encode
from letterlock.model.errors import Location, UndeterminedError
from letterlock.servers.reading import placed
from letterlock.servers.tools import Completed, Tools
from letterlock.servers.version import Version

#: So many faults are told; each costs one run of doveconf, some 10 ms.
_MOST = 60
_FOLDER = "/tmp"  # noqa: S108 - a file of ours by mkstemp(3), 0600, gone at once
#: Settings that 2.4 asks for, by name, and why they are the admin's to write: the one says which
#: version's defaults the files were written for, the other which may read the mail (Dovecot 2.4.0
#: upgrade notes).
_AHEAD = {
    "dovecot_config_version": "the first setting must be dovecot_config_version, the version that "
    "this file is written for",
    "dovecot_storage_version": "dovecot_storage_version must be set, the oldest version that will "
    "still read the mail",
}
_Line = tuple[str, Location]


@dataclass(frozen=True, slots=True)
class Trial:
    """`dump` is `doveconf -a` of what is left once each refused line (or block) is passed over;
    `refused` what was said of those, `unplaced` what was said without a place, which ends it."""

    dump: bytes
    refused: tuple[str, ...]
    unplaced: tuple[str, ...]


def trial(
    tools: Tools,
    version: Version,
    tree: DovecotTree,
    faults: Callable[[Completed], Sequence[str]],
    further: Sequence[tuple[str, ...]] = (),
) -> Trial:
    """Let doveconf read the tree's lines; `further` are what else to ask it than `-a`. Raises
    UndeterminedError where no file can be had for the lines."""
    lines = list(tree.flat())
    refused: list[str] = []
    for _ in range(_MOST):
        texts = [text for text, _ in lines]
        done = _dump(tools, texts, ("-a",))
        said = faults(done)
        if not said:
            more = (_dump(tools, texts, flags).stdout for flags in further)
            return Trial(b"".join((done.stdout, *more)), tuple(refused), ())
        ahead = next((name for name in _AHEAD if name in said[0]), None)
        if ahead is not None:
            refused.append(f"{Location(tree.main_path, 1)}: {_AHEAD[ahead]}")
            lines = _ahead(lines, f"{ahead} = {version}")
            continue
        found = placed(said[0])
        if found is None or not 0 < found.line <= len(lines):
            return Trial(b"", tuple(refused), tuple(said))
        at = found.line - 1
        refused.append(f"{lines[at][1]}: {found.what}")
        lines = _passed_over(lines, at)
    return Trial(b"", (*refused, "and more"), (f"more than {_MOST} settings are refused",))


def _dump(tools: Tools, lines: Iterable[str], flags: tuple[str, ...]) -> Completed:
    with _file(tools, "".join(f"{line}\n" for line in lines)) as path:
        return tools.run("doveconf", "-c", path, *flags)


@contextmanager
def _file(tools: Tools, text: str) -> Iterator[str]:
    try:
        descriptor, outside = tempfile.mkstemp(
            prefix="letterlock-", suffix=".conf", dir=tools.outside(_FOLDER)
        )
    except OSError as error:
        raise UndeterminedError(
            f"{_FOLDER} cannot hold a file for doveconf to read: {error.strerror}"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode(text))
        yield f"{_FOLDER}/{os.path.basename(outside)}"  # noqa: PTH119 - a path of that system's
    finally:
        os.unlink(outside)  # noqa: PTH108


def _ahead(lines: list[_Line], text: str) -> list[_Line]:
    """With a setting in front; behind `dovecot_config_version`, which must be the first."""
    name = text.partition(" ")[0]
    rest = [("" if _names(line, name) else line, where) for line, where in lines]
    at = 1 if rest and _names(rest[0][0], "dovecot_config_version") else 0
    return [*rest[:at], (text, lines[0][1]), *rest[at:]]


def _names(line: str, name: str) -> bool:
    return line.partition("=")[0].strip() == name


def _passed_over(lines: list[_Line], at: int) -> list[_Line]:
    text = lines[at][0]
    end = at
    if text.partition("#")[0].rstrip().endswith("{"):
        depth = 0
        for end in range(at, len(lines)):
            here = lines[end][0].partition("#")[0].strip()
            depth += here.endswith("{") - here.startswith("}")
            if depth <= 0:
                break
    gone = range(at, end + 1)
    return [("", place) if n in gone else (line, place) for n, (line, place) in enumerate(lines)]
