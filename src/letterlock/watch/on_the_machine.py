"""`status`, as a part of a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate
from letterlock.model.errors import LetterlockError
from letterlock.model.finding import Severity
from letterlock.model.status import StatusFacts
from letterlock.model.unknown import Unknown
from letterlock.status.run import status
from letterlock.watch.fault import STATUS, of_finding
from letterlock.watch.look import Part, Place


@dataclass(frozen=True, slots=True)
class OnTheMachine:
    """The part, and what the look from outside needs of it: `name` is what clients will ask for,
    `ports` those that the configuration offers, None where it could not be read. `postfix_runs`:
    mail can be handed over."""

    part: Part
    name: str | None = None
    ports: frozenset[int] | None = None
    postfix_runs: bool = False


def look_at_the_machine(
    root: Path,
    trust: TrustStore,
    name: str | None,
    tell_from: Severity,
    report: Callable[[str], None],
) -> OnTheMachine:
    """Everything that `status` finds at or above `tell_from`. Where there is no status, because a
    server refuses its configuration or none is installed, nothing is known."""
    try:
        taken = status(root, trust, name, report)
    except LetterlockError as error:
        return OnTheMachine(Part(STATUS, all_blind=True, unknown=(str(error),)), name)
    facts = taken.facts
    faults = tuple(
        of_finding(STATUS, each) for each in taken.findings if each.severity.at_least(tell_from)
    )
    part = Part(
        STATUS,
        faults,
        served=dict(_served(facts)),
        blind=frozenset(_blind(facts)),
        unknown=facts.unknown,
    )
    return OnTheMachine(
        part,
        name or _name(facts),
        frozenset(port for port in _ports(facts)),
        any(each.name == "Postfix" and each.running for each in facts.servers),
    )


def _served(facts: StatusFacts) -> Iterator[tuple[Place, tuple[Certificate, ...]]]:
    for each in facts.served:
        if not isinstance(each.chains, Unknown):
            place = Place(
                each.server,
                each.endpoint.address,
                each.endpoint.port,
                each.name or "",
                each.key_type or "",
            )
            yield place, tuple(chain[0] for chain in each.chains)


def _blind(facts: StatusFacts) -> Iterator[str]:
    for each in facts.served:
        if isinstance(each.chains, Unknown):
            yield str(each.endpoint)
    for one in facts.installed:
        if isinstance(one.key_matches, Unknown):
            yield one.file
        if one.leaf is None:
            # Its file cannot be read, so what is served there was compared with nothing. That it
            # cannot be read is told, and is over as soon as it can.
            yield from map(str, one.reference.endpoints)
            yield from (file for file in one.reference.files if file != one.file)
    for each_map in facts.maps:
        if isinstance(each_map.stale, Unknown):
            yield each_map.table


def _ports(facts: StatusFacts) -> Iterator[int]:
    for each in facts.installed:
        yield from (endpoint.port for endpoint in each.reference.endpoints)


def _name(facts: StatusFacts) -> str | None:
    """A name that the default certificate is for: whatever else clients call this server is in no
    configuration."""
    for each in facts.installed:
        if each.leaf is not None and not each.reference.names:
            for name in each.leaf.dns_names:
                if not name.startswith("*"):
                    return name
    return None
