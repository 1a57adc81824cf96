"""A plan of `secure` shown, or carried out and told of."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import write_json
from letterlock.cli.secure_options import RunOptions, SecureOptions
from letterlock.cli.secure_plan import Prepared
from letterlock.cli.steps import steps
from letterlock.findings.assess import assess
from letterlock.install.rehearse import Rehearsal, Rehearsed, rehearse
from letterlock.install.state import StateFolder
from letterlock.install.transaction import Outcome, apply
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from letterlock.report import plan_text
from letterlock.report.diff import coloured, unified
from letterlock.report.json_report import document
from letterlock.report.plan_json import plan_document
from letterlock.report.result import Result
from letterlock.report.terminal import show

#: One's own server on the machine itself: the seconds a step may take. postscreen greets after 6.
_LIMITS = Limits.within(15)
_STEPS = 12


class SecureRun:
    """One `secure`, from the plan to the last line on the screen."""

    def __init__(self, prepared: Prepared, options: SecureOptions, run: RunOptions) -> None:
        self._prepared = prepared
        self._plan = prepared.plan
        self._options = options
        self._run = run
        self._screen = Console(quiet=run.json_file == "-")
        self._began = datetime.now(UTC)

    def show_plan(self) -> None:
        """The difference per file, the reasons with their sources, the commands, the notices."""
        if self._run.dry_run and self._run.json_file:
            write_json(self._run.json_file, self._document(None, None))
        if not self._plan.changes:
            self._screen.print(f"{self._options.host}: nothing to change.")
        else:
            self._screen.print(coloured(unified(self._plan)), end="", soft_wrap=True)
            self._section("Why", plan_text.reasons(self._plan))
            self._section("What runs then", [f"  {line}" for line in self._commands()])
        self._notices((*self._prepared.bundle.notices, *self._plan.notices))
        if self._plan.changes:
            self._screen.print(Text(plan_text.summary(self._plan), style="bold"))

    def _commands(self) -> list[str]:
        return [
            line
            for server in self._prepared.servers
            if server.name in self._plan.servers
            for line in server.commands()
        ]

    def _section(self, title: str, lines: Any) -> None:
        self._screen.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            self._screen.print(Text(line), soft_wrap=True)
        self._screen.print()

    def _notices(self, notices: Sequence[str]) -> None:
        for notice in notices:
            self._screen.print(Text(f"note: {notice}", style="yellow"), soft_wrap=True)

    def execute(self) -> None:
        """Rehearse, apply, verify. Raises LetterlockError, the JSON written all the same."""
        rehearsal: Rehearsal | None = None
        outcome: Outcome | None = None
        try:
            with steps(_STEPS) as tell:
                if self._run.rehearse and self._plan.changes:
                    rehearsal = rehearse(self._plan, self._prepared.servers, self._observe, tell)
                    self._judge(rehearsal)
                outcome = self._apply(tell)
        except LetterlockError as error:
            if self._run.json_file:
                write_json(self._run.json_file, self._document(rehearsal, None, error))
            raise
        if self._run.json_file:
            write_json(self._run.json_file, self._document(rehearsal, outcome))
        self._tell(rehearsal, outcome)

    def _apply(self, tell: Callable[[str], None]) -> Outcome:
        return apply(
            self._plan,
            self._prepared.servers,
            self._observe,
            StateFolder(self._options.root),
            start=self._run.start,
            wait=self._run.wait,
            report=tell,
        )

    def _observe(self, endpoints: Sequence[Endpoint], name: str) -> tuple[EndpointFacts, ...]:
        return observe(endpoints, name, self._prepared.trust, _LIMITS)

    def _judge(self, rehearsal: Rehearsal) -> None:
        if isinstance(rehearsal, Unknown) or not rehearsal.complaints:
            return
        for line in rehearsal.log:
            Console(stderr=True).print(Text(f"  {line}", style="dim"), soft_wrap=True)
        more = len(rehearsal.complaints) - 1
        besides = f" (and {more} more)" if more else ""
        raise RefusedError(
            f"the rehearsal failed: {rehearsal.complaints[0]}{besides}; nothing was changed"
        )

    def _tell(self, rehearsal: Rehearsal | None, outcome: Outcome) -> None:
        if outcome.facts:
            facts = self._facts(outcome.facts)
            show(self._screen, facts, assess(facts))
        self._notices((*self._prepared.bundle.notices, *self._plan.notices, *outcome.notes))
        if isinstance(rehearsal, Unknown):
            self._notices([f"not rehearsed: {rehearsal.reason}"])
        self._screen.print(Text(self._verdict(rehearsal, outcome), style="bold green"))
        if outcome.run:
            self._screen.print(f"Undo it with: letterlock rollback {outcome.run}")

    def _verdict(self, rehearsal: Rehearsal | None, outcome: Outcome) -> str:
        ports = len({fact.endpoint.port for fact in outcome.facts})
        seen = f"TLS on {ports} ports, seen at {len(outcome.facts)} addresses and ports"
        host = self._options.host
        if not outcome.changed:
            return f"{host}: nothing to change; {seen if outcome.facts else 'nothing runs'}."
        if outcome.facts:
            return f"{host}: secured. {seen}."
        if isinstance(rehearsal, Rehearsed):
            ports = len({fact.endpoint.port for fact in rehearsal.facts})
            return f"{host}: written, and rehearsed on {ports} ports; no server runs now."
        return f"{host}: written and validated; no server runs now."

    def _facts(self, endpoints: tuple[EndpointFacts, ...]) -> TargetFacts:
        return TargetFacts(
            target=self._options.host,
            name=self._options.host,
            started=self._began,
            seconds=time.time() - self._began.timestamp(),
            endpoints=endpoints,
            connections=len(endpoints),
        )

    def _document(
        self,
        rehearsal: Rehearsal | None,
        outcome: Outcome | None,
        error: LetterlockError | None = None,
    ) -> dict[str, Any]:
        """The stable shape of `secure --json` (docs/reference/secure.md)."""
        facts = self._facts(outcome.facts if outcome else ())
        seen = json.loads(document([Result(facts, assess(facts) if outcome else ())]))
        return {
            "format_version": 1,
            "verb": "secure",
            "host": self._options.host,
            "exit_code": int(_exit_code(error)),
            "error": str(error) if error else None,
            "changed": bool(outcome and outcome.changed),
            "run": outcome.run if outcome else None,
            "plan": plan_document(self._plan),
            "commands": self._commands(),
            "rehearsal": _rehearsal_document(rehearsal),
            "notices": [*self._prepared.bundle.notices, *(outcome.notes if outcome else ())],
            "endpoints": seen["endpoints"],
            "findings": seen["findings"],
        }


def _exit_code(error: LetterlockError | None) -> ExitCode:
    return ExitCode.FINE if error is None else ExitCode.of(error)


def _rehearsal_document(rehearsal: Rehearsal | None) -> dict[str, Any]:
    match rehearsal:
        case None:
            return {"state": "not asked for"}
        case Unknown(reason=reason):
            return {"state": "impossible", "reason": reason}
        case Rehearsed():
            return {
                "state": "failed" if rehearsal.complaints else "passed",
                "complaints": list(rehearsal.complaints),
                "log": list(rehearsal.log),
                "ports": sorted({fact.endpoint.port for fact in rehearsal.facts}),
            }
