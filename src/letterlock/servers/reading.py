"""Reads configuration files with the errors a person can act on."""

from __future__ import annotations

import stat

from letterlock.model.errors import InputError, Location
from letterlock.servers.tools import Tools

#: A hand-grown configuration is some 50 kB; what is larger than this is no configuration.
MAX_BYTES = 8 * 1024 * 1024


def read_configuration_file(tools: Tools, path: str) -> bytes:
    """The bytes of a file of that system.

    Raises InputError when it is missing, a dangling link, no regular file, unreadable or too
    large."""
    outside = tools.outside(path)
    where = Location(path)
    try:
        status = outside.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a regular file", where=where)
        if status.st_size > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES} bytes: no configuration file", where=where)
        return outside.read_bytes()
    except FileNotFoundError:
        if outside.is_symlink():
            target = outside.readlink()
            raise InputError(f"a dangling link to {target}", where=where) from None
        raise InputError("no such file", where=where) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from None
