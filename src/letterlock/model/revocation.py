"""What a CA says about certificates that it may have revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from letterlock.model.certificate import Certificate
from letterlock.model.unknown import Unknown


class Status(StrEnum):
    GOOD = "good"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Told:
    """A verified answer: an OCSP response's (RFC 6960) or a CRL's (RFC 5280 section 5). `reason` is
    section 5.3.1's name (keyCompromise, …), None where none is given; `next_update` when the CA
    will have said more, None where it always may."""

    status: Status
    revoked_at: datetime | None = None
    reason: str | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Whether `certificate` is revoked. `source` says who told: `OCSP` or `CRL` and a URL; empty
    where nobody did."""

    certificate: Certificate
    told: Told | Unknown
    source: str = ""
