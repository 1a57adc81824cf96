"""Who lives in another root: a container, a chroot, or nobody.

A system below a folder of ours may be running. Then its servers are reached in the namespaces of
its processes: their files, their network, their process ids. It is known by a process whose root
is that folder: the very mount, where there is such a process (`/proc/PID/root`), else the same
folder mounted elsewhere (a container's root seen from outside).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The kinds of namespaces(7) that a running system may have to itself, as nsenter(1) calls them.
NAMESPACES = {"mount": "mnt", "uts": "uts", "ipc": "ipc", "net": "net", "pid": "pid"}
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Residence:
    """The process that has lived longest in a root, and the kinds of namespaces in which it does
    not live with us."""

    pid: int
    apart: frozenset[str]

    @property
    def network(self) -> Path | None:
        """The network namespace that is not ours, as a file for setns(2)."""
        return self._namespace("net") if "net" in self.apart else None

    @property
    def mounts(self) -> Path | None:
        """The mount namespace that is not ours."""
        return self._namespace("mnt") if "mount" in self.apart else None

    def _namespace(self, kind: str) -> Path:
        return _PROC / str(self.pid) / "ns" / kind

    def files(self) -> Path:
        """Its root with all that is mounted there, as a path of ours. Like `prefix` it opens what
        it names, and leaves it open: the process may end when its server is stopped."""
        return _held(_PROC / str(self.pid) / "root", os.O_PATH | os.O_DIRECTORY)

    def prefix(self) -> tuple[str, ...]:
        """What runs a command there: nsenter(1) with each namespace that is not ours."""
        kinds = (
            f"--{kind}={_held(self._namespace(file), os.O_RDONLY)}"
            for kind, file in NAMESPACES.items()
            if kind in self.apart
        )
        return ("nsenter", f"--root={self.files()}", *kinds, "--")


def _held(path: Path, flags: int) -> Path:
    # By our process id, not by /proc/self: nsenter opens it.
    return _PROC / str(os.getpid()) / "fd" / str(os.open(path, flags | os.O_CLOEXEC))


def residence(root: Path) -> Residence | None:
    """Who lives in `root`; None where nobody does, or nobody whose programs we may run as root.

    Only processes of our own user namespace count: with one of their own, any user could make a
    process with that root and files of theirs in it."""
    try:
        residents = tuple(_residents(root))
    except OSError:
        return None
    found = min((each for each in residents if each[0]), default=min(residents, default=None))
    if found is None:
        return None
    *_, pid = found
    try:
        apart = frozenset(
            kind
            for kind, file in NAMESPACES.items()
            if _identity(_PROC / f"{pid}/ns/{file}") != _identity(_PROC / f"self/ns/{file}")
        )
    except OSError:  # it has just ended
        return None
    return Residence(pid, apart)


def _residents(root: Path) -> Iterator[tuple[bool, int, int]]:
    """Of each: whether it is the very mount, its start time, its process id. A rehearsal's
    processes are younger than the servers."""
    home, mount, users = _identity(root), _mount_of(root), _identity(_PROC / "self/ns/user")
    for process in _PROC.glob("[0-9]*"):
        place = process / "root"
        try:
            if _identity(place) == home and _identity(process / "ns/user") == users:
                yield _mount_of(place) == mount, _started(process), int(process.name)
        except OSError:
            continue


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _mount_of(path: Path) -> bytes:
    """The id of the mount that a path is on, proc_pid_fdinfo(5)."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        lines = (_PROC / f"self/fdinfo/{descriptor}").read_bytes().splitlines()
        return next(line for line in lines if line.startswith(b"mnt_id:"))
    finally:
        os.close(descriptor)


def _started(process: Path) -> int:
    """In clock ticks since the boot: field 22 of proc_pid_stat(5), the 20th after the name."""
    return int((process / "stat").read_bytes().rpartition(b")")[2].split()[19])
