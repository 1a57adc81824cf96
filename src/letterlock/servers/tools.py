"""Runs a server's own programs: on this machine, inside another root, or inside a namespace."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from letterlock.model.errors import UndeterminedError
from letterlock.model.rooted import follow, outside
from letterlock.servers.residence import residence

#: Of what a program prints, this many bytes are read.
_MAX_OUTPUT = 16 * 1024 * 1024
#: A stock PATH plus the folders where Debian keeps daemons' programs.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OURS = Path("/")


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended. `status` is its exit code, negative for a signal."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def complaints(self) -> tuple[str, ...]:
        """The lines of standard error, without blank ones."""
        text = self.stderr.decode("utf-8", "replace")
        return tuple(line.strip() for line in text.splitlines() if line.strip())


@contextmanager
def memory_file(contents: bytes = b"") -> Iterator[int]:
    """A file in memory, at its beginning."""
    descriptor = os.memfd_create("letterlock", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, contents)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def environment() -> dict[str, str]:
    """What every program that is run gets."""
    return {"PATH": _PATH, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/root")}


def _contents(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, min(size, _MAX_OUTPUT), 0)


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: our end, which never blocks, and the program's."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _heard(terminal: int) -> bytes:
    """What has been written to a terminal since it was last asked."""
    said = b""
    try:
        while len(said) < _MAX_OUTPUT:
            said += os.read(terminal, 65536)
    except OSError:  # nothing now (EAGAIN), or nobody has it open any more (EIO)
        pass
    return said


def _wait(
    process: subprocess.Popen[bytes], timeout: float, terminal: int | None = None
) -> tuple[int | None, bytes]:
    """The exit code, None where it had to be killed, and what it wrote to a terminal. Sleeps on
    the process itself (pidfd_open(2)): Popen.wait with a timeout polls with growing pauses, a
    third of the time of a dry run."""
    deadline = time.monotonic() + timeout
    said, ended, late = b"", False, False
    try:
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if terminal is not None:
                poll.register(terminal, select.POLLIN)
            while not ended and not late:
                ready = [fd for fd, _ in poll.poll(max(0, deadline - time.monotonic()) * 1000)]
                ended, late = descriptor in ready, not ready
                if terminal is not None:
                    said += _heard(terminal)
        finally:
            os.close(descriptor)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if not ended:
        process.kill()
    status = process.wait()
    return (status if ended else None), said


@dataclass(frozen=True, slots=True)
class Tools:
    """Where a server's files and programs are.

    `root` is that system's `/` as a path of ours: `/`, the DIR of `--root`, or
    `/proc/PID/root` of a rehearsal. `prefix` is put before every command to run it there
    (`chroot DIR`, `nsenter …`). `alive`: whether that system runs, with processes of its own or
    as this one, rather than being a folder of files."""

    root: Path = _OURS
    prefix: tuple[str, ...] = ()
    alive: bool = True

    @classmethod
    def for_root(cls, root: Path) -> Tools:
        """The tools of `/` itself, of the system that runs below another root, or, where none
        does or none that is set apart from ours, of that root by chroot."""
        if root == _OURS:
            return cls()
        home = residence(root)
        if home is not None and home.apart:
            return cls(root, home.prefix())
        return cls(root, ("chroot", str(root)), home is not None)

    def outside(self, path: str | Path) -> Path:
        """The path by which we reach what that system calls `path`, through its links.

        Raises RefusedError for links in a circle."""
        if self.root == _OURS:
            return Path(path)
        return outside(self.root, follow(self.root, path))

    def entry(self, path: str | Path) -> Path:
        """The same, but a link at its very end is not followed."""
        if self.root == _OURS:
            return Path(path)
        folder, _, name = str(path).rpartition("/")
        return self.outside(folder) / name

    def command_of(self, pid: int) -> str | None:
        """The command name of a process of that system, by its id there; None where there is none.

        A root without a /proc of its own has our processes, of which only those are its own that
        have it as their root: an id in an old file of it may be another's by now."""
        proc = self.outside("/proc")
        try:
            if self.root != _OURS:
                proc = proc if (proc / "uptime").exists() else Path("/proc")
                if not (proc / f"{pid}/root").samefile(self.root):
                    return None
            return (proc / f"{pid}/comm").read_text("utf-8", "replace").strip()
        except OSError:
            return None

    def run(
        self,
        *argv: str,
        stdin: bytes | None = None,
        timeout: float = 30,
        terminal: bool = False,
    ) -> Completed:
        """Run a program to its end; with `terminal` its standard error is one.

        Raises UndeterminedError when it is not there or does not end within `timeout` seconds."""
        # Files, not pipes: a daemon such as Dovecot's master keeps its standard error open, and
        # the pipe's end would never come.
        with memory_file(stdin or b"") as given, memory_file() as out, ExitStack() as stack:
            if terminal:
                ours, err = stack.enter_context(_terminal())
            else:
                ours, err = None, stack.enter_context(memory_file())
            try:
                process = subprocess.Popen(
                    [*self.prefix, *argv],
                    stdin=given,
                    stdout=out,
                    stderr=err,
                    env=environment(),
                    cwd="/",
                )
            except OSError as error:
                raise UndeterminedError(f"{argv[0]} cannot be run: {error.strerror}") from error
            status, said = _wait(process, timeout, ours)
            if status is None:
                raise UndeterminedError(f"{argv[0]} did not end within {timeout:g} s")
            complaints = said if terminal else _contents(err)
            return Completed(tuple(argv), status, _contents(out), complaints)

    def has(self, program: str) -> bool:
        """Whether a program of that name is on that system's PATH."""
        return any(self.outside(f"{folder}/{program}").exists() for folder in _PATH.split(":"))
