"""Which program holds a TCP port of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port; `pid` is None where /proc does not show whose it is."""

    port: int
    pid: int | None
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})" if self.pid else "another program"


def holder(port: int, proc: Path = Path("/proc")) -> Holder | None:
    """Who listens on a port, None when nobody does. Source: proc(5), /proc/net/tcp."""
    inodes = set(_listening_inodes(port, proc))
    if not inodes:
        return None
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        if inodes & set(_socket_inodes(process)):
            name = (process / "comm").read_text("utf-8", "replace").strip()
            return Holder(port, int(process.name), name)
    return Holder(port, None, "another program")


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _socket_inodes(process: Path) -> Iterator[str]:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]
