"""What there is to say about certificates that were handed over and are not in service yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from letterlock.findings.rule import define
from letterlock.model.finding import Finding, Severity
from letterlock.model.status import Backlog, PendingDeployment

PENDING = define(
    "deployment-pending",
    "A renewed certificate could not be brought into service",
    "An ACME client calls its hook once and does not ask again. What it handed over is kept; what "
    "is served is the older certificate, until that expires for all clients at once.",
    source="letterlock deploy --help",
    severity=Severity.HIGH,
    postfix="Mend what it says, then: letterlock deploy --pending (the watch does it every hour).",
)
DAMAGED = define(
    "pending-deployment-damaged",
    "What was kept of a renewed certificate cannot be read",
    "It was to be tried again, and cannot be: somebody or something else wrote there. Whether the "
    "certificate is in service is told by the rest of the status.",
    source="letterlock deploy --help",
    severity=Severity.MEDIUM,
    postfix="Call the ACME client's hook again (letterlock deploy --from CLIENT), and remove that "
    "folder.",
)


def findings(backlog: Backlog) -> Iterator[Finding]:
    """Oldest first."""
    for one in backlog.pending:
        subject = ", ".join(one.names) or one.subject
        yield replace(PENDING.of_server(_evidence(one), Severity.HIGH), subject=subject)
    for each in backlog.damaged:
        text = f"{each.path}: {each.reason}"
        yield replace(DAMAGED.of_server(text, Severity.MEDIUM), subject=each.path)


def _evidence(one: PendingDeployment) -> str:
    times = "once" if one.attempts == 1 else f"{one.attempts} times"
    return (
        f"{', '.join(one.names) or one.subject} ({one.client}), handed over "
        f"{one.since:%Y-%m-%d %H:%M} UTC, tried {times}: {one.reason}"
    )
