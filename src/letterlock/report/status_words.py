"""Words for a machine's own certificates, shared by the reports of `status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from letterlock.model.finding import Finding
from letterlock.model.status import Installed, Served, StatusFacts
from letterlock.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What the reports are made from; `determined` is whether everything that was asked got an
    answer."""

    facts: StatusFacts
    findings: tuple[Finding, ...]
    determined: bool


#: The findings about what is not in service yet, which stand before everything else.
_PENDING = ("deployment-pending", "pending-deployment-damaged")


def pending_apart(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Those about what is to be deployed yet, and the others."""
    pending = [each for each in findings if each.id in _PENDING]
    return pending, [each for each in findings if each.id not in _PENDING]


def served_for(each: Installed, facts: StatusFacts) -> tuple[Served, ...]:
    """What was seen where this certificate is due."""
    leaf = each.leaf
    if leaf is None:
        return ()
    return tuple(
        one
        for one in facts.served
        if one.server == each.reference.server
        and one.endpoint in each.reference.endpoints
        and _is_for(one, each)
        and any(chain[:1] == (leaf.sha256,) for chain in one.expected)
    )


def _is_for(one: Served, each: Installed) -> bool:
    if one.name is None:
        return not each.reference.names
    return any(
        one.name == name or (name.startswith((".", "*.")) and one.name.endswith(name.lstrip("*")))
        for name in each.reference.names
    )


def ports(served: Sequence[Served]) -> str:
    """`25, 587`"""
    return ", ".join(map(str, sorted({each.endpoint.port for each in served})))


@dataclass(frozen=True, slots=True)
class Seen:
    """Where one certificate is served as it should be, where not, and where that is not known."""

    right: tuple[Served, ...]
    stale: tuple[Served, ...]
    unknown: tuple[Served, ...]

    @classmethod
    def of(cls, served: Sequence[Served]) -> Seen:
        unknown = tuple(each for each in served if isinstance(each.chains, Unknown))
        stale = tuple(each for each in served if each.stale)
        right = tuple(each for each in served if each not in unknown and each not in stale)
        return cls(right, stale, unknown)
