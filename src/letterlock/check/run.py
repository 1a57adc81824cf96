"""target → endpoints → facts → findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from letterlock.certs.trust import TrustStore
from letterlock.check.parts import Find, Part, domains, hosts, of_domain
from letterlock.findings.assess import assess, judge
from letterlock.findings.clients import clients_determined
from letterlock.findings.exchange import domain_determined
from letterlock.findings.mta_sts import sts_determined
from letterlock.findings.reach import determined
from letterlock.model.dns_facts import HostDns
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.service import (
    BY_PORT,
    KNOWN_SERVICES,
    SERVICES,
    SMTP,
    Endpoint,
    Role,
    Service,
)
from letterlock.model.tls_facts import Depth
from letterlock.model.verdict import Verdict
from letterlock.probe.examine import Examination, Manners, examine
from letterlock.probe.guard import admitted, anywhere
from letterlock.probe.https import Web
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.plan import ChainReader, Demands, Planner
from letterlock.probe.resolve import Family, Target, resolve
from letterlock.probe.revocation import Inquirer
from letterlock.probe.run import Inquiry
from letterlock.probe.tls import server_name
from letterlock.profiles.demand import tolerated
from letterlock.profiles.profile import Profile, load


def _nobody(_host: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of each target. `name` is sent as SNI and verified, by default the target's own;
    `ports` are those to visit instead of all seven; `service` is what listens on ports that are
    none of a known service; `profiles` are those that the facts are held against;
    `online` asks CAs whether the certificates are revoked."""

    trust: TrustStore
    name: str | None = None
    ports: tuple[int, ...] = ()
    service: Service | None = None
    family: Family = Family.BOTH
    manners: Manners = field(default_factory=Manners)
    depth: Depth = Depth.STANDARD
    profiles: tuple[Profile, ...] = ()
    #: Whom to ask about mail domains; None: the system's. `dns`: about hosts too.
    resolver: Resolver | None = None
    dns: bool = False
    online: bool = False
    #: How pages are fetched that DNS leads to (MTA-STS); None: from anywhere, by `trust`.
    web: Web | None = None
    #: Says of a host's name why it is not gone to, wherever the name was found; None: it is.
    refusal: Callable[[str], str | None] = _nobody


