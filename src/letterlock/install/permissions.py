"""Takes a private key's file away from everybody but its owner and group."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from letterlock.install.place import follow, outside
from letterlock.model.errors import Location, RefusedError


def close_to_others(root: Path, path: str) -> None:
    """Take the rights of others from a file, behind whatever links; nothing else of it changes.
    Stricter only, so it can be done again and needs no way back.

    Raises RefusedError where it is not allowed or no file."""
    here = outside(root, follow(root, path))
    try:
        descriptor = os.open(here, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RefusedError("is not a regular file", where=Location(path))
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~stat.S_IRWXO)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RefusedError(
            f"its mode cannot be changed: {error.strerror}", where=Location(path)
        ) from error
