"""Monitors: one's own servers that are looked at on a schedule, from a file of the admin's."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import msgspec

from letterlock.model.errors import InputError, Location
from letterlock.model.finding import Severity
from letterlock.model.tls_facts import Depth
from letterlock.web.asked import Asked, asked
from letterlock.web.store.checks import New

#: Who asks for a monitor's checks: no stranger, whose digests have 32 characters.
CLIENT = "monitor"
_EVERY = re.compile(r"([1-9][0-9]{0,3})(m|h|d)")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
#: Seconds between two looks at one server.
_OFTENEST, _RAREST = 15 * 60.0, 30 * 86400.0
#: What a table can have as a title; more servers than one service looks at.
_LONGEST_TITLE = 200
_MOST = 500
_HEADER = re.compile(r"\s*\[\[\s*monitor\s*\]\]")


class Monitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`target`, `name`, `ports` and `depth` as in `check`; `every` as in 30m, 6h or 1d; `title` is
    what it is called."""

    target: str
    every: str = "6h"
    title: str = ""
    name: str | None = None
    ports: tuple[int, ...] = ()
    depth: Depth = Depth.STANDARD

    @property
    def shown(self) -> str:
        return self.title or self.target

    @property
    def seconds(self) -> float:
        """Between two looks. Raises InputError."""
        found = _EVERY.fullmatch(self.every)
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not _OFTENEST <= seconds <= _RAREST:
            raise InputError(
                f"every = {self.every!r} is no time from 15m to 30d", remedy="such as 6h"
            )
        return seconds

    @property
    def asked(self) -> Asked:
        """Raises InputError."""
        return asked(self.target, name=self.name, ports=self.ports, depth=self.depth)

    @property
    def question(self) -> New:
        return self.asked.new(CLIENT)


class MonitorsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `mail`, `smtp`, `webhook`, `command` and `tell_from` as in watch.toml."""

    monitor: tuple[Monitor, ...]
    mail: tuple[str, ...] = ()
    smtp: str = ""
    webhook: str = ""
    command: tuple[str, ...] = ()
    tell_from: Severity = Severity.MEDIUM

    @property
    def questions(self) -> dict[str, New]:
        return {each.shown: each.question for each in self.monitor}

    @property
    def every(self) -> dict[str, float]:
        return {each.shown: each.seconds for each in self.monitor}


def read(path: Path) -> MonitorsFile:
    """Raises InputError: what is wrong with it, and on which line where that is known."""
    try:
        contents = path.read_text("utf-8")
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(str(path))) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", where=Location(str(path))) from None
    try:
        file = msgspec.toml.decode(contents, type=MonitorsFile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            str(error), where=Location(str(path), _line_of_error(contents, str(error)))
        ) from None
    _check(file, contents, path)
    if file.webhook and stat.S_IMODE(mode) & 0o007:
        raise InputError(
            "everybody may read it, and the webhook's URL is a secret",
            where=Location(str(path)),
            remedy=f"chmod o= {path}",
        )
    return file


def _check(file: MonitorsFile, contents: str, path: Path) -> None:
    if not file.monitor:
        raise InputError("it has no [[monitor]]", where=Location(str(path)))
    if len(file.monitor) > _MOST:
        raise InputError(
            f"{len(file.monitor)} monitors are too many; {_MOST} are taken",
            where=Location(str(path)),
        )
    seen: set[str] = set()
    for number, each in enumerate(file.monitor):
        try:
            _ = each.seconds, each.asked
            if not each.shown.isprintable() or len(each.shown) > _LONGEST_TITLE:
                raise InputError(f"the title is not one line of at most {_LONGEST_TITLE} letters")
            if each.shown in seen:
                raise InputError(
                    f"{each.shown!r} is there already", remedy="give it a title of its own"
                )
        except InputError as error:
            raise InputError(
                error.what,
                where=Location(str(path), _line_of(contents, number)),
                remedy=error.remedy,
            ) from None
        seen.add(each.shown)


def _line_of_error(contents: str, said: str) -> int | None:
    """tomllib names the line, msgspec the number of the monitor (`$.monitor[2].every`)."""
    if found := re.search(r"at line ([0-9]+)", said):
        return int(found[1])
    if found := re.search(r"\$\.monitor\[([0-9]+)\]", said):
        return _line_of(contents, int(found[1]))
    return None


def _line_of(contents: str, number: int) -> int | None:
    """Where the monitor begins; None where it stands in another of TOML's forms."""
    lines = [line for line, text in enumerate(contents.splitlines(), 1) if _HEADER.match(text)]
    return lines[number] if number < len(lines) else None
