"""What profiles and the grade have to say about facts, beside the single findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown


class Letter(StrEnum):
    """A grade, best first; its rule stands in docs/grades.md."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"

    @property
    def rank(self) -> int:
        """0 for A."""
        return list(Letter).index(self)


@dataclass(frozen=True, slots=True)
class Grade:
    """`because` says, a phrase each, what keeps it from being better; empty for an A."""

    letter: Letter
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileVerdict:
    """Whether an endpoint meets a profile. `profile` is its name (`intermediate`), `title` its
    words for a person with its version and publisher; `met` is Unknown where what decides was not
    determined; `breaches` say, a phrase each, what the profile forbids or misses."""

    profile: str
    title: str
    met: bool | Unknown
    breaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointVerdict:
    """One endpoint's grade and its verdict by each profile asked for."""

    endpoint: Endpoint
    grade: Grade | Unknown
    profiles: tuple[ProfileVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's grade and that of each endpoint which offers TLS (or should)."""

    grade: Grade | Unknown
    endpoints: tuple[EndpointVerdict, ...] = ()

    def at(self, endpoint: Endpoint) -> EndpointVerdict | None:
        return next((each for each in self.endpoints if each.endpoint == endpoint), None)
