"""One run at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from letterlock.install import disk
from letterlock.model.errors import RefusedError

_POLL_SECONDS = 0.1


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock."""

    verb: str
    subject: str
    pid: int
    since: str


@contextmanager
def locked(path: Path, verb: str, subject: str, wait: float = 0) -> Iterator[None]:
    """Hold the lock file at `path`, which stays: only its flock(2) counts, and the kernel drops
    that with the process.

    Raises RefusedError, naming the holder, if it is still held after `wait` seconds."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(fd, wait)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        # The name is only told to others; a full disk must not keep anybody from recovering.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            disk.write_all(fd, msgspec.json.encode(Holder(verb, subject, os.getpid(), since)))
        yield
    finally:
        os.close(fd)


def _take(fd: int, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise RefusedError(_in_use(fd), remedy="try again when it has ended") from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _in_use(fd: int) -> str:
    try:
        holder = msgspec.json.decode(os.pread(fd, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return "another run of letterlock is at work"
    return (
        f"letterlock {holder.verb} {holder.subject} (process {holder.pid}) is at work since "
        f"{holder.since}"
    )
