"""A worker: takes checks that wait, looks, writes down what it saw. Several may share a
database."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from letterlock.certs.trust import TrustStore
from letterlock.check.run import Checked, Progress, Unresolved, check_all
from letterlock.model.errors import LetterlockError, UndeterminedError
from letterlock.model.service import Endpoint
from letterlock.model.verdict import Grade
from letterlock.model.wording import Wording, joined
from letterlock.probe.examine import Manners
from letterlock.probe.guard import Guard, anywhere, only_public
from letterlock.probe.limits import Limits
from letterlock.probe.lookup.resolver import Resolver
from letterlock.report.facts_document import written
from letterlock.report.result import Result
from letterlock.web.asked import ADMIN, asked_again
from letterlock.web.monitoring import Monitoring
from letterlock.web.monitors import CLIENT
from letterlock.web.opt_out import OptOutFile
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Check, Checks, Outcome
from letterlock.web.store.sendings import Sendings

_LOG = logging.getLogger("letterlock.web.worker")
#: Seconds between looks for work where nobody wakes us; signs of life in the time of a lease;
#: seconds between two writings of a check's progress; between prunings.
_IDLE = 1.0
_KEEPS = 3  # a lease
_PROGRESS = 0.5
_PRUNE = 3600.0
#: Seconds that a worker which is told to stop gives the checks under way.
GRACE = 5.0


class Worker:
    """`run` works until `stop` is called, from another thread; `wake` ends a wait for work."""

    def __init__(
        self,
        settings: Settings,
        checks: Checks,
        sendings: Sendings,
        monitoring: Monitoring | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._settings = settings
        self._checks = checks
        self._sendings = sendings
        self._monitoring = monitoring
        self._opt_out = OptOutFile(settings.opt_out_file)
        self._opt_out.now()
        self._trust = (
            TrustStore.from_file(settings.ca_file)
            if settings.ca_file
            else TrustStore.system().beside_mozilla()
        )
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._room = threading.Semaphore(settings.at_once)
        self._threads: set[threading.Thread] = set()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Raises LetterlockError only where the database cannot be had at the start."""
        self._checks.sweep()
        life = threading.Thread(target=self._live, name="life", daemon=True)
        life.start()
        if self._monitoring is not None:
            rounds = (self._stopping, self.wake)
            threading.Thread(
                target=self._monitoring.run, args=rounds, name="monitors", daemon=True
            ).start()
        while not self._stopping.is_set():
            self._wake.clear()
            while not self._stopping.is_set() and self._take():
                pass
            self._wake.wait(_IDLE)
        self._end()

    def _take(self) -> bool:
        """Begin one check, where one waits and there is room."""
        if not self._room.acquire(blocking=False):
            return False
        check = None
        try:
            check = self._checks.claim(self.name)
        except UndeterminedError as error:
            _LOG.warning("no work is to be had: %s", error)
        if check is None:
            self._room.release()
            return False
        thread = threading.Thread(target=self._work, args=(check,), name=check.id, daemon=True)
        self._threads.add(thread)
        thread.start()
        return True

    def _work(self, check: Check) -> None:
        try:
            self._write(check, self._look(check))
        except Exception:
            _LOG.exception("check %s", check.id)
        finally:
            self._room.release()
            self._threads.discard(threading.current_thread())
            self.wake()

    def _look(self, check: Check) -> Outcome:
        """Whatever happens, it has an outcome."""
        told: list[Checked | Unresolved] = []
        try:
            asked = asked_again(check.target, check.options)
            if (reason := self._left_alone(asked.target.name)) is not None:
                raise UndeterminedError(reason)
            resolver = self._settings.resolver
            request = asked.request(
                self._trust,
                self._manners(check),
                Resolver.parse(resolver) if resolver is not None else None,
            )
            request = replace(request, refusal=self._left_alone)
            check_all([asked.target], request, done=told.append, progress=self._noting(check))
        except LetterlockError as error:
            return Outcome(error=error.sentence)
        except Exception:
            _LOG.exception("check %s of %s", check.id, check.subject)
            return Outcome(error=Wording("letterlock failed; its log says how"))
        return _outcome(told)

    def _write(self, check: Check, outcome: Outcome) -> None:
        """Tried again while the database is away, as long as the check is ours."""
        until = time.monotonic() + self._checks.lease
        while True:
            try:
                self._checks.finish(check, self.name, outcome)
            except UndeterminedError as error:
                if time.monotonic() > until:
                    _LOG.warning("the report of %s is lost: %s", check.id, error)
                    return
                self._stopping.wait(_IDLE)
            else:
                return

    def _left_alone(self, name: str) -> str | None:
        """Why a host or a domain is not looked at: of itself, or by whose records led there."""
        if self._opt_out.now().has_name(name):
            return Wording("{address} asked not to be looked at", address=name)
        return None

    def _manners(self, check: Check) -> Manners:
        settings = self._settings
        return Manners(
            limits=Limits.within(20),
            ehlo_name=settings.ehlo_name,
            max_seconds=settings.max_seconds,
            guard=self._guard(check),
        )

    def _guard(self, check: Check) -> Guard:
        """Asked of each address once: the answer holds for the check."""
        inner = anywhere if self._settings.allow_private else only_public
        known: dict[str, str | None] = {}
        # How often strangers led us there is no reason not to look at one's own server.
        ours = check.client in (CLIENT, ADMIN)

        def ask(address: str) -> str | None:
            if (reason := inner(address)) is not None:
                return reason
            if self._opt_out.now().has_address(address):
                return Wording("{address} asked not to be looked at", address=address)
            if not ours and not self._checks.visit(
                check.id, address, self._settings.per_address, self._settings.caps.window
            ):
                return Wording(
                    "{address} was looked at often enough lately, under whatever names",
                    address=address,
                )
            return None

        def guard(address: str) -> str | None:
            if address not in known:
                known[address] = ask(address)
            return known[address]

        return guard

    def _noting(self, check: Check) -> Callable[[Progress], None]:
        finished: set[Endpoint] = set()
        steps, last = 0, 0.0

        def note(progress: Progress) -> None:
            nonlocal steps, last
            steps += 1
            if progress.finished:
                finished.add(progress.endpoint)
            if (now := time.monotonic()) - last < _PROGRESS:
                return
            last = now
            told = {
                "endpoints": progress.endpoints,
                "finished": len(finished),
                "answers": steps,
                "last": f"{progress.endpoint.service.name} {progress.endpoint}",
            }
            try:
                self._checks.note(check, self.name, json.dumps(told))
            except UndeterminedError as error:
                _LOG.warning("progress of %s: %s", check.id, error)

        return note

    def _live(self) -> None:
        """Signs of life, and what is to be done now and then."""
        kept = pruned = float("-inf")
        while not self._stopping.wait(_IDLE):
            now = time.monotonic()
            try:
                if now - kept >= self._checks.lease / _KEEPS:
                    self._checks.keep(self.name)
                    self._checks.sweep()
                    kept = now
                if now - pruned >= _PRUNE:
                    self._checks.prune(self._settings.keep_days * 86400.0)
                    self._sendings.prune(self._settings.keep_days * 86400.0)
                    pruned = now
            except UndeterminedError as error:
                _LOG.warning("%s", error)
            except Exception:
                _LOG.exception("signs of life")

    def _end(self) -> None:
        """Give those under way a moment, then the rest back."""
        until = time.monotonic() + GRACE
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))
        try:
            self._checks.give_back(self.name)
        except UndeterminedError as error:
            _LOG.warning("%s", error)


def _outcome(told: list[Checked | Unresolved]) -> Outcome:
    checked = [each for each in told if isinstance(each, Checked)]
    missing = [each for each in told if isinstance(each, Unresolved)]
    if not checked:
        why = joined("; ", [each.error.sentence for each in missing])
        return Outcome(error=why or Wording("nothing was seen"))
    results = tuple(Result(each.facts, each.findings, each.verdict) for each in checked)
    severities = [finding.severity for each in checked for finding in each.findings]
    grades = [
        each.verdict.grade.letter
        for each in checked
        if each.verdict is not None and isinstance(each.verdict.grade, Grade)
    ]
    return Outcome(
        report=written(results),
        error=joined("; ", [each.error.sentence for each in missing]) or None,
        determined=all(each.determined for each in checked) and not missing,
        grade=max(grades, key=lambda one: one.rank).value if grades else None,
        worst=max(severities, key=lambda one: one.rank).value if severities else None,
    )
