"""What to ask of the wire, and what the answers say beside what is on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate, KeyType
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import Endpoint
from letterlock.model.status import Installed, Served
from letterlock.model.unknown import Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.together import Question, ask_together
from letterlock.status.names import sent_for

#: One's own server on the machine itself. postscreen(8) greets after six seconds.
_LIMITS = Limits.within(15)
#: With more server names than this each is looked at on one port alone: all ports of a server read
#: the same configuration.
MANY_NAMES = 20
#: Of one service at most this many processes are looked at; smtpd_client_connection_count_limit
#: is 50 by default, and other clients need processes too.
MOST_PROCESSES = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be asked of one server's endpoint: `sni` None sends no name, `key_type` None
    takes any; `chains` (SHA-256, leaf first) are those on disk for it."""

    server: str
    endpoint: Endpoint
    sni: str | None
    key_type: KeyType | None
    chains: tuple[tuple[str, ...], ...]


def wanted(installed: Iterable[Installed]) -> tuple[Wanted, ...]:
    """Everything to be asked, for what could be read of the disk."""
    groups: defaultdict[tuple[str, Endpoint, str | None], list[Installed]] = defaultdict(list)
    usable = [each for each in installed if each.leaf is not None]
    for each in usable:
        for endpoint in _looked_at(each, usable):
            for sni in _sent(each, usable):
                groups[each.reference.server, endpoint, sni].append(each)
    return tuple(
        Wanted(server, endpoint, sni, key_type, chains)
        for (server, endpoint, sni), same in groups.items()
        for key_type, chains in _by_key_type(same)
    )


def _looked_at(each: Installed, every: Sequence[Installed]) -> tuple[Endpoint, ...]:
    """The default certificate everywhere; one for a name at one address of each port, since all of
    them lead to the same processes."""
    endpoints = each.reference.endpoints
    if not each.reference.names:
        return endpoints
    named = {name for one in every for name in one.reference.names}
    by_port = {endpoint.port: endpoint for endpoint in reversed(endpoints)}
    return endpoints[:1] if len(named) > MANY_NAMES else tuple(by_port.values())


def _sent(each: Installed, every: Sequence[Installed]) -> Iterator[str | None]:
    """No name reaches the default certificate whatever the names of other entries are."""
    if not each.reference.names:
        yield None
        return
    others = [
        name
        for one in every
        if one.reference.server == each.reference.server
        for name in one.reference.names
    ]
    for pattern in each.reference.names:
        yield sent_for(pattern, each.leaf, others)


def _by_key_type(
    same: Sequence[Installed],
) -> Iterator[tuple[KeyType | None, tuple[tuple[str, ...], ...]]]:
    """One question per kind of key where there are several, else one."""
    kinds: defaultdict[str, dict[tuple[str, ...], None]] = defaultdict(dict)
    for each in same:
        digests = tuple(one.sha256 for one in each.chain)
        kinds[each.chain[0].public_key.algorithm].setdefault(digests)
    for kind, chains in kinds.items():
        if len(kinds) == 1:
            yield None, tuple(chains)
        elif kind in tuple(KeyType):
            yield KeyType(kind), tuple(chains)


def look(
    everything: Sequence[Wanted],
    running: Mapping[str, bool],
    processes: Callable[[str, int], int],
    trust: TrustStore,
) -> tuple[Served, ...]:
    """Ask it, and say what was served. `processes` tells how many of a server's processes stand
    behind a port; a server that is not `running` is not asked."""
    asked = [each for each in everything if running.get(each.server)]
    pools: defaultdict[tuple[str, int], defaultdict[Question, list[Wanted]]] = defaultdict(
        lambda: defaultdict(list)
    )
    together: defaultdict[tuple[object, ...], list[Wanted]] = defaultdict(list)
    for each in asked:
        port = each.endpoint.port
        together[each.server, port, each.sni, each.key_type, each.chains].append(each)
    for same in together.values():
        first, port = same[0], same[0].endpoint.port
        question = Question(
            endpoints=tuple(each.endpoint for each in same),
            sni=first.sni,
            key_type=first.key_type,
            name=first.sni or first.endpoint.address,
            connections=min(processes(first.server, port), MOST_PROCESSES),
        )
        pools[first.server, port][question] += same
    answers = ask_together([list(pool) for pool in pools.values()], trust, _LIMITS)
    found = [_served(each, answers[q]) for pool in pools.values() for q in pool for each in pool[q]]
    found += [_stopped(each) for each in everything if each not in asked]
    return tuple(sorted(found, key=lambda one: (one.endpoint.port, one.endpoint.address)))


def _stopped(each: Wanted) -> Served:
    return _told(each, Unknown(f"{each.server} is not running"), 0)


def _told(
    each: Wanted, chains: tuple[tuple[Certificate, ...], ...] | Unknown, connections: int
) -> Served:
    return Served(
        each.server, each.endpoint, each.sni, each.key_type, each.chains, chains, connections
    )


def _served(each: Wanted, answers: Sequence[EndpointFacts]) -> Served:
    own = [facts for facts in answers if facts.endpoint == each.endpoint]
    chains = dict.fromkeys(
        facts.handshake.chain
        for facts in own
        if isinstance(facts.handshake, Handshake) and facts.handshake.chain
    )
    return _told(each, tuple(chains) or Unknown(_why_none(own[0])), len(own))


def _why_none(facts: EndpointFacts) -> str:
    if facts.closed:
        return "nothing listens there"
    if isinstance(facts.greeting, Unknown):
        return facts.greeting.reason
    if isinstance(facts.handshake, Unknown):
        return facts.handshake.reason
    if isinstance(facts.greeting, Greeting) and not facts.greeting.starttls_offered:
        return "STARTTLS is not offered"
    return "no certificate was served"
