"""The worker beside the page: a process of its own, so that looking takes no time from answering;
begun again when it dies."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time

from letterlock.web import handed_over
from letterlock.web.settings import Settings

_LOG = logging.getLogger("letterlock.web")
#: Seconds before it is begun again: at first, and at most where it dies at once again and again.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: Seconds after which it has lived.
_LIVED = 60.0
#: Seconds that it has to stop in order.
_GRACE = 10.0


class Supervisor:
    """`arguments` are letterlock's, of a worker that reads its settings from its input."""

    def __init__(self, settings: Settings, arguments: tuple[str, ...]) -> None:
        self._command = (sys.executable, "-m", "letterlock", *arguments)
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self) -> None:
        self._begin()
        self._thread.start()

    def wake(self) -> None:
        """There is work."""
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return
            try:
                process.stdin.write(b"\n")
                process.stdin.flush()
            except OSError:  # it has just died; the next one looks by itself
                pass

    def stop(self) -> None:
        """In order, else by force."""
        self._stopping.set()
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begin(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # the terminal's Ctrl-C is the page's to tell
        )
        assert process.stdin is not None  # noqa: S101
        try:
            process.stdin.write(handed_over.written(self._settings))
            process.stdin.flush()
        except OSError:
            _LOG.warning("the worker died at its start")
        with self._lock:
            self._process = process
        return process

    def _keep(self) -> None:
        pause = _PAUSE
        while not self._stopping.is_set():
            with self._lock:
                process = self._process
            if process is None:
                return
            began = time.monotonic()
            status = process.wait()
            if self._stopping.is_set():
                return
            pause = _PAUSE if time.monotonic() - began > _LIVED else min(pause * 2, _LONGEST_PAUSE)
            _LOG.warning("the worker ended with %s; another begins in %g s", status, pause)
            if not self._stopping.wait(pause):
                self._begin()
