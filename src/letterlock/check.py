"""target → endpoints → facts → findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from letterlock.certs.trust import TrustStore
from letterlock.findings.assess import assess
from letterlock.findings.reach import determined
from letterlock.model.errors import InputError
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.service import BY_PORT, SERVICES, Endpoint, Service, TlsMode
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import Verdict
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from letterlock.probe.resolve import Family, Target, resolve


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of each target. `name` is sent as SNI and verified, by default the target's own;
    `ports` are those to visit instead of all seven; `service` is what listens on ports that are
    none of the seven."""

    trust: TrustStore
    name: str | None = None
    ports: tuple[int, ...] = ()
    service: Service | None = None
    family: Family = Family.BOTH
    limits: Limits = field(default_factory=Limits)
    ehlo_name: str | None = None


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


def endpoints_of(target: Target, request: Request) -> tuple[Endpoint, ...]:
    """Where to look: every address of the target, on the ports asked for, address by address.

    Raises InputError for a port that could be any service, UndeterminedError where the name does
    not resolve."""
    ports = (target.port,) if target.port is not None else request.ports
    services = [(port, _service(port, request.service)) for port in dict.fromkeys(ports)]
    if not services:
        services = [(service.port, service) for service in SERVICES]
    addresses = resolve(target, request.family)
    return tuple(
        Endpoint(address, port, service) for address in addresses for port, service in services
    )


def check(
    target: Target,
    request: Request,
    endpoints: Sequence[Endpoint],
    progress: Callable[[EndpointFacts], None] | None = None,
) -> Checked:
    """Visit `endpoints` and judge what is seen. A KeyboardInterrupt ends the visits, not the
    judgement: what was not reached by then is Unknown."""
    name = request.name or target.name
    started, clock = datetime.now(UTC), time.monotonic()
    seen: dict[Endpoint, EndpointFacts] = {}

    def note(facts: EndpointFacts) -> None:
        seen[facts.endpoint] = facts
        if progress is not None:
            progress(facts)

    interrupted = False
    try:
        observe(
            endpoints,
            name,
            request.trust,
            request.limits,
            ehlo_name=request.ehlo_name,
            progress=note,
            at=started,
        )
    except KeyboardInterrupt:
        interrupted = True
    facts = TargetFacts(
        target=target.text,
        name=name,
        started=started,
        seconds=time.monotonic() - clock,
        endpoints=tuple(
            seen.get(endpoint) or _interrupted(endpoint, name) for endpoint in endpoints
        ),
        connections=sum(1 for one in seen.values() if not one.closed),
    )
    asked_for_ports = target.port is not None or bool(request.ports)
    return Checked(facts, assess(facts), determined(facts, asked_for_ports), interrupted)


def _service(port: int, stated: Service | None) -> Service:
    service = BY_PORT.get(port, stated)
    if service is None:
        names = ", ".join(each.name for each in SERVICES)
        raise InputError(
            f"port {port} is none of the seven mail ports", remedy=f"say --service ({names})"
        )
    return service


def _interrupted(endpoint: Endpoint, name: str) -> EndpointFacts:
    unknown = Unknown("the run was interrupted before", Cause.INTERRUPTED)
    greeting = None if endpoint.service.tls is TlsMode.IMPLICIT else unknown
    return EndpointFacts(endpoint, name, greeting, unknown, unknown)
