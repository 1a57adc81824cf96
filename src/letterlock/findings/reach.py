"""Can it be reached at all, and was an answer to be had?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from letterlock.findings.revocation import gaps
from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE, told, withheld
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined

PORT_CLOSED = define(
    "port-closed",
    "The port is not offered",
    "Nothing listens on this port. A mail server need not offer all seven: 465 and 587 are two "
    "ways to submit, POP3 is often left out, and RFC 8314 prefers 993 and 995 to 143 and 110.",
    source="RFC 8314 section 3",
    severity=Severity.INFO,
    postfix="If it should be offered: enable its service in master.cf.",
    dovecot="If it should be offered: add its protocol to `protocols`, or its inet_listener.",
)
NOT_REACHABLE = define(
    "not-reachable",
    "The port does not answer",
    "The connection was neither accepted nor refused. A firewall on the way drops it, or there is "
    "no route; many providers block port 25 towards the outside.",
    source="RFC 1122 section 4.2.3.5",
    severity=Severity.INFO,
    postfix="If it should be offered: look at firewalls on both sides.",
)
ADDRESS_NOT_REACHABLE = define(
    "address-not-reachable",
    "An address of the server answers on no port",
    "The name has several addresses; one of them offers no mail service at all while another "
    "does. Clients that try it first wait, and some give up.",
    source="RFC 8305 section 5",
    severity=Severity.LOW,
    postfix="Take the address out of DNS, or make the servers listen on it "
    "(Postfix: inet_interfaces, inet_protocols).",
    dovecot="Dovecot: listen = *, ::",
)
#: Obstacles that are faults of the server's TLS and have findings of their own (`tls`).
FAULTS = frozenset(
    {
        Cause.STARTTLS_REFUSED,
        Cause.TLS_ALERT,
        Cause.TLS_ERROR,
        Cause.PLAIN_ON_TLS_PORT,
        Cause.TLS_ON_PLAIN_PORT,
    }
)


def answered(facts: EndpointFacts) -> bool:
    """Whether a connection came about and the server said anything at all."""
    return (
        isinstance(facts.greeting, Greeting)
        or isinstance(facts.handshake, Handshake)
        or (
            isinstance(facts.handshake, Unknown)
            and facts.handshake.cause not in (*_NO_CONNECTION, Cause.INTERRUPTED)
        )
    )


_NO_CONNECTION = (Cause.CONNECTION_REFUSED, Cause.UNREACHABLE, Cause.NO_ANSWER)


def reach(facts: EndpointFacts) -> Iterator[Finding]:
    """Closed, unreachable, lost on the way, or not to be had in full."""
    obstacle = _obstacle(facts)
    if obstacle is None or obstacle.cause in FAULTS:
        missing = told(facts.tls) if facts.tls else None
        if missing:
            yield COULD_NOT_DETERMINE.at(facts.endpoint, missing)
    elif facts.closed:
        yield PORT_CLOSED.at(facts.endpoint, obstacle.reason)
    elif obstacle.cause in _NO_CONNECTION:
        yield NOT_REACHABLE.at(facts.endpoint, obstacle.reason)
    else:
        missing = told(facts.tls) if facts.tls else None
        text = joined("; ", filter(None, (obstacle.reason, missing)))
        yield COULD_NOT_DETERMINE.at(facts.endpoint, text)


def addresses(target: TargetFacts) -> Iterator[Finding]:
    """An address on which nothing answers beside one on which something does."""
    by_address: defaultdict[str, list[EndpointFacts]] = defaultdict(list)
    for facts in target.endpoints:
        by_address[facts.endpoint.address].append(facts)
    dead = [address for address, all_ in by_address.items() if not any(map(answered, all_))]
    if len(dead) == len(by_address):
        return
    for address in dead:
        if not any(_has_no_route(facts) for facts in by_address[address]):
            text = Wording(
                "{address}: none of {ports} ports answers",
                address=address,
                ports=len(by_address[address]),
            )
            yield ADDRESS_NOT_REACHABLE.of_server(text, Severity.LOW)


def determined(target: TargetFacts, asked_for_ports: bool) -> bool:
    """Whether everything that was asked has an answer. A closed port is one, unless the user named
    the port, or unless there is no open one."""
    if not any(map(answered, target.endpoints)):
        return False
    if asked_for_ports and not all(map(answered, target.endpoints)):
        return False
    return not any(map(_kept_back, target.endpoints)) and not gaps(target)


def _kept_back(facts: EndpointFacts) -> bool:
    obstacle = _obstacle(facts)
    if obstacle is not None and obstacle.cause not in (*FAULTS, *_NO_CONNECTION):
        return not facts.closed
    return facts.tls is not None and withheld(facts.tls)


def _obstacle(facts: EndpointFacts) -> Unknown | None:
    """The first thing that could not be had; what follows from it is not counted again."""
    for known in (facts.greeting, facts.handshake, facts.capabilities_inside):
        if isinstance(known, Unknown) and known.cause is not Cause.NOT_REACHED:
            return known
    return None


def _has_no_route(facts: EndpointFacts) -> bool:
    return isinstance(facts.handshake, Unknown) and facts.handshake.cause is Cause.UNREACHABLE
