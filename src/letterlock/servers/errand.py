"""Runs a program that is not ours to trust: of what it prints the end is kept, and when its time is
over everything it began ends with it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time

from letterlock.model.errors import UndeterminedError
from letterlock.servers.tools import Completed, Tools, environment, memory_file

#: Bytes kept of its standard error.
_KEPT = 4096
_PIECE = 65536


def errand(tools: Tools, *argv: str, stdin: bytes, timeout: float) -> Completed:
    """Run a program to its end, with `stdin` to read. Its standard output goes nowhere; of its
    standard error the last bytes are in the answer.

    Raises UndeterminedError when it is not there or does not end within `timeout` seconds: then it
    is killed, and its children with it, so that nothing of it is done later."""
    with memory_file(stdin) as given:
        try:
            process = subprocess.Popen(
                [*tools.prefix, *argv],
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise UndeterminedError(f"{argv[0]} cannot be run: {error.strerror}") from error
        with process:
            try:
                said, ended = _hear_out(process, time.monotonic() + timeout)
            finally:
                if process.poll() is None:
                    _kill_all(process)
    if not ended:
        raise UndeterminedError(f"{argv[0]} did not end within {timeout:g} s")
    return Completed(tuple(argv), process.wait(), b"", said)


def _hear_out(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bool]:
    """The end of what it said, and whether it ended in time. A child of its own may keep its
    standard error open for longer."""
    if process.stderr is None:
        raise AssertionError("it is a pipe")
    pipe, said = process.stderr.fileno(), b""
    os.set_blocking(pipe, False)
    ended = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(pipe, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            ready = [fd for fd, _ in poll.poll(max(0, left) * 1000)]
            if pipe in ready:
                piece = _piece(pipe)
                said = (said + (piece or b""))[-_KEPT:]
                if piece == b"":
                    poll.unregister(pipe)
            elif ended in ready:
                return said, True
            if left <= 0:
                return said, False
    finally:
        os.close(ended)


def _piece(pipe: int) -> bytes | None:
    """Empty: it is closed; None: nothing now."""
    with contextlib.suppress(BlockingIOError):
        return os.read(pipe, _PIECE)
    return None


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
