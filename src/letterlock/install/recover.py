"""Bring a run back to the old state, or finish one that was committed; after an error or a crash.

Everything here works from the journal and from what is on disk, so it can itself be cut short and
run again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from letterlock.install import disk, steps
from letterlock.install.interrupts import interrupts
from letterlock.install.journal import Begun, Changing, Finished, Journal, Starting, Undoing, Undone
from letterlock.install.state import Run, StateFolder, refusal, refusing
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.servers.interface import MailServer

CUT_SHORT = "cut short"

Report = Callable[[str], None]


class Recovered(StrEnum):
    """What became of a run that was cut short."""

    OLD_STATE = "the old state is back"
    NEW_STATE = "it had been verified, so the new state stays; its leftovers are removed"
    NEVER_BEGAN = "it had changed nothing yet"


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovered run. `notes` are what had to stay as somebody else left it."""

    run: str
    verb: str
    subject: str
    result: Recovered
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.verb} {self.subject}, run {self.run}," if self.verb else f"run {self.run}"
        return f"{name} was cut short: {self.result}"


def silent(_text: str) -> None:
    """A report to nobody."""


def recover(
    state: StateFolder,
    servers: Sequence[MailServer],
    *,
    wait: float = 0,
    report: Report = silent,
) -> tuple[Recovery, ...]:
    """Recover every run that was cut short; empty: there was none.

    Raises RefusedError when another run is at work or something cannot be brought back; it can be
    run again then."""
    if not unfinished(state):
        return ()
    with (
        refusing("cannot be recovered"),
        state.lock("recover", "", wait),
        interrupts() as control,
    ):
        control.shelter()
        return recover_locked(state, servers, report)


def unfinished(state: StateFolder) -> tuple[Run, ...]:
    """The runs that have not ended, newest first: each stands on the older one's results."""
    return tuple(run for run in reversed(state.runs()) if not run.ended)


def recover_locked(
    state: StateFolder, servers: Sequence[MailServer], report: Report
) -> tuple[Recovery, ...]:
    """The same, by somebody who holds the lock. Raises RefusedError."""
    return tuple(_recover_run(state, run, servers, report) for run in unfinished(state))


def _recover_run(
    state: StateFolder, run: Run, servers: Sequence[MailServer], report: Report
) -> Recovery:
    begun = run.begun
    if begun is None:
        with refusing("cannot be removed"):
            state.discard(run.folder)
        return Recovery(run.id, "", "", Recovered.NEVER_BEGAN)
    with refusing("cannot be opened"):
        journal = Journal.open(run.journal_path)
    try:
        if run.committed:
            with refusing("cannot be cleared away"):
                notes = finish(state, begun, journal)
            return Recovery(run.id, begun.verb, begun.subject, Recovered.NEW_STATE, notes)
        undo = Undo(state, run.folder, begun, journal, servers)
        left = undo.files(_reason(run)) + undo.servers()
        if left:
            raise RefusedError(
                f"run {run.id} is not wholly undone: {'; '.join(left)}",
                remedy="mend that and run letterlock recover again",
            )
        undo.end(_reason(run))
        recovery = Recovery(
            run.id, begun.verb, begun.subject, Recovered.OLD_STATE, tuple(undo.kept)
        )
        report(str(recovery))
        return recovery
    finally:
        journal.close()


def _reason(run: Run) -> str:
    reasons = [record.reason for record in run.records if isinstance(record, Undoing)]
    return reasons[0] if reasons else CUT_SHORT


def finish(state: StateFolder, begun: Begun, journal: Journal) -> tuple[str, ...]:
    """Remove what a committed run left beside the files; what had to stay. Raises OSError."""
    for step in begun.steps:
        steps.clear(state.root, step)
    notes = [steps.remove_folder(state.root, step) for step in begun.steps]
    disk.sync_folders(steps.folders(state.root, begun.steps))
    journal.append(Finished())
    return tuple(note for note in notes if note)


class Undo:
    """The way back of one run: files, then servers, then the journal's last line. Each goes on
    past what it cannot do, and tells."""

    def __init__(
        self,
        state: StateFolder,
        folder: Path,
        begun: Begun,
        journal: Journal,
        servers: Sequence[MailServer],
        ran: frozenset[str] = frozenset(),
    ) -> None:
        """`ran` are the servers that ran before and are to run again: a reload can end one. After
        a crash nobody knows, and the machine's own service manager starts what it should."""
        self._state = state
        self._folder = folder
        self._begun = begun
        self._journal = journal
        self._servers = [server for server in servers if server.name in begun.servers]
        self._ran = ran
        self.kept: list[str] = []

    def files(self, reason: str) -> list[str]:
        """Undo every step, last first; what could not be undone.

        Raises JournalInDoubtError, before anything is undone."""
        left = []
        if not any(isinstance(record, Undoing) for record in self._journal.records):
            # Without this line a recovery does the same, so a full disk is no reason to stop.
            with contextlib.suppress(OSError):
                self._journal.append(Undoing(reason))
        for step in reversed(self._begun.steps):
            try:
                steps.undo(self._state.root, step)
            except steps.KeptError as kept:
                self.kept.append(str(kept))
            except OSError as error:
                left.append(f"{step.path}: {error.strerror}")
        try:
            disk.sync_folders(steps.folders(self._state.root, self._begun.steps))
        except OSError as error:
            left.append(f"{error.filename or 'a folder'}: {error.strerror}")
        return left

    def servers(self) -> list[str]:
        """Stop what the run started, reload what runs and start what ran before, if any could have
        read new files; what could not be done."""
        records = self._journal.records
        if not any(isinstance(record, Changing) for record in records):
            return []
        started = {record.server for record in records if isinstance(record, Starting)}
        left = []
        for server in self._servers:
            try:
                if server.name in started:
                    server.stop()
                elif server.running():
                    server.reload()
                elif server.name in self._ran:
                    server.start()
            except (LetterlockError, OSError) as error:
                left.append(f"{server.name}: {error}")
        return left

    def end(self, reason: str) -> None:
        """Drop the bytes kept and write the last line. Raises RefusedError; recovery then does it
        again, which changes nothing."""
        try:
            if not self.kept:
                self._state.drop_blobs(self._folder)
            self._journal.append(Undone(reason, tuple(self.kept)))
        except OSError as error:
            raise refusal(error, "the end of the run cannot be noted") from error
