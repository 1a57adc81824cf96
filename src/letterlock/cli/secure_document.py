"""`secure --json`: the stable shape that docs/reference/secure.md describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.secure_plan import Prepared, commands
from letterlock.model.errors import LetterlockError
from letterlock.model.facts import TargetFacts
from letterlock.model.unknown import Unknown
from letterlock.report.plan_json import plan_document

if TYPE_CHECKING:
    from letterlock.install.rehearse import Rehearsal
    from letterlock.install.transaction import Outcome


def secure_document(
    prepared: Prepared,
    host: str,
    rehearsal: Rehearsal | None = None,
    outcome: Outcome | None = None,
    facts: TargetFacts | None = None,
    error: LetterlockError | None = None,
) -> dict[str, Any]:
    """One object. `facts` are those of the outcome; a dry run has neither."""
    return {
        "format_version": 1,
        "verb": prepared.plan.verb,
        "host": host,
        "exit_code": int(ExitCode.of(error) if error else ExitCode.FINE),
        "error": str(error) if error else None,
        "changed": bool(outcome and outcome.changed),
        "run": outcome.run if outcome else None,
        "plan": plan_document(prepared.plan),
        "commands": commands(prepared),
        "rehearsal": _rehearsal(rehearsal),
        "notices": [*prepared.notices, *(outcome.notes if outcome else ())],
        **_seen(facts),
    }


def _seen(facts: TargetFacts | None) -> dict[str, Any]:
    if facts is None:
        return {"endpoints": [], "findings": []}
    from letterlock.findings.assess import assess
    from letterlock.report.json_report import document
    from letterlock.report.result import Result

    told = json.loads(document([Result(facts, assess(facts))]))
    return {"endpoints": told["endpoints"], "findings": told["findings"]}


def _rehearsal(rehearsal: Rehearsal | None) -> dict[str, Any]:
    if rehearsal is None:
        return {"state": "not asked for"}
    if isinstance(rehearsal, Unknown):
        return {"state": "impossible", "reason": rehearsal.reason}
    return {
        "state": "failed" if rehearsal.complaints else "passed",
        "complaints": list(rehearsal.complaints),
        "log": list(rehearsal.log),
        "ports": sorted({fact.endpoint.port for fact in rehearsal.facts}),
    }
