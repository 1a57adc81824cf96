"""Writes a file whole or not at all, a key readable by its owner only from its first byte."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from letterlock.model.errors import InputError, Location


def write_new(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    replace: bool = False,
    remedy: str = "--force replaces it",
) -> None:
    """Write `content` to `path`, never over an existing file unless `replace`: to a temporary file
    beside it, synced, then linked or renamed into place. `remedy` is told of one that exists.

    Raises InputError, with nothing left behind."""
    where = Location(str(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        _write(temporary, content, mode)
        try:
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError("exists already", where=where, remedy=remedy) from None
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=where) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
