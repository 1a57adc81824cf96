"""What is told of a target: a host is one part; a mail domain is one of its own, and each host that
DNS names for it another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from letterlock.check.promises import held_against
from letterlock.model.dns_facts import DomainFacts, HostDns, MailExchange
from letterlock.model.dns_promises import StsForHost, StsMode
from letterlock.model.errors import UndeterminedError
from letterlock.model.facts import TargetFacts
from letterlock.model.service import Endpoint
from letterlock.probe.examine import Examination
from letterlock.probe.https import Web
from letterlock.probe.lookup.domain import look_up_domain
from letterlock.probe.lookup.host import look_up_host
from letterlock.probe.lookup.promises import look_up_promises
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.resolve import Target

Find = Callable[[], Sequence[Endpoint]]
_Found = TypeVar("_Found")
#: Domains, or hosts, looked up at once.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What DNS told of a domain, or why it told nothing; when, and for how long it was asked."""

    domain: DomainFacts | UndeterminedError
    started: datetime
    seconds: float
    hosts: tuple[HostDns, ...] = ()
    #: Those that the domain sends its users' mail programs to.
    clients: tuple[HostDns, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A host that is visited, with what DNS says of it where that was asked, or a domain
    (`looked_up`) with its `hosts`, which are parts too."""

    target: Target
    examination: Examination | None = None
    dns: HostDns | None = None
    looked_up: LookedUp | None = None
    hosts: tuple[Part, ...] = ()

    @property
    def error(self) -> UndeterminedError | None:
        if self.looked_up is not None:
            known = self.looked_up.domain
            return known if isinstance(known, UndeterminedError) else None
        return self.examination.error if self.examination else None

    @property
    def finished(self) -> bool:
        """A domain is finished with its hosts: what it promises is held against them."""
        own = self.examination is None or self.examination.finished
        return own and all(host.finished for host in self.hosts)

    @property
    def begun(self) -> bool:
        if self.looked_up is not None or self.error is not None:
            return True
        return self.examination is not None and bool(self.examination.inquiries)

    def facts(self) -> TargetFacts:
        """To be called where there is no `error`."""
        if self.looked_up is not None and isinstance(self.looked_up.domain, DomainFacts):
            known = self.looked_up
            domain = self.looked_up.domain
            return TargetFacts(
                self.target.text, self.target.name, known.started, known.seconds, (), 0, domain
            )
        visit = self.examination
        if visit is None:
            raise self.error or UndeterminedError(f"{self.target.text} was not looked at")
        seen = TargetFacts(
            target=self.target.text,
            name=visit.name,
            started=visit.started or datetime.now(UTC),
            seconds=visit.seconds,
            endpoints=visit.facts(),
            connections=visit.connections,
            revocations=visit.revocations,
        )
        return seen if self.dns is None else replace(seen, host=held_against(self.dns, seen))


def domains(
    targets: Sequence[Target], resolver: Resolver, web: Web, ports: Sequence[int]
) -> dict[Target, LookedUp]:
    """Look all of them up with their hosts, which are to be visited on `ports`; several at once."""
    found = _at_once(lambda target: _look_up(target.name, resolver, web, ports), targets)
    return dict(zip(targets, found, strict=True))


def hosts(
    names: Mapping[Target, str], resolver: Resolver, ports: Callable[[Target], Sequence[int]]
) -> dict[Target, HostDns]:
    """The same for targets that are hosts, by the name that each is known by in DNS."""

    def one(target: Target) -> HostDns:
        return look_up_host(names[target], ports(target), resolver)

    return dict(zip(names, _at_once(one, tuple(names)), strict=True))


def _at_once(look: Callable[[Target], _Found], targets: Sequence[Target]) -> list[_Found]:
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        return list(pool.map(look, targets))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _look_up(domain: str, resolver: Resolver, web: Web, ports: Sequence[int]) -> LookedUp:
    started = datetime.now(UTC)
    found: DomainFacts | UndeterminedError
    named: tuple[HostDns, ...] = ()
    clients: tuple[HostDns, ...] = ()
    try:
        found = look_up_promises(look_up_domain(domain, resolver), resolver, web)
        named = _mail_hosts(found, resolver, ports)
        clients = _client_hosts(found, resolver)
    except UndeterminedError as error:
        found = error
    seconds = (datetime.now(UTC) - started).total_seconds()
    return LookedUp(found, started, seconds, named, clients)


def _mail_hosts(
    found: DomainFacts, resolver: Resolver, ports: Sequence[int]
) -> tuple[HostDns, ...]:
    if not isinstance(found.exchange, MailExchange):
        return ()
    told = [
        look_up_host(
            host.name,
            ports,
            resolver,
            addresses=host,
            domain=found.domain,
            exchange_security=found.exchange.records.security,
        )
        for host in found.exchange.hosts
        if host.addresses
    ]
    return tuple(replace(host, sts=_policy_for(host.name, found)) for host in told)


def _client_hosts(found: DomainFacts, resolver: Resolver) -> tuple[HostDns, ...]:
    if found.clients is None:
        return ()
    told = []
    for host in found.clients.hosts:
        promises = tuple(one for one in found.clients.promises if one.host == host.name)
        if host.addresses:
            ports = sorted({one.port for one in promises})
            known = look_up_host(host.name, ports, resolver, addresses=host)
            told.append(replace(known, promises=promises))
    return tuple(told)


def _policy_for(host: str, found: DomainFacts) -> StsForHost | None:
    policy = found.sts.in_force if found.sts else None
    if policy is None or policy.mode is StsMode.NONE:
        return None
    return StsForHost(found.domain, policy.mode, policy.pattern_for(host))


Visit = Callable[[HostDns], Examination | None]


def of_domain(target: Target, known: LookedUp, mail: Visit, clients: Visit) -> tuple[Part, ...]:
    """The domain, then its mail servers in the order of their preference, then the hosts that its
    users are sent to; `mail` and `clients` make the examination of one, or None where there is
    nothing to go to."""
    named = []
    for hosts, visit, what in ((known.hosts, mail, "MX"), (known.clients, clients, "clients")):
        for host in hosts:
            examination = visit(host)
            if examination is not None:
                text = f"{host.name} ({what} of {target.shown})"
                one = replace(target, text=text, name=host.name, shown=host.name, is_domain=False)
                named.append(Part(one, examination, host))
    return (Part(target, looked_up=known, hosts=tuple(named)), *named)
