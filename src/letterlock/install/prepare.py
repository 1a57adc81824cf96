"""A plan's changes as named steps, once it is seen that the plan still fits what is on disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from letterlock.install import disk
from letterlock.install.journal import Act, Step
from letterlock.install.place import file_target, link_target
from letterlock.model.errors import Location, RefusedError
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange
from letterlock.model.rooted import follow, outside

#: What names beside a file end in. None may match an include's pattern such as Dovecot's
#: `conf.d/*.conf`.
STAGE = ".new"
BACKUP = ".old"
PART = ".part"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The steps of a plan, and the bytes to keep so that it can be undone later, by name."""

    steps: tuple[Step, ...]
    blobs: dict[str, bytes]
    notes: tuple[str, ...]


def _changed_since(path: Path, how: str) -> RefusedError:
    return RefusedError(
        f"was changed by somebody else since the plan was made: {how}",
        where=Location(str(path)),
        remedy="nothing was changed; run it again",
    )


class Preparer:
    """Checks that a plan still fits what is on disk, and names every step."""

    def __init__(self, root: Path, run_id: str) -> None:
        self._root = root
        self._id = run_id
        self._targets: dict[str, Path] = {}
        self._new_folders: set[str] = set()
        self._blobs: dict[str, bytes] = {}
        self._notes: list[str] = []

    def prepare(self, changes: Iterable[Change]) -> Prepared:
        """Raises RefusedError, naming the file, where the plan does not fit; OSError."""
        steps = tuple(self._step(number, change) for number, change in enumerate(changes, 1))
        return Prepared(steps, self._blobs, tuple(self._notes))

    def _step(self, number: int, change: Change) -> Step:
        path = change.path
        if not path.is_absolute() or ".." in path.parts:
            raise RefusedError("is not an absolute path", where=Location(str(path)))
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise RefusedError("has a name that is not UTF-8", where=Location(repr(path))) from None
        match change:
            case FileChange():
                step = self._file(number, change)
            case LinkChange():
                step = self._link(number, change)
            case DirectoryChange():
                step = self._folder(change)
        self._claim(step, path)
        return step

    def _claim(self, step: Step, path: Path) -> None:
        other = self._targets.setdefault(step.target, path)
        if other is not path:
            raise RefusedError(f"is the same file as {other}", where=Location(str(path)))
        parent = step.target.rpartition("/")[0] or "/"
        if parent in self._new_folders:
            return
        if outside(self._root, parent).is_dir():
            if step.act != "none" and not os.access(outside(self._root, parent), os.W_OK):
                raise RefusedError(
                    f"its folder {parent} is read-only or immutable",
                    where=Location(str(path)),
                    remedy="nothing was changed; make it writable, or run as root",
                )
            return
        raise RefusedError(
            f"its folder {parent} does not exist", where=Location(str(path)), remedy="make it first"
        )

    def _beside(self, number: int, target: str) -> str:
        return f"{target.rpartition('/')[0]}/.letterlock-{self._id}-{number}"

    def _file(self, number: int, change: FileChange) -> Step:
        target = file_target(self._root, change.path)
        if change.after is None and target != link_target(self._root, change.path):
            raise RefusedError(
                "is a symbolic link, so it is not removed as a file",
                where=Location(str(change.path)),
            )
        here = outside(self._root, target)
        now = self._read(here, change.path)
        if now != change.before:
            raise _changed_since(change.path, _difference(change.before, now))
        status = here.lstat() if now is not None else None
        if status is not None and status.st_nlink > 1 and change.after is not None:
            self._notes.append(
                f"{change.path} was one of {status.st_nlink} hard links; the others keep the old "
                "contents"
            )
        act = _act(change.before, change.after)
        beside = self._beside(number, target)
        return Step(
            kind="file",
            act=act,
            path=str(change.path),
            target=target,
            stage=beside + STAGE,
            backup=beside + BACKUP,
            part=beside + PART,
            before_digest=None if change.before is None else disk.digest(change.before),
            after_digest=None if change.after is None else disk.digest(change.after),
            before=self._keep(number, "before", change.before, wanted=act != "none"),
            after=self._keep(
                number, "after", change.after, wanted=act == "replace" and not change.secret
            ),
            mode=stat.S_IMODE(status.st_mode) if status else change.mode,
            secret=change.secret,
            inode=(status.st_dev, status.st_ino) if status else None,
        )

    def _keep(self, number: int, when: str, contents: bytes | None, *, wanted: bool) -> str | None:
        if contents is None or not wanted:
            return None
        name = f"{number}.{when}"
        self._blobs[name] = contents
        return name

    @staticmethod
    def _read(here: Path, path: Path) -> bytes | None:
        try:
            return disk.read_file(here)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.EISDIR):
                raise RefusedError("is not a regular file", where=Location(str(path))) from error
            raise

    def _link(self, number: int, change: LinkChange) -> Step:
        target = link_target(self._root, change.path)
        here = outside(self._root, target)
        try:
            now = disk.read_link(here)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise _changed_since(change.path, "it is no symbolic link any more") from error
            raise
        if now != change.before:
            raise _changed_since(change.path, _difference(change.before, now))
        status = here.lstat() if now is not None else None
        beside = self._beside(number, target)
        return Step(
            kind="link",
            act=_act(change.before, change.after),
            path=str(change.path),
            target=target,
            stage=beside + STAGE,
            backup=beside + BACKUP,
            part=beside + PART,
            before_digest=_text_digest(change.before),
            after_digest=_text_digest(change.after),
            before=change.before,
            after=change.after,
            inode=(status.st_dev, status.st_ino) if status else None,
        )

    def _folder(self, change: DirectoryChange) -> Step:
        target = link_target(self._root, change.path)
        if outside(self._root, target).is_symlink() and not change.remove:
            target = follow(self._root, target)
        here = outside(self._root, target)
        there = os.path.lexists(here)
        if there and not here.is_dir():
            raise _changed_since(change.path, "it is not a folder")
        if not there:
            self._new_folders.add(target)
        wanted = not change.remove
        act: Act = "none" if there == wanted else "create" if wanted else "remove"
        mode = stat.S_IMODE(here.stat().st_mode) if there else change.mode
        return Step(kind="folder", act=act, path=str(change.path), target=target, mode=mode)


def _act(before: object | None, after: object | None) -> Act:
    if before == after:
        return "none"
    if before is None:
        return "create"
    return "remove" if after is None else "replace"


def _text_digest(text: str | None) -> str | None:
    return None if text is None else disk.digest(os.fsencode(text))


def _difference(planned: object | None, now: object | None) -> str:
    if now is None:
        return "it is gone"
    return "it was made" if planned is None else "its contents differ"
