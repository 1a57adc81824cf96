"""A private system: this machine, or the system below another root, once more, in namespaces of
its own, where nothing done inside is seen outside.

It has its own network (loopback alone, carrying the machine's addresses too, so that every server
finds the ports and addresses it is configured for), its own processes, IPC and host name, and its
own view of the files: the folders named in `Layout` are copies, everything else is read-only.
Its `/dev/log` is ours, so no line of it reaches the machine's logs. It lives as long as this
process holds its lifeline: on `close()`, and equally when this process is killed, the kernel ends
every process inside and takes the mounts with them (pid_namespaces(7), mount_namespaces(7)).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Self, TypeVar

from letterlock.install.private_init import (
    CLONE_FS,
    CLONE_NEWNET,
    CLONE_NEWNS,
    SYSLOG,
    setns,
    unshare,
)
from letterlock.model.unknown import Unknown
from letterlock.servers.residence import NAMESPACES
from letterlock.servers.tools import Tools

Result = TypeVar("Result")

_INIT = Path(__file__).with_name("private_init.py")
_PATIENCE = 10  # seconds for the processes inside to be gone once the lifeline is cut

#: Every folder of queue(s) that a second Postfix must never see filled: it would deliver
#: production's mail again (qmgr(8), postsuper(1)).
_QUEUE_FOLDERS = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "saved", "trace",
)  # fmt: skip
#: A folder with these in it is a Postfix queue, whatever it is called.
_QUEUE_MARKS = ("active", "deferred", "incoming", "maildrop")
#: What Postfix can make again: its data_directory holds "caches, pseudo-random numbers"
#: (postconf(5)), and caches grow large.
_CACHES = ("master.lock", "prng_exch", "*_scache.*", "*_cache.*")


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """A folder that is a copy inside. `leave_out` are shell patterns on the path below it, where
    `*` matches slashes too. A large folder, or one with `overlay`, is laid under an overlayfs."""

    path: str
    leave_out: tuple[str, ...] = ()
    overlay: bool = False

    @classmethod
    def of_server(
        cls, path: str, overlay: bool = False, tools: Tools | None = None
    ) -> PrivateFolder:
        """A server's folder without what is only production's: queued mail, locks, caches.
        `tools` are those of the system it is in, by default this one's."""
        here = (tools or Tools()).outside(path)
        if all((here / mark).is_dir() for mark in _QUEUE_MARKS):
            queues = tuple(f"{name}/*" for name in _QUEUE_FOLDERS)
            return cls(path, (*queues, "pid/*", "public/*", "private/*"), overlay)
        return cls(path, _CACHES, overlay)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is private inside, as absolute paths. Those that do not exist are passed over.

    `empty` folders keep only their owner and mode, `skeletons` also their subfolders; `kept` are
    shown, read-only, inside of such; `writable` are the same files inside and outside.
    `addresses` are given to the loopback beside the machine's own.

    `root` is the system's `/` as a path of ours; all other paths are that system's own. Where it
    runs with mounts of its own, `mounts` is the file of that namespace."""

    folders: tuple[PrivateFolder, ...] = ()
    empty: tuple[str, ...] = ("/tmp", "/var/tmp")  # noqa: S108
    skeletons: tuple[str, ...] = ("/run", "/var/run", "/var/log")
    kept: tuple[str, ...] = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
    writable: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    hostname: str | None = None
    root: str = "/"
    mounts: str | None = None

    def as_line(self) -> bytes:
        """The line that `private_init` reads. Our own program's folders are always shown, so
        that a thread inside can still import; another root has none of them."""
        fields = asdict(self)
        fields["hostname"] = [self.hostname] if self.hostname else []
        if self.root == "/":
            fields["kept"] = [*self.kept, *self._hidden_program_folders()]
        return json.dumps(fields).encode() + b"\n"

    def _hidden_program_folders(self) -> set[str]:
        hidden = tuple(f"{os.path.realpath(path)}/" for path in (*self.empty, *self.skeletons))
        folders = {
            os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *sys.path) if path
        }
        return {folder for folder in folders if folder.startswith(hidden)}


class PrivateSystem:
    """A private system that is up; a context manager that ends it.

    `tools` runs programs inside and reaches its files."""

    def __init__(self, process: subprocess.Popen[bytes], pid: int) -> None:
        self._process = process
        self._namespaces = ExitStack()
        self.pid = pid
        self._network = self._open("net")
        self._mounts = self._open("mnt")
        # Where we live in a chroot, the root of its mount namespace is not ours.
        self._root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._namespaces.callback(os.close, self._root)
        self.tools = Tools(Path(f"/proc/{pid}/root"), prefix(pid))

    def _open(self, kind: str) -> int:
        descriptor = os.open(f"/proc/{self.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        self._namespaces.callback(os.close, descriptor)
        return descriptor

    def call(self, function: Callable[[], Result], *, files: bool = False) -> Result:
        """Call a function in a thread whose network, and with `files` whose file system, is this
        one's; return what it returns, raise what it raises. Sockets it opens speak inside. With
        `files` of another root it can import nothing more."""
        outcome: list[Result] = []
        errors: list[BaseException] = []

        def enter_and_run() -> None:
            try:
                if files:
                    unshare(CLONE_FS)
                    setns(self._mounts, CLONE_NEWNS)
                    os.fchdir(self._root)
                    os.chroot(".")
                setns(self._network, CLONE_NEWNET)
                outcome.append(function())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=enter_and_run, name="letterlock-inside", daemon=True)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return outcome[0]

    def log(self) -> tuple[str, ...]:
        """What was logged inside so far: syslog's lines, then those of files under /var/log."""
        return self.call(_read_log, files=True)

    def close(self) -> None:
        """End everything inside; returns when the last process is gone. A second call is fine."""
        lifeline = self._process.stdin
        if lifeline is not None and not lifeline.closed:
            lifeline.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._namespaces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def prefix(pid: int) -> tuple[str, ...]:
    process = f"/proc/{pid}"
    kinds = (f"--{kind}={process}/ns/{file}" for kind, file in NAMESPACES.items())
    return (which("nsenter") or "nsenter", f"--root={process}/root", *kinds, "--")


