"""A fault as it is remembered from one look to the next."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.model.finding import Finding, Severity
from letterlock.report.escape import printable

#: Where a fault was seen: on the machine itself, from its own addresses, or among deployments.
STATUS, CHECK, PENDING = "status", "check", "pending"

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
