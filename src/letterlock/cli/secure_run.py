"""A plan of `secure` carried out and told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from letterlock.cli.live_system import write_json
from letterlock.cli.secure_document import secure_document
from letterlock.cli.secure_options import RunOptions, SecureOptions
from letterlock.cli.secure_plan import Prepared
from letterlock.cli.secure_screen import PlanScreen
from letterlock.cli.steps import steps
from letterlock.findings.assess import assess
from letterlock.install.rehearse import Rehearsal, Rehearsed, rehearse
from letterlock.install.state import StateFolder
from letterlock.install.transaction import Outcome, apply
from letterlock.model.certificate import KeyType
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.model.facts import EndpointFacts, TargetFacts, together
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from letterlock.report.terminal import show

#: One's own server on the machine itself: the seconds a step may take. postscreen greets after 6.
_LIMITS = Limits.within(15)
_STEPS = 12


def judge(rehearsal: Rehearsal) -> None:
    """Raise RefusedError for a rehearsal that failed, the servers' own lines told before."""
    if isinstance(rehearsal, Unknown) or not rehearsal.complaints:
        return
    for line in rehearsal.log:
        Console(stderr=True).print(Text(f"  {line}", style="dim"), soft_wrap=True)
    more = len(rehearsal.complaints) - 1
    besides = f" (and {more} more)" if more else ""
    raise RefusedError(
        f"the rehearsal failed: {rehearsal.complaints[0]}{besides}; nothing was changed"
    )


class SecureRun:
    """One `secure`, from the rehearsal to the last line on the screen."""

    def __init__(
        self, prepared: Prepared, options: SecureOptions, run: RunOptions, screen: PlanScreen
    ) -> None:
        self._prepared = prepared
        self._plan = prepared.plan
        self._host = options.host or prepared.plan.subject
        self._options = options
        self._run = run
        self._screen = screen
        self._began = datetime.now(UTC)

    def execute(self) -> None:
        """Rehearse, apply, verify. Raises LetterlockError, the JSON written all the same."""
        rehearsal: Rehearsal | None = None
        outcome: Outcome | None = None
        try:
            with steps(_STEPS) as tell:
                if self._run.rehearse and self._plan.changes:
                    rehearsal = rehearse(self._plan, self._prepared.servers, self._observe, tell)
                    judge(rehearsal)
                outcome = self._apply(tell)
        except LetterlockError as error:
            self._write_json(rehearsal, None, error)
            raise
        self._write_json(rehearsal, outcome, None)
        self._tell(rehearsal, outcome)

    def _write_json(
        self, rehearsal: Rehearsal | None, outcome: Outcome | None, error: LetterlockError | None
    ) -> None:
        if self._run.json_file is None:
            return
        facts = self._facts(outcome.facts) if outcome else None
        told = secure_document(self._prepared, self._host, rehearsal, outcome, facts, error)
        write_json(self._run.json_file, told)

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

    def _observe(
        self, endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]:
        return observe(endpoints, name, self._prepared.trust, _LIMITS, key_type=key_type)

    def _tell(self, rehearsal: Rehearsal | None, outcome: Outcome) -> None:
        if outcome.facts:
            facts = self._facts(outcome.facts)
            show(self._screen.console, facts, assess(facts))
        self._screen.notices((*self._prepared.notices, *self._plan.notices, *outcome.notes))
        if isinstance(rehearsal, Unknown):
            self._screen.notices([f"not rehearsed: {rehearsal.reason}"])
        self._screen.console.print(Text(self._verdict(rehearsal, outcome), style="bold green"))
        if outcome.run:
            self._screen.console.print(f"Undo it with: letterlock rollback {outcome.run}")

    def _verdict(self, rehearsal: Rehearsal | None, outcome: Outcome) -> str:
        ports = len({fact.endpoint.port for fact in outcome.facts})
        places = len(together(outcome.facts))
        seen = f"TLS on {ports} ports, seen at {places} addresses and ports"
        types = sorted({fact.key_type for fact in outcome.facts if fact.key_type}, reverse=True)
        if types:
            seen += f", each certificate by a client that speaks {' or '.join(types)} alone"
        host = self._host
        if not outcome.changed:
            return f"{host}: nothing to change; {seen if outcome.facts else 'nothing runs'}."
        if outcome.facts:
            how = "secured" if self._plan.expectations else "TLS settings under today's names"
            return f"{host}: {how}. {seen}."
        if isinstance(rehearsal, Rehearsed):
            ports = len({fact.endpoint.port for fact in rehearsal.facts})
            return f"{host}: written, and rehearsed on {ports} ports; no server runs now."
        return f"{host}: written and validated; no server runs now."

    def _facts(self, endpoints: tuple[EndpointFacts, ...]) -> TargetFacts:
        return TargetFacts(
            target=self._host,
            name=self._host,
            started=self._began,
            seconds=time.time() - self._began.timestamp(),
            endpoints=together(endpoints),
            connections=len(endpoints),
        )
