"""What `letterlock deploy` tells: on the screen, a line or two for a log; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from letterlock.cli.exit_code import ExitCode
from letterlock.model.certificate import Certificate
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.unknown import Unknown
from letterlock.renew.deliver import Attempt, Delivered
from letterlock.report.plan_json import plan_document


class Screen:
    """Standard output of one `deploy`; quiet where that is for JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def tell(self, attempts: Sequence[Attempt], *, dry_run: bool, retry: bool) -> None:
        """Every attempt. Of the errors all but the first, which ends the program with its line."""
        failures = 0
        for attempt in attempts:
            if attempt.delivered is not None:
                self._show(attempt, attempt.delivered, dry_run)
            else:
                failures += 1
                if failures > 1:
                    typer.echo(f"{attempt.subject}: {attempt.error}", err=True)
        if retry and not attempts:
            self._say("Nothing is pending.")

    def _show(self, attempt: Attempt, delivered: Delivered, dry_run: bool) -> None:
        plan = delivered.deployment.plan
        if dry_run and plan is not None and not self._quiet:
            from rich.console import Console

            from letterlock.report.diff import coloured, unified

            Console(soft_wrap=True).print(coloured(unified(plan)), end="")
        for line in (*_notes(delivered), *_verdict(attempt, delivered, dry_run)):
            self._say(line)

    def _say(self, text: str) -> None:
        if not self._quiet:
            typer.echo("".join(char if char.isprintable() else "?" for char in text))


def _notes(delivered: Delivered) -> Iterator[str]:
    outcome = delivered.outcome
    notes = (
        *delivered.bundle.notices,
        *delivered.deployment.kept,
        *(outcome.notes if outcome else ()),
    )
    yield from (f"note: {note}" for note in dict.fromkeys(notes))
    if isinstance(delivered.rehearsal, Unknown):
        yield f"note: not rehearsed: {delivered.rehearsal.reason}"
    if delivered.key_changed:
        yield (
            "note: the key is another one than before: TLSA records with its digest need the new "
            "one (letterlock cert tlsa)"
        )


def _verdict(attempt: Attempt, delivered: Delivered, dry_run: bool) -> Iterator[str]:
    plan, outcome = delivered.deployment.plan, delivered.outcome
    hosts = ", ".join(delivered.deployment.hosts) or attempt.subject
    if plan is None:
        yield f"{attempt.subject}: nothing to do: no mail server here uses this certificate."
    elif dry_run:
        servers = " and ".join(plan.servers)
        what = f"{len(plan.changes)} changes" if plan.changes else "no file changes"
        yield f"{hosts}: {what}; {servers} reloaded if they do not serve it yet."
    elif outcome is not None:
        days = delivered.bundle.leaf.not_after
        until = f"valid until {days:%Y-%m-%d}"
        seen = f"seen at {len(outcome.facts)} addresses and ports" if outcome.facts else (
            "no server runs now"
        )  # fmt: skip
        if not outcome.changed and delivered.before is None and outcome.facts:
            yield f"{hosts}: in service already, nothing reloaded; {seen}, {until}."
        else:
            yield f"{hosts}: in service; {seen}, {until}."
        if outcome.run:
            yield f"Undo it with: letterlock rollback {outcome.run}"


def document(attempts: Sequence[Attempt], *, retry: bool) -> dict[str, Any]:
    """`deploy --json`: the stable shape that docs/reference/deploy.md describes."""
    codes = [int(ExitCode.of(each.error)) for each in attempts if each.error]
    return {
        "format_version": 1,
        "verb": "deploy",
        "retried": retry,
        "exit_code": codes[0] if codes else int(ExitCode.FINE),
        "deployments": [_document(attempt) for attempt in attempts],
    }


def _document(attempt: Attempt) -> dict[str, Any]:
    delivered = attempt.delivered
    told: dict[str, Any] = {
        "subject": attempt.subject,
        "client": attempt.client,
        "error": str(attempt.error) if attempt.error else None,
        "result": _result(delivered),
        "hosts": [],
        "changed": False,
        "run": None,
        "key_changed": None,
        "certificate": None,
        "before": None,
        "plan": None,
        "notices": [],
        "endpoints": [],
    }
    if delivered is None:
        return told
    outcome, plan = delivered.outcome, delivered.deployment.plan
    return told | {
        "hosts": list(delivered.deployment.hosts),
        "changed": bool(outcome and outcome.changed),
        "run": outcome.run if outcome else None,
        "key_changed": delivered.key_changed,
        "certificate": _certificate(delivered.bundle.leaf),
        "before": _certificate(delivered.before) if delivered.before else None,
        "plan": plan_document(plan) if plan else None,
        "notices": list(_notes(delivered)),
        "endpoints": [_endpoint(facts) for facts in (outcome.facts if outcome else ())],
    }


def _result(delivered: Delivered | None) -> str:
    if delivered is None:
        return "failed"
    if delivered.deployment.plan is None:
        return "not-used-here"
    return "in-service" if delivered.outcome else "planned"


def _certificate(one: Certificate) -> dict[str, Any]:
    return {
        "dns_names": list(one.dns_names),
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat(),
        "public_key": str(one.public_key),
        "sha256": one.sha256,
        "spki_sha256": one.spki_sha256,
    }


def _endpoint(facts: EndpointFacts) -> dict[str, Any]:
    seen = facts.handshake
    served = isinstance(seen, Handshake) and seen.chain
    return {
        "address": facts.endpoint.address,
        "port": facts.endpoint.port,
        "service": facts.endpoint.service.name,
        "name": facts.name,
        "leaf_sha256": seen.chain[0].sha256 if isinstance(seen, Handshake) and served else None,
    }