def _read_log() -> tuple[str, ...]:
    data = Path(SYSLOG).read_bytes()
    for place, _, names in os.walk("/var/log"):
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                data += path.read_bytes()
    return tuple(data.decode("utf-8", "replace").splitlines())


def let_cool(path: Path) -> None:
    """Date a file back by ten seconds: every Postfix program that reads a `main.cf` younger than
    two reads it again and again, 0.3 s apart, until it has "cooled down" (Postfix's
    src/util/dict.c, dict_load_file_xt)."""
    then = time.time() - 10
    os.utime(path, (then, then))


def forbidden() -> Unknown | None:
    """Why this process cannot have a private system, as far as that is known without trying."""
    if sys.platform != "linux":
        return Unknown("namespaces are a feature of Linux")
    if os.geteuid() != 0:
        return Unknown("a private system needs root")
    if which("nsenter") is None:
        return Unknown("nsenter (package util-linux) is not installed")
    return None


def private_system(layout: Layout) -> PrivateSystem | Unknown:
    """Start a private system, or say why this kernel or container does not let us."""
    reason = forbidden()
    if reason is not None:
        return reason
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_INIT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    pid, failure = _furnished(process, layout)
    if failure is None and pid is not None:
        return PrivateSystem(process, pid)
    if process.stdin is not None:
        process.stdin.close()
    process.wait()
    return Unknown(f"the kernel or the container forbids it: {failure or 'it ended at once'}")


def _furnished(process: subprocess.Popen[bytes], layout: Layout) -> tuple[int | None, str | None]:
    """Send the layout, read the answers: the process id seen from here, and what went wrong."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both ends are pipes")
    try:
        process.stdin.write(layout.as_line())
        process.stdin.flush()
    except BrokenPipeError:
        return None, None
    pid: int | None = None
    with process.stdout as answers:
        for line in answers:
            answer = json.loads(line)
            if "pid" in answer:
                pid = answer["pid"]
            elif "ready" in answer:
                return pid, None
            else:
                return None, answer["reason"]
    return None, None
