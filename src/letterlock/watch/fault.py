"""A fault as it is remembered from one look to the next."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.finding import Finding, Severity
from letterlock.report.escape import printable

#: Where a fault was seen: on the machine itself, from its own addresses, among deployments; or
#: nowhere, since something kept the watch from looking.
STATUS, CHECK, PENDING, WATCH = "status", "check", "pending", "watch"

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `source`, `id`, `place` (an endpoint, a file, a map, a name) and
    `about` (a server name, a kind of key; may be empty) say which fault it is; the rest is how it
    looked last: `evidence` changes from look to look."""

    source: str
    id: str
    place: str
    about: str
    severity: Severity
    title: str
    evidence: str
    remedy: str

    @property
    def key(self) -> Key:
        return (self.source, self.id, self.place, self.about)


def of_finding(source: str, finding: Finding, target: str = "this machine") -> Fault:
    """`target` is where a finding is that is about no port and no file."""
    endpoint = str(finding.endpoint) if finding.endpoint else ""
    return Fault(
        source=source,
        id=finding.id,
        place=endpoint or printable(finding.subject) or target,
        about=printable(finding.subject) if endpoint else "",
        severity=finding.severity,
        title=finding.title,
        evidence=printable(finding.evidence),
        remedy=finding.remedy,
    )


def of_unknown(source: str, what: str, tell_from: Severity, target: str = "this machine") -> Fault:
    """That something could not be seen, which may hide anything: a fault, however mild one must be
    to be told."""
    severity = max(Severity.MEDIUM, tell_from, key=lambda each: each.rank)
    return of_finding(source, COULD_NOT_DETERMINE.of_server(what, severity), target)
