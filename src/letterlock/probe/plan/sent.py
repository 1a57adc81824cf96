"""A hello on its way: what it offers, what it carries on, what it can be refused for."""

from __future__ import annotations

from dataclasses import dataclass, field

from letterlock.model.tls_facts import Depth
from letterlock.probe.plan import riders as riding
from letterlock.probe.plan.ladder import Ladder
from letterlock.probe.plan.record import Record
from letterlock.probe.plan.riders import Rider, Riders
from letterlock.wire.tls.client_hello import Offer


class Tier:
    """How much an ask matters, least number first: what a small budget buys."""

    REACH = 0
    VERSIONS = 1
    SUITES = 2
    GROUPS = 3
    FAULTS = 4
    REST = 5


@dataclass(slots=True)
class Shared:
    """What the courses of one endpoint have in common. `sni` is the name to send; `salt` makes the
    hellos' random values differ between endpoints."""

    sni: str | None
    depth: Depth
    salt: str = ""
    record: Record = field(default_factory=Record)
    riders: Riders = field(default_factory=Riders)
    #: The highest version agreed to so far; 0 before.
    highest: int = 0
    authentications: set[str] = field(default_factory=set)
    #: Whether TLS 1.2 has been asked, so that `authentications` tells of keys.
    keys_known: bool = False
    #: Suites that TLS 1.2 was proven not to accept: the versions below will hardly.
    refuted: set[int] = field(default_factory=set)
    #: Whether hellos may be made for riders alone: no other is under way or to come.
    riders_alone: bool = False
    #: Whether a refusal has come by an alert.
    sends_alerts: bool = False


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What a profile does not allow, as code points."""

    suites: frozenset[int]
    groups: frozenset[int]
    schemes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Drive:
    """A ladder that the hello carries on, and what it offers of it."""

    ladder: Ladder
    offered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A hello handed out. `critical` is the ladder that it can be refused for; `trial` the schemes
    offered alone."""

    key: str
    tier: int
    offer: Offer
    suites: Drive | None
    groups: Drive | None = None
    schemes: tuple[Drive, ...] = ()
    critical: Ladder | None = None
    #: The ladder of groups or schemes that it was made for.
    purpose: Ladder | None = None
    rider: Rider | None = None
    trial: tuple[int, ...] | None = None
    #: The certificate that it was made to show: for which key, and without the name or with it.
    shows: tuple[str, Rider | None] | None = None

    def client_hello(self) -> bytes:
        hello = riding.apply(self.rider, self.offer).hello()
        return riding.dress(self.rider, hello).to_records()
