"""Files of the system looked at, by the paths that it calls them, and who may read them."""

from __future__ import annotations

import stat
from pathlib import Path

from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import SealedKey
from letterlock.certs.material import Material, parse, read_bytes
from letterlock.install.place import follow, outside
from letterlock.model.errors import InputError, LetterlockError, Location


class Files:
    """The system below `root`; each file is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, bytes] = {}
        self._material: dict[str, Material] = {}

    def outside(self, path: str) -> Path:
        """Where a file really is, as we reach it. Raises InputError for links in a circle."""
        try:
            return outside(self._root, follow(self._root, path))
        except LetterlockError as error:
            raise InputError(error.what, where=Location(path)) from None

    def contents(self, path: str) -> bytes:
        """Raises CertificateError with the path as that system calls it."""
        if path not in self._read:
            here = self.outside(path)
            if here.exists() and not here.is_file() and not here.is_dir():
                raise CertificateError("is not a regular file", where=Location(path))
            try:
                self._read[path] = read_bytes(here)
            except CertificateError as error:
                raise CertificateError(
                    error.what, where=Location(path), remedy=error.remedy
                ) from None
        return self._read[path]

    def material(self, path: str) -> Material:
        """What a file holds. Raises InputError."""
        if path not in self._material:
            self._material[path] = parse(self.contents(path), path)
        return self._material[path]

    def holds_key(self, path: str) -> bool:
        """Whether an unencrypted private key is in a file; False where that cannot be told."""
        try:
            keys = self.material(path).keys
        except LetterlockError:
            return False
        return any(not isinstance(key, SealedKey) or _opens(key) for key in keys)

    def open_to_all(self, path: str) -> int | None:
        """The mode of a file that every user of the machine may read or write, reached through
        folders that let them pass; else None. ACLs are not looked at."""
        try:
            here = self.outside(path)
            mode = stat.S_IMODE(here.stat().st_mode)
        except (OSError, InputError):
            return None
        if not mode & (stat.S_IROTH | stat.S_IWOTH):
            return None
        folders = [each for each in here.parents if self._root in (each, *each.parents)]
        closed = any(not each.stat().st_mode & stat.S_IXOTH for each in folders)
        return None if closed else mode


def _opens(key: SealedKey) -> bool:
    try:
        key.unlock(None)
    except CertificateError:
        return False
    return True
