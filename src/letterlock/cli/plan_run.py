"""A plan shown, agreed to, rehearsed, carried out and told of: for verbs that change names."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from letterlock.certs.trust import TrustStore
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import write_json
from letterlock.cli.secure_options import RunOptions
from letterlock.cli.steps import steps
from letterlock.install.rehearse import Rehearsal, rehearse
from letterlock.install.state import StateFolder
from letterlock.install.transaction import Outcome, apply
from letterlock.model.certificate import KeyType
from letterlock.model.errors import InputError, LetterlockError, RefusedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import Plan
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from letterlock.report import plan_text
from letterlock.report.diff import coloured, unified_change
from letterlock.report.plan_json import plan_document
from letterlock.servers.interface import MailServer

#: A busy server of one's own on the machine itself: the seconds a step may take.
_LIMITS = Limits.within(15)
_STEPS = 12
#: Changes of certificates in the store beyond this many are told of by their number.
_SHOWN = 12


def demand_root(what: str, run: RunOptions) -> None:
    """Raise InputError for somebody who may not do it."""
    if os.geteuid() != 0 and not run.dry_run:
        raise InputError(
            f"{what} changes the mail server's configuration, which needs root",
            remedy="run it as root, or add --dry-run to see the plan",
        )


@dataclass(slots=True)
class Pace:
    """When a run began, was planned, and began to look at the wire (time.monotonic)."""

    began: float
    planned: float | None = None
    verifying: float | None = None

    def heard(self, step: str) -> None:
        if step == "verifying on the wire":
            self.verifying = time.monotonic()

    def seconds(self) -> dict[str, float]:
        """How long planning, applying (rehearsal included) and verifying took."""
        marks = [self.began, self.planned, self.verifying, time.monotonic()]
        told: dict[str, float] = {}
        for name, start, end in zip(
            ("planning", "applying", "verifying"), marks, marks[1:], strict=False
        ):
            if start is not None and end is not None:
                told[name] = round(end - start, 2)
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRun:
    """`done` is the last line once the plan is in force; it is given the outcome."""

    pace: Pace

    plan: Plan
    servers: Sequence[MailServer]
    trust: TrustStore
    root: Path
    run: RunOptions
    done: Callable[[Outcome], str]

    @property
    def _console(self) -> Console:
        return Console(quiet=self.run.json_file == "-")

    def execute(self) -> None:
        """Raises LetterlockError, the JSON written all the same."""
        self.pace.planned = time.monotonic()
        if self.run.dry_run or (self.plan.changes and not self.run.yes):
            self._show()
        if self.run.dry_run:
            self._write(None, None, None)
            return
        if self.plan.changes and not self.run.yes:
            _ask()
        rehearsal: Rehearsal | None = None
        try:
            with steps(_STEPS) as screen:

                def tell(step: str) -> None:
                    self.pace.heard(step)
                    screen(step)

                rehearsal = self._rehearse(tell)
                outcome = apply(
                    self.plan,
                    self.servers,
                    self._observe,
                    StateFolder(self.root),
                    start=self.run.start,
                    wait=self.run.wait,
                    report=tell,
                )
        except LetterlockError as error:
            self._write(rehearsal, None, error)
            raise
        self._write(rehearsal, outcome, None)
        self._tell(rehearsal, outcome)

    def _observe(
        self, endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]:
        return observe(endpoints, name, self.trust, _LIMITS, key_type=key_type)

    def _rehearse(self, tell: Callable[[str], None]) -> Rehearsal | None:
        if not (self.run.rehearse and self.plan.changes):
            return None
        rehearsal = rehearse(self.plan, self.servers, self._observe, tell)
        if not isinstance(rehearsal, Unknown) and rehearsal.complaints:
            for line in rehearsal.log:
                Console(stderr=True).print(Text(f"  {line}", style="dim"), soft_wrap=True)
            more = len(rehearsal.complaints) - 1
            besides = f" (and {more} more)" if more else ""
            raise RefusedError(
                f"the rehearsal failed: {rehearsal.complaints[0]}{besides}; nothing was changed"
            )
        return rehearsal

    def _show(self) -> None:
        """The difference, the many certificates of a store shortened, and what is to be known."""
        console = self._console
        if not self.plan.changes:
            console.print("Nothing to change.")
            return
        edits = [change for change in self.plan.changes if not _in_store(change.path)]
        stored = [change for change in self.plan.changes if _in_store(change.path)]
        for change in (*stored[:_SHOWN], *edits):
            console.print(coloured(unified_change(change)), end="", soft_wrap=True)
        if len(stored) > _SHOWN:
            console.print(f"… and {len(stored) - _SHOWN} more below /etc/ssl/letterlock")
        self._notices(self.plan.notices)
        console.print(Text(plan_text.summary(self.plan), style="bold"))

    def _notices(self, notices: Sequence[str]) -> None:
        for notice in notices:
            self._console.print(Text(f"note: {notice}", style="yellow"), soft_wrap=True)

    def _tell(self, rehearsal: Rehearsal | None, outcome: Outcome) -> None:
        self._notices((*(self.plan.notices if self.run.yes else ()), *outcome.notes))
        if isinstance(rehearsal, Unknown):
            self._notices([f"not rehearsed: {rehearsal.reason}"])
        self._console.print(Text(self.done(outcome), style="bold green"), soft_wrap=True)
        if outcome.run:
            self._console.print(f"Undo it with: letterlock rollback {outcome.run}")

    def _write(
        self, rehearsal: Rehearsal | None, outcome: Outcome | None, error: LetterlockError | None
    ) -> None:
        if self.run.json_file is not None:
            write_json(self.run.json_file, self._document(rehearsal, outcome, error))

    def _document(
        self, rehearsal: Rehearsal | None, outcome: Outcome | None, error: LetterlockError | None
    ) -> dict[str, Any]:
        return {
            "format_version": 1,
            "verb": self.plan.verb,
            "subject": self.plan.subject,
            "exit_code": int(ExitCode.of(error) if error else ExitCode.FINE),
            "error": str(error) if error else None,
            "changed": bool(outcome and outcome.changed),
            "run": outcome.run if outcome else None,
            "plan": plan_document(self.plan),
            "rehearsed": rehearsal is not None and not isinstance(rehearsal, Unknown),
            "notices": [*self.plan.notices, *(outcome.notes if outcome else ())],
            "seconds": self.pace.seconds(),
            "seen": len(outcome.facts) if outcome else 0,
        }


def _in_store(path: Path) -> bool:
    return str(path).startswith("/etc/ssl/letterlock/")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise InputError("this changes the system and there is nobody to ask", remedy="add --yes")
    if not typer.confirm("Apply this?", err=True):
        raise RefusedError("nothing was changed, as you said")
