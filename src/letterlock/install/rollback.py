"""Undo an earlier run's own lines, as a plan like any other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from letterlock.install import disk
from letterlock.install.history import Entry, Result, history
from letterlock.install.journal import Step
from letterlock.install.merge import Conflict, undo_lines
from letterlock.install.place import file_target, link_target
from letterlock.install.state import Run, StateFolder, refusing
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan, Reason
from letterlock.model.rooted import outside


@dataclass(frozen=True, slots=True)
class FileConflict:
    """A place that the run wrote and that somebody has changed since. `what` says it in a line;
    `sides` is None where there are no lines to show (a key, a link, a file that is gone)."""

    where: Location
    what: str
    sides: Conflict | None = None


class ConflictError(RefusedError):
    """The run cannot be undone by itself; nothing was changed. `conflicts` are all the places."""

    def __init__(self, run_id: str, conflicts: tuple[FileConflict, ...]) -> None:
        places = ", ".join(dict.fromkeys(str(conflict.where) for conflict in conflicts))
        super().__init__(
            f"run {run_id} cannot be undone: changed since by somebody else: {places}",
            remedy="nothing was changed; settle these by hand",
        )
        self.conflicts = conflicts


def last_done(state: StateFolder) -> str:
    """The id of the last run that is in force and is itself no rollback.

    Raises InputError where there is none."""
    done = [entry for entry in history(state) if entry.result is Result.DONE and not entry.undoes]
    if not done:
        raise InputError("there is no run to undo", remedy="letterlock history lists them all")
    return done[-1].id


def plan_rollback(state: StateFolder, run_id: str) -> Plan:
    """The plan that undoes the run whose id begins with `run_id`; lines changed by others since
    stay. It expects nothing new on the wire: what answers before must answer after.

    Raises InputError for an unknown id, RefusedError where the run is not in force any more,
    ConflictError where somebody changed the same lines."""
    run = state.find(run_id)
    begun = run.begun
    entry = next((entry for entry in history(state) if entry.id == run.id), None)
    if begun is None or entry is None or entry.result is not Result.DONE:
        raise RefusedError(f"run {run.id} is not in force: {_standing(entry)}")
    undoing = _Undoing(state, run)
    with refusing("cannot be read"):
        changes = undoing.changes(begun.steps)
    if undoing.conflicts:
        raise ConflictError(run.id, tuple(undoing.conflicts))
    return Plan(
        verb="rollback",
        subject=begun.subject,
        changes=changes,
        servers=begun.servers,
        expectations=(),
        notices=tuple(undoing.notices),
        undoes=run.id,
    )


def _standing(entry: Entry | None) -> str:
    if entry is None:
        return "it never began"
    return f"it was undone by {entry.undone_by}" if entry.undone_by else entry.result.value


class _Undoing:
    """Turns a run's steps into the changes that take them back."""

    def __init__(self, state: StateFolder, run: Run) -> None:
        self._root = state.root
        self._run = run
        self._reasons = (Reason(f"undoes run {run.id}", "the journal of that run"),)
        self.conflicts: list[FileConflict] = []
        self.notices: list[str] = []

    def changes(self, steps: Iterable[Step]) -> tuple[Change, ...]:
        found: list[Change | None] = []
        for step in reversed(tuple(steps)):
            if step.act == "none":
                continue
            match step.kind:
                case "file":
                    found.append(self._file(step))
                case "link":
                    found.append(self._link(step))
                case "folder":
                    found.append(self._folder(step))
        return tuple(change for change in found if change)

    def _conflict(self, step: Step, what: str, sides: Conflict | None = None) -> None:
        where = Location(step.path, sides.line if sides else None)
        self.conflicts.append(FileConflict(where, what, sides))

    def _file(self, step: Step) -> FileChange | None:
        path = Path(step.path)
        now = disk.read_file(outside(self._root, file_target(self._root, path)))
        before = self._run.blob(step.before) if step.before else None
        if now == before:
            return None
        untouched = (None if now is None else disk.digest(now)) == step.after_digest
        after = before if untouched else self._merged(step, now, before)
        if not untouched and after in (None, now):
            return None
        return FileChange(path, now, after, step.mode, step.secret, self._reasons)

    def _merged(self, step: Step, now: bytes | None, before: bytes | None) -> bytes | None:
        """None where there is a conflict, which is then noted."""
        if now is None:
            self._conflict(step, "is gone")
        elif step.after is None or before is None:
            self._conflict(step, "was made or changed by somebody else")
        else:
            result = undo_lines(self._run.blob(step.after), now, before)
            if isinstance(result, bytes):
                self.notices.append(f"{step.path} was edited since; those edits stay")
                return result
            for conflict in result:
                self._conflict(step, "the run wrote this and somebody changed it since", conflict)
        return None

    def _link(self, step: Step) -> LinkChange | None:
        path = Path(step.path)
        here = outside(self._root, link_target(self._root, path))
        if os.path.lexists(here) and not here.is_symlink():
            self._conflict(step, "is no symbolic link any more")
            return None
        now = disk.read_link(here)
        if now == step.before:
            return None
        if now != step.after:
            self._conflict(step, f"leads to {now} now" if now else "is gone")
            return None
        return LinkChange(path, now, step.before, self._reasons)

    def _folder(self, step: Step) -> DirectoryChange | None:
        path = Path(step.path)
        there = outside(self._root, link_target(self._root, path)).is_dir()
        if there is not (step.act == "create"):
            return None
        return DirectoryChange(path, step.mode, self._reasons, remove=there)
