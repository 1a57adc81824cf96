"""The program from a warm interpreter: forked from a process that has imported it, it begins in
milliseconds, where a new interpreter takes half a second of computing.

It is the same program all the same: `letterlock.cli.main.run`, in a process of its own with its own
arguments, environment, files and namespaces, ended by the interpreter. That it starts as it is
installed too is shown by the tests that do not come this way: end to end, faults, demo.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from letterlock.servers.tools import Completed

_REPOSITORY = Path(__file__).resolve().parent.parent
_PROGRAM = str(_REPOSITORY / ".venv/bin/letterlock")
#: As nsenter(1) enters them: the process ids last, which only a further child has.
_NAMESPACES = ("uts", "ipc", "net", "mnt", "pid")


def run(
    *arguments: str,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    inside: int | None = None,
    folder: str | None = None,
    timeout: float = 120,
) -> Completed:
    """Run `letterlock` with these arguments to its end; `inside` is the process whose root and
    namespaces it has. Fails where it takes longer than `timeout` seconds."""
    files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
    try:
        os.pwrite(files[0], stdin, 0)
        request = {
            "arguments": arguments, "environment": dict(environment), "inside": inside,
            "folder": folder or ("/" if inside else str(Path.cwd())),
        }  # fmt: skip
        status = _zygote().serve(json.dumps(request).encode(), files, timeout)
        out, err = (os.pread(file, os.fstat(file).st_size, 0) for file in files[1:])
        return Completed((_PROGRAM, *arguments), status, out, err)
    finally:
        for file in files:
            os.close(file)


class _Zygote:
    """This side of the process that has imported everything."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # The locale of `Tools.run`.
            environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root"}
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from tests.warm import main; main()"],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=_REPOSITORY, env=environment,
            )  # fmt: skip
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def serve(self, request: bytes, files: list[int], timeout: float) -> int:
        """The exit code, negative for a signal."""
        socket.send_fds(self._socket, [request], files)
        pid = int(self._socket.recv(100))
        if not select.select([self._socket], [], [], timeout)[0]:
            os.kill(pid, signal.SIGKILL)
            self._socket.recv(100)
            raise AssertionError(f"did not end within {timeout:g} s: {request.decode()}")
        return int(self._socket.recv(100))


def command(
    *arguments: str,
    environment: Mapping[str, str],
    stdin: str = "",
    folder: str | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """The same outside of any machine, told as subprocess.run does with `text`."""
    done = run(
        *arguments, environment=environment, stdin=stdin.encode(), folder=folder, timeout=timeout
    )
    return subprocess.CompletedProcess(done.argv, done.status, done.text, done.stderr.decode())


@cache
def _zygote() -> _Zygote:
    return _Zygote()


# --- the other side


def main() -> None:
    """Serve requests until nobody can make any; in the child of one, be the program."""
    import letterlock

    for module in pkgutil.walk_packages(letterlock.__path__, "letterlock."):
        # The installer plugin is loaded by certbot alone, which our own environment has not; the
        # page has libraries of its own, and nobody begins it from here.
        if ".web." in f"{module.name}.":
            continue
        if not module.name.endswith(("__main__", "certbot_installer")):
            import_module(module.name)
    for module_of_typer in ("typer._adapters", "typer.rich_utils"):
        if find_spec(module_of_typer):
            import_module(module_of_typer)
    sys.path.remove("")
    gc.freeze()  # what a collection in a child touches is copied
    if _serve(socket.socket(fileno=os.dup(0))):
        from letterlock.cli.main import run

        run()


def _serve(requests: socket.socket) -> bool:
    """True in a child, which is to be the program."""
    while True:
        request, files, _, _ = socket.recv_fds(requests, 1 << 16, 3)
        if not request:
            return False
        child = os.fork()
        if child == 0:
            requests.close()
            _become(json.loads(request), files)
            return True
        for file in files:
            os.close(file)
        requests.send(b"%d" % child)
        requests.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _become(request: dict[str, object], files: list[int]) -> None:
    os.setsid()
    if isinstance(request["inside"], int):
        _enter(request["inside"])
    os.chdir(str(request["folder"]))
    for number, file in enumerate(files):
        os.lseek(file, 0, os.SEEK_SET)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    environment = request["environment"]
    assert isinstance(environment, dict)
    os.environ.update(environment)
    time.tzset()
    assert isinstance(request["arguments"], list)
    sys.argv = [_PROGRAM, *request["arguments"]]


def _enter(pid: int) -> None:
    """Go where nsenter(1) would."""
    from letterlock.install.private_init import setns

    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY)
    spaces = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in _NAMESPACES]
    for space in spaces:
        setns(space, 0)
        os.close(space)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status < 0:
            signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        os._exit(status)