@dataclass(frozen=True, slots=True)
class Checked:
    """A target's facts and what there is to say about them, worst first. `determined` is False
    where something that was asked could not be answered; `interrupted` where the user cut the run
    short."""

    facts: TargetFacts
    findings: tuple[Finding, ...]
    determined: bool
    interrupted: bool = False
    #: Grades and profiles' verdicts, where they were asked for.
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A target that has no address, or a mail domain that does not exist."""

    target: Target
    error: UndeterminedError


@dataclass(frozen=True, slots=True)
class Progress:
    """Something has become known of `endpoint`, or everything that will be (`finished`);
    `endpoints` are those of all `targets`, as far as they are known."""

    endpoint: Endpoint
    finished: bool
    endpoints: int
    targets: int


def endpoints_of(target: Target, request: Request) -> tuple[Endpoint, ...]:
    """Where to look: every address of the target, on the ports asked for, address by address.

    Raises InputError for a port that could be any service, UndeterminedError where the name does
    not resolve."""
    services = _services(target, request)
    addresses = resolve(target, request.family)
    return tuple(
        Endpoint(address, port, service) for address in addresses for port, service in services
    )


def check_all(
    targets: Sequence[Target],
    request: Request,
    *,
    done: Callable[[Checked | Unresolved], None],
    progress: Callable[[Progress], None] | None = None,
) -> bool:
    """Visit all targets, several at once, and judge what is seen: `done` is told of each in their
    order, as soon as it and all before it are finished, `progress` of every step. True where a
    KeyboardInterrupt cut the run short: it ends the visits, not the judgement, and what was not
    reached by then is Unknown.

    Raises InputError before the first visit for a port that could be any service, and for an
    address of a family that is not wanted."""
    for target in targets:
        if target.is_address:
            endpoints_of(target, request)
        else:
            _services(target, request)
    parts = list(chain.from_iterable(_parts(targets, request)))
    run = _Run(parts, request, done, progress)
    try:
        examine(run.examinations, request.trust, request.manners, told=run.tell, done=run.next)
    except KeyboardInterrupt:
        run.interrupt()
        return True
    run.next()
    return False


def _parts(targets: Sequence[Target], request: Request) -> Iterator[tuple[Part, ...]]:
    """What is told of each target: itself, of a mail domain its hosts too."""
    if any(target.is_domain for target in targets) and request.name is not None:
        raise InputError(
            "--name does not go with a mail domain",
            remedy="each of its hosts is verified by its own name",
        )
    online = Inquirer(request.trust, request.manners.guard) if request.online else None
    named = _named_hosts(targets, request)
    wanted = [target for target in targets if target.is_domain]
    resolver = request.resolver or (Resolver.system() if wanted or named else None)
    known, told = {}, {}
    if resolver is not None:
        web = request.web or Web(request.trust, partial(_may_be_gone_to, request))
        known = domains(wanted, resolver, web, request.ports or (SMTP.port,))
        told = hosts(named, resolver, partial(_ports, request))
    for target in targets:
        if target.is_domain:
            mail = partial(_visit_mx, request, online, target)
            clients = partial(_visit_clients, request, online)
            yield of_domain(target, known[target], mail, clients)
        else:
            places = partial(endpoints_of, target, request)
            find = partial(_admitted, request, target.name, places)
            visit = _examination(request, online, request.name or target.name, find)
            yield (Part(target, visit, told.get(target)),)


def _named_hosts(targets: Sequence[Target], request: Request) -> dict[Target, str]:
    """The hosts that DNS is to be asked about, by the name that clients know them by."""
    if not request.dns:
        return {}
    found = {
        target: request.name or target.name
        for target in targets
        if not target.is_domain and not (target.is_address and request.name is None)
    }
    if not found and not any(target.is_domain for target in targets):
        raise InputError("--dns asks for names, and there are only addresses", remedy="say --name")
    return found


def _ports(request: Request, target: Target) -> tuple[int, ...]:
    return tuple(port for port, _ in _services(target, request))


def _visit_mx(
    request: Request, online: Inquirer | None, domain: Target, host: HostDns
) -> Examination | None:
    """The visit to a mail exchanger, on the addresses that DNS told; None where it has none."""
    return _visit(request, online, host, _services(domain, request))


def _visit_clients(request: Request, online: Inquirer | None, host: HostDns) -> Examination | None:
    """The visit to a host that users are sent to, on the ports promised, of those asked for. Under
    a guard mail's own ports only: a record must not lead anybody's visitor to any port."""
    wanted = dict.fromkeys((one.port, one.service) for one in host.promises)
    guarded = request.manners.guard is not anywhere
    services = [
        (port, service)
        for port, service in sorted(wanted, key=lambda one: (one[0], one[1].name))
        if (not request.ports or port in request.ports) and (port in BY_PORT or not guarded)
    ]
    return _visit(request, online, host, services)


def _visit(
    request: Request,
    online: Inquirer | None,
    host: HostDns,
    services: Sequence[tuple[int, Service]],
) -> Examination | None:
    addresses = [one for one in host.addresses.addresses if request.family.admits(one)]
    places = tuple(
        Endpoint(address, port, service) for address in addresses for port, service in services
    )
    if not places:
        return None
    find = partial(_admitted, request, host.name, lambda: places)
    return _examination(request, online, host.name, find)


def _may_be_gone_to(request: Request, address: str) -> bool:
    return request.manners.guard(address) is None


def _admitted(request: Request, host: str, find: Find) -> Sequence[Endpoint]:
    """What is found, unless `host` is refused or the guard lets us go to none of it. An address of
    several that is not gone to stays: the report tells of it."""
    if (reason := request.refusal(host)) is not None:
        raise UndeterminedError(reason)
    places = find()
    admitted(tuple(dict.fromkeys(each.address for each in places)), request.manners.guard)
    return places


def _examination(request: Request, online: Inquirer | None, name: str, find: Find) -> Examination:
    return Examination(name, find, partial(_planner, request, name), online)


class _Run:
    """The parts under way, told of in their order."""

    def __init__(
        self,
        parts: Sequence[Part],
        request: Request,
        done: Callable[[Checked | Unresolved], None],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._parts = parts
        self._request = request
        self._done = done
        self._progress = progress
        self._told = 0
        self.examinations = [part.examination for part in parts if part.examination]

    def tell(self, _examination: Examination, inquiry: Inquiry) -> None:
        if self._progress is None:
            return
        self._progress(
            Progress(
                inquiry.endpoint,
                finished=inquiry.finished,
                endpoints=sum(len(each.inquiries) for each in self.examinations),
                targets=len(self.examinations),
            )
        )

    def next(self, _examination: Examination | None = None) -> None:
        """One has finished: tell of those that have nobody unfinished before them."""
        while self._told < len(self._parts) and self._parts[self._told].finished:
            self._hand_over(self._parts[self._told], interrupted=False)
            self._told += 1

    def interrupt(self) -> None:
        """Tell of the rest, as far as it was begun."""
        for part in self._parts[self._told :]:
            if part.begun:
                self._hand_over(part, interrupted=not part.finished)

    def _hand_over(self, part: Part, *, interrupted: bool) -> None:
        if part.error is not None:
            self._done(Unresolved(part.target, part.error))
            return
        facts = part.facts()
        if facts.domain is not None:
            domain = facts.domain
            told = (domain_determined, sts_determined, clients_determined)
            known = all(each(domain) for each in told)
            self._done(Checked(facts, assess(facts), known, interrupted))
            return
        asked_for_ports = part.target.port is not None or bool(self._request.ports)
        known = determined(facts, asked_for_ports)
        findings, verdict = judge(facts, self._request.profiles)
        self._done(Checked(facts, findings, known, interrupted, verdict))


def _planner(request: Request, name: str, first: EndpointFacts, at: datetime) -> Planner:
    """What is to be asked of an endpoint after its `first` visit. The depth `verdict` refutes, or
    not, that it meets the first profile asked for, by default `intermediate`."""
    endpoint, most = first.endpoint, request.manners.max_connections
    sni = server_name(name)
    return Planner(
        endpoint,
        sni.decode("ascii") if sni else None,
        request.depth,
        reader=ChainReader(name, request.trust, at),
        demands=_demands(request, endpoint.service.role),
        max_connections=None if most is None else max(0, most - 1),
    )


def _demands(request: Request, role: Role) -> Demands | None:
    if request.depth is not Depth.VERDICT:
        return None
    profile = request.profiles[0] if request.profiles else load("intermediate")
    wanted = tolerated(profile.role(role))
    return Demands(wanted.versions, wanted.cipher_suites, wanted.groups, wanted.signature_schemes)


def _services(target: Target, request: Request) -> list[tuple[int, Service]]:
    ports = (target.port,) if target.port is not None else request.ports
    services = [(port, _service(port, request.service)) for port in dict.fromkeys(ports)]
    if target.is_domain:
        return services or [(SMTP.port, SMTP)]
    return services or [(service.port, service) for service in SERVICES]


def _service(port: int, stated: Service | None) -> Service:
    service = BY_PORT.get(port, stated)
    if service is None:
        names = ", ".join(each.name for each in KNOWN_SERVICES)
        raise InputError(
            f"port {port} is none of the mail ports", remedy=f"say --service ({names})"
        )
    return service
