"""What was changed, and when, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from letterlock.install.journal import Undoing, Undone
from letterlock.install.recover import CUT_SHORT
from letterlock.install.state import Run, StateFolder


class Result(StrEnum):
    """What became of a run."""

    DONE = "done"
    UNDONE = "undone"
    ROLLED_BACK = "rolled back"
    RECOVERED = "cut short, recovered"
    CUT_SHORT = "cut short"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run. `time` is UTC in ISO 8601; `reason` why it was rolled back; `undone_by` the run
    that took it back and `undoes` the one that this took back; `files` what it changed."""

    id: str
    time: str
    verb: str
    subject: str
    result: Result
    reason: str = ""
    undone_by: str = ""
    undoes: str = ""
    files: tuple[str, ...] = ()


def history(state: StateFolder) -> tuple[Entry, ...]:
    """Every run that began, oldest first. Raises RefusedError."""
    runs = state.runs()
    undone_by: dict[str, str] = {}
    for run in reversed(runs):
        # A rollback that was itself undone undoes nothing any more; what undid it is newer.
        if run.begun and run.begun.undoes and run.committed and run.id not in undone_by:
            undone_by.setdefault(run.begun.undoes, run.id)
    entries = (_entry(run, undone_by.get(run.id, "")) for run in runs)
    return tuple(entry for entry in entries if entry)


def _entry(run: Run, undone_by: str) -> Entry | None:
    begun = run.begun
    if begun is None:
        return None
    result, reason = _result(run, undone_by)
    return Entry(
        id=run.id,
        time=begun.time,
        verb=begun.verb,
        subject=begun.subject,
        result=result,
        reason=reason,
        undone_by=undone_by,
        undoes=begun.undoes or "",
        files=tuple(step.path for step in begun.steps if step.act != "none"),
    )


def _result(run: Run, undone_by: str) -> tuple[Result, str]:
    if run.committed:
        return (Result.UNDONE if undone_by else Result.DONE), ""
    reasons = [record.reason for record in run.records if isinstance(record, Undoing | Undone)]
    reason = reasons[0] if reasons else ""
    if not run.ended:
        return Result.CUT_SHORT, reason
    if reason == CUT_SHORT:
        return Result.RECOVERED, ""
    return Result.ROLLED_BACK, reason
