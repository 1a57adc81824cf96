"""The steps of a run on disk: stage, keep, change; undo, clear away.

Undoing and clearing away look at what is on disk, never at what the program remembers, so they
work the same after an error and after a crash, and any number of times.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from letterlock.install import disk
from letterlock.install.journal import Step
from letterlock.model.errors import Location, RefusedError
from letterlock.model.rooted import outside


class KeptError(Exception):
    """A step was left undone because somebody else changed its file after the run did."""


@dataclass(frozen=True, slots=True)
class Places:
    """A step's names as we reach them."""

    target: Path
    stage: Path
    backup: Path
    part: Path

    @classmethod
    def of(cls, root: Path, step: Step) -> Places:
        return cls(
            outside(root, step.target),
            outside(root, step.stage),
            outside(root, step.backup),
            outside(root, step.part),
        )


def folders(root: Path, steps: Iterable[Step]) -> set[Path]:
    """The folders whose names the steps touch."""
    return {outside(root, step.target).parent for step in steps if step.act != "none"}


def make_folder(root: Path, step: Step) -> None:
    """Make a folder with exactly its mode, whatever the umask. Raises OSError."""
    target = outside(root, step.target)
    target.mkdir(mode=0o700)
    target.chmod(step.mode)


def stage(root: Path, step: Step, contents: bytes | None) -> None:
    """Put what a file or link will be beside it, whole and on disk; then give what is there a
    second name. `contents` are a file's new bytes. Raises OSError."""
    at = Places.of(root, step)
    model = at.target if step.act == "replace" else None
    if step.kind == "link" and step.after is not None:
        disk.make_link(at.stage, step.after, model)
    elif contents is not None and model is not None:
        disk.write_like(at.stage, contents, model)
    elif contents is not None:
        disk.write_new(at.stage, contents, step.mode, inherit_acl=not step.secret)
    if step.act == "replace":
        disk.keep_inode(at.target, at.backup, at.part)


def change(root: Path, step: Step) -> None:
    """Let the staged file or link take its place, or move the old one out of the way.

    Raises RefusedError where the file is not the one that was checked, OSError."""
    at = Places.of(root, step)
    if step.act == "create":
        try:
            disk.put_new(at.stage, at.target)
        except FileExistsError as error:
            raise _lost_race(step) from error
        return
    if not _is_the_old_one(at.target, step):
        raise _lost_race(step)
    (at.stage if step.act == "replace" else at.target).rename(
        at.target if step.act == "replace" else at.backup
    )


def _lost_race(step: Step) -> RefusedError:
    return RefusedError("was changed by somebody else just now", where=Location(step.path))


def _is_the_old_one(here: Path, step: Step) -> bool:
    """The same inode as was checked, with the same contents."""
    try:
        status = here.lstat()
    except FileNotFoundError:
        return False
    same = (status.st_dev, status.st_ino) == step.inode
    return same and _digest(here, step) == step.before_digest


def _digest(here: Path, step: Step) -> str | None:
    """What is there in the step's own terms; None: nothing, or something of another kind."""
    try:
        if step.kind == "link":
            text = disk.read_link(here)
            return None if text is None else disk.digest(os.fsencode(text))
        contents = disk.read_file(here)
        return None if contents is None else disk.digest(contents)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR):
            return None
        raise


def undo(root: Path, step: Step) -> None:
    """Bring one step back to how it was, from wherever it stopped; nothing of it is left beside.

    Raises OSError, and KeptError where somebody changed the file since: then only our own
    leftovers go."""
    if step.kind == "folder":
        _undo_folder(root, step)
        return
    at = Places.of(root, step)
    try:
        if step.act == "create":
            _undo_create(at, step)
        else:
            _undo_change(at, step)
    finally:
        for leftover in (at.part, at.stage):
            disk.remove(leftover)


def _undo_folder(root: Path, step: Step) -> None:
    if step.act != "create":
        return
    try:
        outside(root, step.target).rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise KeptError(f"{step.path} is not empty, so it stays") from error
        raise


def _undo_create(at: Places, step: Step) -> None:
    if not os.path.lexists(at.target):
        return
    if not _linked_or_renamed(at, step):
        raise KeptError(f"{step.path} was changed meanwhile, so it stays")
    disk.remove(at.target)


def _linked_or_renamed(at: Places, step: Step) -> bool:
    return disk.same_inode(at.stage, at.target) or _digest(at.target, step) == step.after_digest


def _undo_change(at: Places, step: Step) -> None:
    if not os.path.lexists(at.backup):
        return
    now = _digest(at.target, step)
    if disk.same_inode(at.backup, at.target) or now == step.before_digest:
        # rename(2) does nothing between two names of one inode, so the second name just goes.
        disk.remove(at.backup)
        return
    if os.path.lexists(at.target) and (now is None or now != step.after_digest):
        disk.remove(at.backup)
        raise KeptError(f"{step.path} was changed meanwhile, so it stays")
    at.backup.rename(at.target)


def clear(root: Path, step: Step) -> None:
    """Remove what a committed step left beside its file. Raises OSError."""
    if step.kind != "folder" and step.act in ("replace", "remove"):
        disk.remove(Places.of(root, step).backup)


def remove_folder(root: Path, step: Step) -> str | None:
    """Remove the folder that a committed step was to remove, once every step is cleared away; the
    reason where it has to stay. Raises OSError."""
    if step.kind != "folder" or step.act != "remove":
        return None
    try:
        outside(root, step.target).rmdir()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return f"{step.path} is not empty, so it stays"
        raise
    return None
