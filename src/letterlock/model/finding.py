"""What a rule has to say about facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from letterlock.model.service import Endpoint, Role


class Severity(StrEnum):
    """How bad, mildest first; `INFO` is nothing to complain about."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    def at_least(self, other: Severity) -> bool:
        return self.rank >= other.rank


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `id` is stable between versions (`starttls-not-offered`); `endpoint` is None
    for the server as a whole; `evidence` is what was seen; `source` the RFC section or guideline
    that asks for better; `remedy` what to set, in Postfix's and Dovecot's own words. `subject` is
    what it is about beside the endpoint, the same at every look: a file, an SNI map, a name."""

    id: str
    severity: Severity
    title: str
    evidence: str
    source: str
    remedy: str
    role: Role | None = None
    endpoint: Endpoint | None = None
    subject: str = ""
