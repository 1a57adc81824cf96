"""What `fix` would do about a status, and what it leaves alone and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from letterlock.model.status import (
    ExposedKey,
    Installed,
    PendingDeployment,
    Served,
    SniMap,
    StatusFacts,
)


@dataclass(frozen=True, slots=True)
class Repairs:
    """`deploy` is to be tried again before everything else; `reload` are the names of the servers
    that serve something stale, or whose map is made again; `maps` the SNI maps to build; `close`
    the files to take from everybody else; `left` what is wrong and not done, with the reason."""

    deploy: tuple[PendingDeployment, ...]
    reload: tuple[str, ...]
    maps: tuple[SniMap, ...]
    close: tuple[ExposedKey, ...]
    left: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.deploy or self.reload or self.maps or self.close)


def repairs(facts: StatusFacts) -> Repairs:
    """A server is not reloaded into files that it cannot use: what it has read is better."""
    running = {each.name for each in facts.servers if each.running}
    broken = dict(_broken(facts))
    maps = tuple(each for each in facts.maps if each.is_stale and _why_not(each, broken) is None)
    stale = {each.server: None for each in facts.served if each.stale}
    for each in maps:
        if each.server in running:
            stale.setdefault(each.server)
    left = [
        f"{each.table} is not built again: {_why_not(each, broken)}"
        for each in facts.maps
        if each.is_stale and each not in maps
    ]
    left += [f"{name} is not reloaded: {broken[name]}" for name in stale if name in broken]
    left += [f"{each.path} {each.reason}" for each in facts.backlog.damaged]
    return Repairs(
        deploy=facts.backlog.pending,
        reload=tuple(name for name in stale if name not in broken),
        maps=maps,
        close=facts.exposed,
        left=tuple(left),
    )


def _why_not(each: SniMap, broken: dict[str, str]) -> str | None:
    if each.file is None:
        return "it is of a type that postmap does not build"
    return each.unusable or broken.get(each.server)


def _broken(facts: StatusFacts) -> Iterator[tuple[str, str]]:
    """Server → why it should not read its files again."""
    for each in facts.installed:
        # What a stale map holds is about to be replaced.
        if each.fault is not None and each.reference.table is None:
            yield each.reference.server, each.fault
    for one in facts.served:
        if why := _worse(one, facts):
            yield one.server, why


def _worse(each: Served, facts: StatusFacts) -> str | None:
    """A file that was put back from long ago: what is served still holds, and it does not."""
    valid_until = min((chain[0].not_after for chain in each.stale), default=None)
    if valid_until is None or valid_until <= facts.started:
        return None
    for one in _expected(each, facts):
        if one.leaf is not None and not _valid(one, facts.started):
            return f"the certificate in {one.file} is not valid now, and the one served is"
    return None


def _valid(each: Installed, at: datetime) -> bool:
    return each.leaf is not None and each.leaf.not_before <= at < each.leaf.not_after


def _expected(each: Served, facts: StatusFacts) -> Iterator[Installed]:
    for one in facts.installed:
        digests = tuple(certificate.sha256 for certificate in one.chain)
        if one.reference.server == each.server and digests in each.expected:
            yield one


def stale_left(facts: StatusFacts, planned: Repairs) -> tuple[str, ...]:
    """What of all that was planned is not as it should be yet, a line each; empty: verified."""
    tables = {each.table for each in planned.maps}
    files = {each.file for each in planned.close}
    lines = [
        f"{each.server} at {each.endpoint} still serves another certificate"
        for each in facts.served
        if each.server in planned.reload and each.stale
    ]
    lines += [
        f"{each.table} is still not what its files are"
        for each in facts.maps
        if each.table in tables and each.is_stale
    ]
    lines += [
        f"{each.file} is still open to others" for each in facts.exposed if each.file in files
    ]
    return tuple(lines)
