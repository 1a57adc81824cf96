"""Kills or fails a child of this process at its n-th call of one system call.

The child has imported everything before it is forked and stops itself until strace(1) holds it, so
a point costs milliseconds and what is counted is the program's own work.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Does the work and returns the exit code and what it would print.
Action = Callable[[], tuple[int, str]]

#: Expressions for strace that every run of a scenario has.
Always = tuple[str, ...]

#: Every call that can change what is on disk, or the lock.
CHANGING_CALLS = (
    "openat", "open", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile",
    "copy_file_range", "fallocate", "truncate", "ftruncate", "fsync", "fdatasync",
    "sync_file_range",
    "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat",
    "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
    "link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2",
    "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "utimensat", "flock",
)  # fmt: skip
#: Calls on what is no file: a pipe to a server's own program, the terminal.
_NO_FILE = re.compile(r"^\w+\(\d+<(?:pipe|socket|anon_inode|/dev/(?!shm))")
_READ_ONLY_OPEN = re.compile(r"^open(at)?\((?!.*O_(CREAT|TRUNC|WRONLY|RDWR))")
_CALL = re.compile(r"^(?:\d+ +)?(?P<text>(?P<name>\w+)\(.*)$")
_TIME_LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Point:
    """The `number`-th time that `call` is called, counted from 1; `text` is how it looked."""

    call: str
    number: int
    text: str


@dataclass(frozen=True)
class Ended:
    """How the child ended: `status` its exit code, negative for a signal; `stderr` what it said;
    `trace` strace's lines."""

    status: int
    stderr: str
    trace: tuple[str, ...]

    def struck(self, point: Point) -> bool:
        """Whether strace says that it made this call fail."""
        return any(f"{point.call}(" in line and "(INJECTED)" in line for line in self.trace)


def run(action: Action, workplace: Path, *expressions: str) -> Ended:
    """Run `action` in a child under strace with these `-e` expressions."""
    said, log = workplace / "stderr", workplace / "trace"
    pid = os.fork()
    if pid == 0:
        _child(action, said)
    _wait(pid, os.WUNTRACED)
    arguments = [word for expression in expressions for word in ("-e", expression)]
    tracer = subprocess.Popen(
        ["strace", "-y", "-s", "0", "-o", str(log), *arguments, "-p", str(pid)],
        stderr=subprocess.PIPE,
    )
    try:
        _await_attached(tracer)
        os.kill(pid, signal.SIGCONT)
        status = os.waitstatus_to_exitcode(_wait(pid, 0))
    finally:
        if tracer.poll() is None:
            tracer.wait(_TIME_LIMIT_SECONDS)
        assert tracer.stderr
        tracer.stderr.close()
    return Ended(status, said.read_text(), tuple(log.read_text(errors="replace").splitlines()))


def _child(action: Action, said: Path) -> None:
    status, text = 70, ""
    fd = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.kill(os.getpid(), signal.SIGSTOP)
        status, text = action()
    except BaseException:
        text = traceback.format_exc()
    finally:
        # Not write(2): that may be the call that fails from here on.
        if text:
            os.pwrite(fd, text.encode(), 0)
        os._exit(status)


def _wait(pid: int, options: int) -> int:
    return os.waitpid(pid, options)[1]


def _await_attached(tracer: subprocess.Popen[bytes]) -> None:
    assert tracer.stderr
    ready, _, _ = select.select([tracer.stderr], [], [], _TIME_LIMIT_SECONDS)
    line = tracer.stderr.readline() if ready else b""
    if b"attached" not in line:
        raise RuntimeError(f"strace cannot attach: {line!r}")


def points(trace: tuple[str, ...]) -> list[Point]:
    """Every state-changing call of a clean run, in order."""
    counted: Counter[str] = Counter()
    found = []
    for line in trace:
        match = _CALL.match(line)
        if not match:
            continue
        name = match["name"]
        counted[name] += 1
        text = match["text"]
        nothing_kept = _READ_ONLY_OPEN.match(text) or _NO_FILE.match(text)
        if name in CHANGING_CALLS and not nothing_kept:
            found.append(Point(name, counted[name], match["text"]))
    return found


def clean_points(action: Action, workplace: Path, always: Always = ()) -> list[Point]:
    """The points of `action`, which has to succeed."""
    calls = ",".join(f"?{call}" for call in CHANGING_CALLS)
    ended = run(action, workplace, f"trace={calls}", "signal=none", *always)
    assert ended.status == 0, ended.stderr
    return points(ended.trace)


def _trace(point: Point, always: Always) -> str:
    # A call is struck only if it is also traced.
    others = [expression.split("=")[1].split(":")[0] for expression in always]
    return f"trace={','.join((point.call, *others))}"


def kill_at(action: Action, workplace: Path, point: Point, always: Always = ()) -> Ended:
    """SIGKILL on entering the call, so that it is not done."""
    inject = f"inject={point.call}:signal=KILL:when={point.number}"
    return run(action, workplace, _trace(point, always), *always, inject)


def fail_at(
    action: Action,
    workplace: Path,
    point: Point,
    error: str,
    *,
    onwards: bool = False,
    always: Always = (),
) -> Ended:
    """The call fails without being done; with `onwards` so does every later one of its kind."""
    when = f"{point.number}+" if onwards else f"{point.number}"
    inject = f"inject={point.call}:error={error}:when={when}"
    return run(action, workplace, _trace(point, always), *always, inject)
