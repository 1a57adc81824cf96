"""Which servers to look at: from the command line, from a file, each once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from letterlock.model.errors import InputError, Location

if TYPE_CHECKING:
    from letterlock.probe.resolve import Target


def targets(arguments: Sequence[str], file: str | None, *, domains: bool = False) -> list[Target]:
    """All targets in their order, before the first is visited: a slip shows at once. With
    `domains` each is a mail domain.

    Raises InputError for a target that is none (with its line in the file), a file that cannot be
    read, and where there is no target at all."""
    from letterlock.probe.resolve import parse_domain, parse_target

    parse = parse_domain if domains else parse_target
    found = {text: parse(text) for text in arguments}
    for line, text in _lines(file) if file is not None else ():
        if text in found:
            continue
        try:
            found[text] = parse(text)
        except InputError as error:
            where = Location("stdin" if file == "-" else str(file), line)
            raise InputError(error.what, where=where, remedy=error.remedy) from None
    if not found:
        what = "there is no target" if file is None else f"--targets {file} names no target"
        raise InputError(what, remedy="give a host name or an address")
    return list(found.values())


def _lines(file: str) -> Iterator[tuple[int, str]]:
    """One target a line; `#` begins a comment at the start of a line or after white space."""
    for number, line in enumerate(_read(file).splitlines(), 1):
        words = line.split()
        text = " ".join(words[: next((i for i, w in enumerate(words) if w[0] == "#"), None)])
        if text:
            yield number, text


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"--targets {file} cannot be read: {error.strerror}", remedy="one target a line"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"--targets {file} is not UTF-8 text") from None
