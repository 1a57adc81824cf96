"""Reads configuration files with the errors a person can act on."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from letterlock.model.errors import InputError, Location
from letterlock.servers.tools import Tools

#: A hand-grown configuration is some 50 kB; what is larger than this is no configuration.
MAX_BYTES = 8 * 1024 * 1024

#: How both servers' checkers name the place: `/etc/postfix/main.cf, line 47: …`, `file
#: /etc/postfix/master.cf: line 1: …`, `Error in configuration file /etc/dovecot/… line 84: …`.
_PLACE = re.compile(r"(?P<file>/\S+?)[,:]? line (?P<line>\d+): (?P<what>.+)")
_SPEAKER = re.compile(r"^\S+: (?:fatal|error|Fatal|Error): ")


def configured(tools: Tools, path: str) -> bool:
    """Whether a server's main file is there: a dangling link is, and is a fault to be told."""
    return os.path.lexists(tools.entry(path))


@dataclass(frozen=True, slots=True)
class Placed:
    """A checker's complaint taken apart."""

    file: str
    line: int
    what: str


def placed(complaint: str) -> Placed | None:
    """The place that a checker's complaint names; None where it names none."""
    match = _PLACE.search(complaint)
    return Placed(match["file"], int(match["line"]), match["what"]) if match else None


def refusal(server: str, complaint: str, otherwise: Location, checker: str) -> InputError:
    """A line in which a server's own checker refuses the configuration it has, as our error at
    the place it names, or `otherwise`."""
    found = placed(complaint)
    where = Location(found.file, found.line) if found else otherwise
    what = found.what if found else _SPEAKER.sub("", complaint)
    return InputError(
        f"{server} refuses its present configuration: {what}",
        where=where,
        remedy=f"make `{checker}` pass first",
    )


def read_configuration_file(tools: Tools, path: str, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file of that system, at most so many.

    Raises InputError when it is missing, a dangling link, no regular file, unreadable or too
    large."""
    outside = tools.outside(path)
    where = Location(path)
    try:
        status = outside.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a regular file", where=where)
        if status.st_size > most:
            raise InputError(f"larger than {most} bytes: no configuration file", where=where)
        return outside.read_bytes()
    except FileNotFoundError:
        if tools.entry(path).is_symlink():
            target = tools.entry(path).readlink()
            raise InputError(
                f"a dangling link to {target}", where=where, remedy="make that file, or the link go"
            ) from None
        raise InputError("no such file", where=where) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from None
