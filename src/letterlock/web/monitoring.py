"""Monitors at work: begins what is due, has judged what has ended, tells what is to be told. What
is news, and who is told of it, is handed in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.wording import Wording
from letterlock.report.facts_document import read
from letterlock.report.result import Result
from letterlock.web.certificate_ends import ends, written
from letterlock.web.monitors import MonitorsFile
from letterlock.web.store.checks import Check, Checks, State
from letterlock.web.store.monitors import Judged, Monitored, Monitors

_LOG = logging.getLogger("letterlock.web.worker")
#: Seconds between two rounds.
_ROUND = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a check of the monitor `title` came to. `error` says what could not be looked at at all,
    `results` hold the rest; `report` is the URL of its page, empty where nobody knows it."""

    title: str
    at: datetime
    results: tuple[Result, ...]
    determined: bool
    error: str | None
    report: str


@dataclass(frozen=True, slots=True)
class Reporter:
    """`judge` takes what it remembered of a monitor (at first nothing) and a look; it gives what it
    remembers from now on, and the document to be told or None. `channels` hand a document over, or
    raise UndeterminedError."""

    judge: Callable[[str, Look], tuple[str, bytes | None]]
    channels: Mapping[str, Callable[[bytes], None]]


class Monitoring:
    """`run` rounds until `stopping` is set; `wake` is called when there is a check to be taken."""

    def __init__(
        self,
        file: MonitorsFile,
        reporter: Reporter,
        monitors: Monitors,
        checks: Checks,
        public_url: str,
    ) -> None:
        self._questions, self._every = file.questions, file.every
        self._reporter = reporter
        self._monitors = monitors
        self._checks = checks
        self._public_url = public_url
        self._known = False

    def run(self, stopping: threading.Event, wake: Callable[[], None]) -> None:
        while not stopping.is_set():
            try:
                if self.round():
                    wake()
            except UndeterminedError as error:
                _LOG.warning("monitors: %s", error)
            except Exception:
                _LOG.exception("monitors")
            stopping.wait(_ROUND)

    def round(self) -> bool:
        """Whether checks were begun. Raises UndeterminedError where the database is away."""
        if not self._known:
            self._monitors.keep_only(self._questions, self._reporter.channels)
            self._known = True
        for monitor, check in self._monitors.over():
            if monitor.title in self._questions:
                self._conclude(monitor, check)
        begun = self._monitors.begin(self._questions, self._every)
        for channel in self._reporter.channels:
            self._tell(channel)
        return bool(begun)

    def _conclude(self, monitor: Monitored, check: Check | None) -> None:
        if check is None:
            judged = Judged(monitor.memory, error=monitor.error)
        else:
            judged = self._judged(monitor, check)
        self._monitors.conclude(monitor, check, judged, self._reporter.channels)

    def _judged(self, monitor: Monitored, check: Check) -> Judged:
        results = self._results(check)
        # What was not seen is not over.
        error = check.error or (None if results else Wording("its report cannot be read"))
        report = f"{self._public_url}/c/{check.id}" if self._public_url and results else ""
        look = Look(
            monitor.title, datetime.fromtimestamp(check.finished or check.created, UTC), results,
            bool(check.determined), None if error is None else str(error), report,
        )  # fmt: skip
        try:
            memory, message = self._reporter.judge(monitor.memory, look)
        except Exception:
            # Not again and again: the next look is judged anew.
            _LOG.exception("monitor %s", monitor.title)
            memory, message = monitor.memory, None
        seen = written(ends(results)) if results else None
        return Judged(memory, seen, None if results else error, message)

    def _results(self, check: Check) -> tuple[Result, ...]:
        document = self._checks.report(check.id) if check.state is State.DONE else None
        if document is None:
            return ()
        try:
            return read(document)
        except InputError as error:  # another letterlock's
            _LOG.warning("the report of %s: %s", check.id, error)
            return ()

    def _tell(self, channel: str) -> None:
        while (message := self._monitors.take(channel)) is not None:
            try:
                self._reporter.channels[channel](message.document)
            except UndeterminedError as error:
                _LOG.warning("%s did not take a message, which is tried again: %s", channel, error)
                self._monitors.not_told(message)
                return
            self._monitors.told(message)
