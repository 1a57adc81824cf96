"""Put a plan into force, all of it or nothing.

Order: recover what was cut short, check that every file is as the plan saw it, journal, stage,
keep, rename, validate, reload, verify, commit, clear away. Until the commit line is on disk any
failure leads back to the old state.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from letterlock.install import disk, steps, verify
from letterlock.install.interrupts import Interrupted, Interrupts, StoppedError, interrupts
from letterlock.install.journal import (
    FORMAT,
    Begun,
    Changing,
    Committed,
    Journal,
    JournalInDoubtError,
    Starting,
    Step,
)
from letterlock.install.prepare import Prepared, Preparer
from letterlock.install.recover import Report, Undo, finish, recover_locked, silent
from letterlock.install.serving import Serving
from letterlock.install.state import StateFolder, refusal, refusing
from letterlock.install.verify import Observe
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import FileChange, Plan
from letterlock.servers.interface import MailServer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `run` is its id, None where there was nothing to change; `facts` what
    was seen afterwards; `notes` what the reader should know."""

    run: str | None
    changed: bool
    facts: tuple[EndpointFacts, ...]
    notes: tuple[str, ...] = ()


def apply(
    plan: Plan,
    servers: Sequence[MailServer],
    observe: Observe,
    state: StateFolder,
    *,
    start: bool = False,
    wait: float = 0,
    report: Report = silent,
    patience: float = verify.PATIENCE_SECONDS,
) -> Outcome:
    """Put `plan` into force on the system under `state.root` and see it on the wire.

    `servers` are all that were found; those the plan names are validated and, where they run,
    reloaded and verified. A stopped one stays stopped unless `start`. `wait` is how many seconds
    to wait for another run to end; `patience` how many a reloaded server has to show what is
    expected. A plan that changes nothing is only verified, and leaves no run in the history.

    Raises RefusedError: nothing was changed, or all was rolled back, and why."""
    serving = Serving(plan, servers, observe, report, patience)
    with refusing("cannot be written, so nothing was changed"):
        state.prepare()
        with state.lock(plan.verb, plan.subject, wait), interrupts() as control:
            recovered = recover_locked(state, servers, report)
            notes = [str(recovery) for recovery in recovered]
            try:
                transaction = _Transaction(plan, servers, serving, state, control, report)
                if transaction.changes_nothing:
                    return Outcome(None, False, serving.confirm(start), tuple(notes))
                return transaction.run(start, notes)
            except Interrupted as interrupted:
                raise StoppedError(f"{interrupted}; nothing was changed") from None


class _Transaction:
    """One run, from the check to the commit or back."""

    def __init__(
        self,
        plan: Plan,
        servers: Sequence[MailServer],
        serving: Serving,
        state: StateFolder,
        control: Interrupts,
        report: Report,
    ) -> None:
        self._plan = plan
        self._servers = servers
        self._serving = serving
        self._state = state
        self._control = control
        self._report = report
        self._id = state.next_id()
        self._prepared: Prepared = Preparer(state.root, self._id).prepare(plan.changes)

    @property
    def changes_nothing(self) -> bool:
        return all(step.act == "none" for step in self._prepared.steps)

    def run(self, start: bool, notes: list[str]) -> Outcome:
        """Raises RefusedError: nothing was changed, or all was rolled back."""
        notes += self._prepared.notes
        self._serving.look_before()
        begun = self._begun()
        journal: Journal | None = None
        try:
            try:
                journal = self._state.begin(self._id, begun, self._prepared.blobs)
                facts = self._forward(journal, start, notes)
            finally:
                self._control.shelter()
        except BaseException as error:
            if journal is None:
                raise
            self._back(error, begun, journal)
        notes += self._clear_away(begun, journal)
        return Outcome(self._id, True, facts, tuple(notes))

    def _begun(self) -> Begun:
        return Begun(
            format=FORMAT,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            verb=self._plan.verb,
            subject=self._plan.subject,
            pid=os.getpid(),
            servers=self._plan.servers,
            steps=self._prepared.steps,
            undoes=self._plan.undoes,
        )

    def _forward(
        self, journal: Journal, start: bool, notes: list[str]
    ) -> tuple[EndpointFacts, ...]:
        self._stage()
        journal.append(Changing())
        self._change()
        self._serving.validate()
        stopped = self._serving.put_into_service(
            (lambda server: journal.append(Starting(server))) if start else None
        )
        notes += [f"{name} is stopped and stays so; nothing to see on the wire" for name in stopped]
        facts = self._serving.verify()
        self._control.shelter()
        journal.append(Committed())
        return facts

    def _pairs(self) -> list[tuple[Step, bytes | None]]:
        """Each step that does something, with a file's new contents."""
        pairs = zip(self._prepared.steps, self._plan.changes, strict=True)
        return [
            (step, change.after if isinstance(change, FileChange) else None)
            for step, change in pairs
            if step.act != "none"
        ]

    def _stage(self) -> None:
        self._report("writing the new files beside the old ones")
        for step, contents in self._pairs():
            if step.kind == "folder" and step.act == "create":
                steps.make_folder(self._state.root, step)
            elif step.kind != "folder":
                steps.stage(self._state.root, step, contents)
        disk.sync_folders(steps.folders(self._state.root, self._prepared.steps))

    def _change(self) -> None:
        self._report("putting them in place")
        for step, _ in self._pairs():
            if step.kind != "folder":
                steps.change(self._state.root, step)
        disk.sync_folders(steps.folders(self._state.root, self._prepared.steps))

    def _clear_away(self, begun: Begun, journal: Journal) -> list[str]:
        # The commit line is on disk: a failure here is no reason to go back.
        try:
            return list(finish(self._state, begun, journal))
        except OSError as error:
            left = refusal(error, "a leftover cannot be removed")
            return [f"{left}; letterlock recover will do it"]
        finally:
            journal.close()

    def _back(self, error: BaseException, begun: Begun, journal: Journal) -> NoReturn:
        reason = _reason(error)
        if isinstance(error, JournalInDoubtError):
            raise RefusedError(
                f"stopped in the middle: {reason}", remedy="run letterlock recover"
            ) from error
        self._tell(f"rolling back: {reason}")
        folder = self._state.folder_of(self._id)
        undo = Undo(self._state, folder, begun, journal, self._servers, self._serving.ran)
        try:
            left = undo.files(reason) + undo.servers()
            if left:
                raise RefusedError(
                    f"{reason}; rolled back, except: {'; '.join(left)}",
                    remedy="mend that and run letterlock recover",
                ) from error
            notes = [*undo.kept, *self._serving.as_before(), *_ended(undo, reason)]
        finally:
            journal.close()
        how = f"but {'; '.join(notes)}" if notes else "everything is as it was"
        kind = StoppedError if isinstance(error, Interrupted) else RefusedError
        raise kind(f"{reason}; rolled back, {how}") from error

    def _tell(self, text: str) -> None:
        # Whoever listens may be gone (a closed terminal); that must not stop the way back.
        try:
            self._report(text)
        except Exception:
            self._report = silent


def _ended(undo: Undo, reason: str) -> list[str]:
    """What kept the journal from being ended; the files are back all the same."""
    try:
        undo.end(reason)
    except RefusedError as error:
        return [f"{error}; letterlock recover will do it"]
    return []


def _reason(error: BaseException) -> str:
    if isinstance(error, LetterlockError):
        return str(error)
    if isinstance(error, OSError):
        return str(refusal(error, "cannot be changed"))
    return str(error) or type(error).__name__
