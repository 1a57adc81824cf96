"""letterlock's own folder: the lock, and every run with its journal and the bytes to undo it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from letterlock.install import disk, journal
from letterlock.install.lock import locked
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.rooted import outside

FOLDER = "/var/lib/letterlock"
_JOURNAL = "journal"
_ID_TIME = "%Y%m%d-%H%M%S"
_ID = re.compile(r"(\d{8}-\d{6})\.(\d{3})-[0-9a-f]{4}")


@contextmanager
def refusing(doing: str) -> Iterator[None]:
    """Turn an OSError into RefusedError: what, where, why."""
    try:
        yield
    except OSError as error:
        raise refusal(error, doing) from error


def refusal(error: OSError, doing: str) -> RefusedError:
    """The one line for an OSError. Of a rename's two names it tells the one that is not ours."""
    names = [os.fsdecode(each) for each in _names_of(error)]
    place = next((name for name in names if "/.letterlock-" not in name), names[0] if names else "")
    where = Location(place) if place else None
    remedy = "run it as root" if isinstance(error, PermissionError) and os.geteuid() else None
    if error.errno == errno.EBUSY:
        remedy = "it is a mount of its own: change it where it comes from"
    return RefusedError(
        f"{doing}: {error.strerror or type(error).__name__}", where=where, remedy=remedy
    )


def _names_of(error: OSError) -> list[str | bytes]:
    named: tuple[object, ...] = (error.filename2, error.filename)
    return [name for name in named if isinstance(name, str | bytes)]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its journal tells it; `records` is empty for one cut short before it began."""

    id: str
    folder: Path
    records: tuple[journal.Record, ...]

    @property
    def begun(self) -> journal.Begun | None:
        first = self.records[0] if self.records else None
        return first if isinstance(first, journal.Begun) else None

    @property
    def committed(self) -> bool:
        """Whether the new state is the one to keep."""
        return self.has(journal.Committed) and not self.has(journal.Undoing)

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.has(journal.Finished) or self.has(journal.Undone)

    def has(self, kind: type) -> bool:
        return any(isinstance(record, kind) for record in self.records)

    @property
    def journal_path(self) -> Path:
        return self.folder / _JOURNAL

    def blob(self, name: str) -> bytes:
        """Bytes kept for undoing. Raises RefusedError where they are gone."""
        with refusing("cannot be read"):
            contents = disk.read_file(self.folder / name)
        if contents is None:
            raise RefusedError(
                "is gone, so this run cannot be undone by itself",
                where=Location(str(self.folder / name)),
            )
        return contents


@dataclass(frozen=True, slots=True)
class StateFolder:
    """`/var/lib/letterlock` of the system whose `/` we call `root`. Only root reads it: the bytes
    of private keys may be in there."""

    root: Path = Path("/")

    @property
    def path(self) -> Path:
        return outside(self.root, FOLDER)

    @property
    def _runs(self) -> Path:
        return self.path / "runs"

    def prepare(self) -> None:
        """Make the folder where it is missing. Raises RefusedError."""
        with refusing("cannot make letterlock's own folder"):
            if not self.path.parent.is_dir():
                self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            for folder in (self.path, self._runs):
                if not folder.is_dir():
                    folder.mkdir(mode=0o700, exist_ok=True)
                    disk.sync_folders([folder.parent])
                elif stat.S_IMODE(folder.stat().st_mode) & 0o077:
                    folder.chmod(0o700)

    def lock(self, verb: str, subject: str, wait: float = 0) -> AbstractContextManager[None]:
        """The lock every writing verb holds. Raises RefusedError, naming the holder."""
        return locked(self.path / "lock", verb, subject, wait)

    def runs(self) -> tuple[Run, ...]:
        """Every run, oldest first. Raises RefusedError."""
        with refusing("cannot be read"):
            try:
                names = sorted(self._names())
            except FileNotFoundError:
                return ()
            return tuple(self._run(name) for name in names)

    def _names(self) -> list[str]:
        return [entry.name for entry in self._runs.iterdir() if _ID.fullmatch(entry.name)]

    def folder_of(self, run_id: str) -> Path:
        """Where a run's journal and kept bytes are."""
        return self._runs / run_id

    def _run(self, name: str) -> Run:
        folder = self._runs / name
        return Run(name, folder, journal.read(folder / _JOURNAL))

    def find(self, prefix: str) -> Run:
        """The run whose id begins so. Raises InputError where there is none, or several."""
        found = [run for run in self.runs() if run.id.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        what = f"{len(found) or 'no'} runs have an id that begins with {prefix}"
        raise InputError(what, remedy="letterlock history lists them")

    def next_id(self) -> str:
        """An id for a new run, later in the alphabet than every one there is, also when the clock
        was set back."""
        moment = datetime.now(UTC)
        with contextlib.suppress(FileNotFoundError):
            newest = max(self._names(), default=None)
            if newest is not None:
                moment = max(moment, _moment(newest) + timedelta(milliseconds=1))
        stamp = f"{moment:{_ID_TIME}}.{moment.microsecond // 1000:03}"
        return f"{stamp}-{secrets.token_hex(2)}"

    def begin(self, run_id: str, first: journal.Begun, blobs: dict[str, bytes]) -> journal.Journal:
        """Put a run's folder on disk: what undoing needs, then the journal's first line.

        Raises OSError; nothing is left then."""
        folder = self._runs / run_id
        try:
            folder.mkdir(mode=0o700)
            for name, contents in blobs.items():
                disk.write_private(folder / name, contents)
            disk.sync_folders([folder])
            begun = journal.Journal.create(folder / _JOURNAL, first)
            try:
                disk.sync_folders([folder, self._runs])
            except BaseException:
                begun.close()
                raise
        except BaseException:
            with contextlib.suppress(OSError):
                self.discard(folder)
            raise
        return begun

    @staticmethod
    def discard(folder: Path) -> None:
        """Remove a run that never began, its journal first. Raises OSError."""
        if not folder.is_dir():
            return
        disk.remove(folder / _JOURNAL)
        for entry in sorted(folder.iterdir()):
            disk.remove(entry)
        folder.rmdir()

    @staticmethod
    def drop_blobs(folder: Path) -> None:
        """Remove the kept bytes of a run that was undone: nothing will ask for them again.

        Raises OSError."""
        for entry in sorted(folder.iterdir()):
            if entry.name != _JOURNAL:
                disk.remove(entry)


def _moment(run_id: str) -> datetime:
    stamp, milliseconds, _ = re.split(r"[.](\d{3})-", run_id)
    moment = datetime.strptime(stamp, _ID_TIME).replace(tzinfo=UTC)
    return moment + timedelta(milliseconds=int(milliseconds))
