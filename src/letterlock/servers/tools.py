"""Runs a server's own programs: on this machine, inside another root, or inside a namespace."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from letterlock.model.errors import UndeterminedError

#: A stock PATH plus the folders where Debian keeps daemons' programs.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _memory_file(name: str) -> IO[bytes]:
    """Not a pipe: a daemon such as Dovecot's master keeps its standard error open, and the pipe's
    end would never come."""
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "w+b", buffering=0)


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


@dataclass(frozen=True, slots=True)
class Tools:
    """Where a server's files and programs are.

    `root` is that system's `/` as a path of ours: `/`, the DIR of `--root`, or
    `/proc/PID/root` of a rehearsal. `prefix` is put before every command to run it there
    (`chroot DIR`, `nsenter …`)."""

    root: Path = Path("/")
    prefix: tuple[str, ...] = ()

    @classmethod
    def for_root(cls, root: Path) -> Tools:
        """The tools of a configuration tree: `/` itself, or another root by chroot."""
        if root == Path("/"):
            return cls()
        return cls(root, ("chroot", str(root)))

    def outside(self, path: str | Path) -> Path:
        """The path by which we reach what that system calls `path`."""
        return self.root / str(path).lstrip("/")

    def run(self, *argv: str, stdin: bytes | None = None, timeout: float = 30) -> Completed:
        """Run a program to its end.

        Raises UndeterminedError when it is not there or does not end within `timeout` seconds."""
        environment = {"PATH": _PATH, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/root")}
        with _memory_file("stdout") as stdout, _memory_file("stderr") as stderr:
            try:
                done = subprocess.run(
                    [*self.prefix, *argv],
                    input=stdin if stdin is not None else b"",
                    stdout=stdout,
                    stderr=stderr,
                    timeout=timeout,
                    env=environment,
                    check=False,
                    cwd="/",
                )
            except subprocess.TimeoutExpired:
                raise UndeterminedError(f"{argv[0]} did not end within {timeout:g} s") from None
            except OSError as error:
                raise UndeterminedError(f"{argv[0]} cannot be run: {error.strerror}") from error
            stdout.seek(0)
            stderr.seek(0)
            return Completed(tuple(argv), done.returncode, stdout.read(), stderr.read())

    def has(self, program: str) -> bool:
        """Whether a program of that name is on that system's PATH."""
        return any(self.outside(f"{folder}/{program}").exists() for folder in _PATH.split(":"))
