"""What a run is about to do and how far it has come, on disk before it does it.

One JSON object a line, each on disk (fsync) before the next thing is done. A line cut short by a
crash counts as not written.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from letterlock.install import disk
from letterlock.model.errors import Location, RefusedError

FORMAT = 1

Act = Literal["create", "replace", "remove", "none"]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change, with every name it will ever use on disk, so that recovery finds all of them.

    `path` is as planned, `target` where that really is; both, and `stage`, `backup` and `part`,
    are as the system calls them. Digests are SHA-256 of a file's bytes or of a link's text;
    `before`/`after` name the files in the run's folder that hold the bytes, or are the link's
    text; None where nothing is or the bytes are not kept. `inode` is the old file's device and
    number."""

    kind: Literal["file", "link", "folder"]
    act: Act
    path: str
    target: str
    stage: str = ""
    backup: str = ""
    part: str = ""
    before_digest: str | None = None
    after_digest: str | None = None
    before: str | None = None
    after: str | None = None
    mode: int = 0
    secret: bool = False
    inode: tuple[int, int] | None = None


class Begun(msgspec.Struct, frozen=True, tag="begun", omit_defaults=True):
    """The first line. `time` is UTC in ISO 8601."""

    format: int
    time: str
    verb: str
    subject: str
    pid: int
    servers: tuple[str, ...]
    steps: tuple[Step, ...]
    undoes: str | None = None


class Changing(msgspec.Struct, frozen=True, tag="changing"):
    """Everything is staged; from here on servers may read new files."""


class Starting(msgspec.Struct, frozen=True, tag="starting"):
    """A stopped server is about to be started."""

    server: str


class Committed(msgspec.Struct, frozen=True, tag="committed"):
    """Verified: the new state is the one to keep."""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Committed, and nothing of the run is left beside the files."""


class Undoing(msgspec.Struct, frozen=True, tag="undoing"):
    """The old state is the one to come back to."""

    reason: str


class Undone(msgspec.Struct, frozen=True, tag="undone"):
    """The old state is back. `kept` says what somebody else changed meanwhile, so it was left."""

    reason: str
    kept: tuple[str, ...] = ()


Record = Begun | Changing | Starting | Committed | Finished | Undoing | Undone

_decoder = msgspec.json.Decoder(Record)


class JournalInDoubtError(RefusedError):
    """A line may or may not be on disk, and could not be taken back."""


class Journal:
    """The journal file of one run, open for appending."""

    def __init__(self, fd: int, path: Path, records: tuple[Record, ...], end: int) -> None:
        self._fd = fd
        self._end = end
        self.path = path
        self.records = records

    @classmethod
    def create(cls, path: Path, first: Begun) -> Journal:
        """A new journal with its first line on disk. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        journal = cls(os.open(path, flags, 0o600), path, (), 0)
        try:
            journal.append(first)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def open(cls, path: Path) -> Journal:
        """A journal to go on with. Raises OSError, RefusedError."""
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        records, end = parse(os.pread(fd, os.fstat(fd).st_size, 0), path)
        return cls(fd, path, records, end)

    def append(self, record: Record) -> None:
        """Write one line and see it on disk.

        Raises OSError when it is not there, JournalInDoubtError when it may be."""
        line = msgspec.json.encode(record) + b"\n"
        try:
            with disk.naming(self.path):
                os.ftruncate(self._fd, self._end)
                os.lseek(self._fd, self._end, os.SEEK_SET)
                disk.write_all(self._fd, line)
                os.fsync(self._fd)
        except OSError as error:
            self._take_back(error)
            raise
        self._end += len(line)
        self.records = (*self.records, record)

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            if os.fstat(self._fd).st_size > self._end:
                where = Location(str(self.path))
                what = f"the journal cannot be written: {error.strerror}"
                raise JournalInDoubtError(what, where=where) from error
        with contextlib.suppress(OSError):
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


_DAMAGED = "see that its files are as they should be, then move this run's folder away"


def read(path: Path) -> tuple[Record, ...]:
    """All whole lines of a journal; empty where there is none. Raises OSError, RefusedError."""
    contents = disk.read_file(path)
    return () if contents is None else parse(contents, path)[0]


def parse(contents: bytes, path: Path) -> tuple[tuple[Record, ...], int]:
    """The records and the length of the part that holds them; a last line without its end, or a
    last one that is damaged, was never acted upon.

    Raises RefusedError for a damaged line in the middle and for another format."""
    records: list[Record] = []
    end = 0
    while (newline := contents.find(b"\n", end)) >= 0:
        try:
            record = _decoder.decode(contents[end:newline])
        except msgspec.DecodeError as error:
            if contents.find(b"\n", newline + 1) < 0:
                break
            where = Location(str(path), len(records) + 1)
            raise RefusedError(
                f"the journal is damaged: {error}", where=where, remedy=_DAMAGED
            ) from error
        _check_place(record, records, path)
        records.append(record)
        end = newline + 1
    return tuple(records), end


def _check_place(record: Record, before: list[Record], path: Path) -> None:
    if isinstance(record, Begun) is bool(before):
        where = Location(str(path), len(before) + 1)
        raise RefusedError("the journal is damaged", where=where, remedy=_DAMAGED)
    if isinstance(record, Begun) and record.format != FORMAT:
        raise RefusedError(
            f"the journal has format {record.format}, this version knows {FORMAT}",
            where=Location(str(path), 1),
            remedy="use the version of letterlock that wrote it",
        )
