"""The whole of `status`: servers → references → disk and wire → findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from letterlock.certs.trust import TrustStore
from letterlock.findings.assess import assess_status
from letterlock.model.errors import Location
from letterlock.model.finding import Finding
from letterlock.model.status import NOTHING_PENDING, Backlog, Installed, Served, SniMap, StatusFacts
from letterlock.model.unknown import Unknown
from letterlock.servers.find import find_servers
from letterlock.servers.postfix import Postfix
from letterlock.servers.tools import Tools
from letterlock.status.disk import Judge, exposed, installed
from letterlock.status.files import Files
from letterlock.status.maps import MapReading, read_map
from letterlock.status.reading import Reading, read
from letterlock.status.wire import look, wanted


@dataclass(frozen=True, slots=True)
class Status:
    """What is known and what there is to say about it, worst first."""

    facts: StatusFacts
    findings: tuple[Finding, ...]

    @property
    def determined(self) -> bool:
        """Whether everything that was asked got an answer."""
        return not self.facts.unknown


def status(
    root: Path,
    trust: TrustStore,
    name: str | None = None,
    report: Callable[[str], None] = lambda _text: None,
    backlog: Backlog = NOTHING_PENDING,
) -> Status:
    """The state of every certificate that the mail servers below `root` refer to. Changes nothing,
    and needs nothing of what `secure` wrote; `name` is what the default certificates are verified
    for, None: for no name. `report` is told each step as it begins. `backlog` is what is to be
    deployed yet: who keeps it tells it.

    Raises InputError where there is no mail server, or its configuration is one that it refuses."""
    started, clock = datetime.now(UTC), time.monotonic()
    files, judge_by = Files(root), Judge(trust, started, name)
    report("reading the configuration")
    readings = [read(server) for server in find_servers(Tools.for_root(root))]
    report("reading certificates and keys")
    maps = [each for reading in readings for each in _maps(reading, files, judge_by)]
    references = [each for reading in readings for each in reading.references]
    found = [each for reference in references for each in installed(reference, files, judge_by)]
    found += [each for one in maps for each in one.installed]
    report("looking at what is served")
    served = _look(readings, found, trust)
    facts = StatusFacts(
        started=started,
        seconds=time.monotonic() - clock,
        name=name,
        servers=tuple(reading.state for reading in readings),
        installed=tuple(found),
        maps=tuple(one.map for one in maps),
        exposed=exposed(
            [*references, *(each for one in maps for each in one.references)],
            {one.map.file: one.map.server for one in maps if one.map.file},
            files,
        ),
        served=served,
        unknown=tuple(dict.fromkeys(_unknown(found, [one.map for one in maps], served, backlog))),
        backlog=backlog,
    )
    return Status(facts, assess_status(facts))


def _maps(reading: Reading, files: Files, judge_by: Judge) -> Iterator[MapReading]:
    for table, endpoints in reading.tables.items():
        if isinstance(reading.server, Postfix):
            where = reading.sni_where or Location(table)
            yield read_map(reading.server, table, where, endpoints, files, judge_by)


def _look(
    readings: Sequence[Reading], found: Sequence[Installed], trust: TrustStore
) -> tuple[Served, ...]:
    counts = {reading.state.name: reading.processes for reading in readings}
    return look(
        wanted(found),
        {reading.state.name: reading.state.running for reading in readings},
        lambda server, port: counts[server](port),
        trust,
    )


def _unknown(
    found: Sequence[Installed],
    maps: Sequence[SniMap],
    served: Sequence[Served],
    backlog: Backlog,
) -> Iterator[str]:
    if backlog.unknown:
        yield f"what is to be deployed yet: {backlog.unknown}"
    for each in found:
        if isinstance(each.key_matches, Unknown) and each.fault is None:
            yield f"whether the key is the certificate's: {each.key_matches.reason}"
    for one in maps:
        if isinstance(one.stale, Unknown):
            yield f"whether the SNI map {one.table} is up to date: {one.stale.reason}"
    for server in dict.fromkeys(each.reference.server for each in found):
        own = [each.reference for each in found if each.reference.server == server]
        if not any(reference.endpoints for reference in own):
            yield f"what {server} serves: no port of its was found in the configuration"
    yield from _unseen(served)


def _unseen(served: Sequence[Served]) -> Iterator[str]:
    """Where nothing could be seen, the ports of one server with one reason in one sentence."""
    places: dict[tuple[str, str], dict[int, None]] = {}
    for each in served:
        if isinstance(each.chains, Unknown):
            ports = places.setdefault((each.server, each.chains.reason), {})
            ports[each.endpoint.port] = None
    for (server, reason), ports in places.items():
        listed = ", ".join(map(str, sorted(ports)))
        yield f"what {server} serves on port{'s' * (len(ports) > 1)} {listed}: {reason}"
