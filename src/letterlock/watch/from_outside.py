"""`check` of the machine's own ports at the addresses that others reach, as a part of a look."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from letterlock.certs.trust import TrustStore
from letterlock.check.run import Checked, Request, Unresolved, check_all
from letterlock.findings.reach import determined
from letterlock.install.private_init import own_addresses
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.model.tls_facts import Depth
from letterlock.probe.examine import Manners
from letterlock.probe.limits import Limits
from letterlock.probe.resolve import parse_target
from letterlock.watch.fault import CHECK, Fault, of_finding
from letterlock.watch.look import Part
from letterlock.watch.on_the_machine import OnTheMachine

#: A machine with containers has many addresses, and all of them lead to the same servers.
MOST_ADDRESSES = 4
#: One's own server, over one's own interface. postscreen(8) greets after six seconds.
_MANNERS = Manners(limits=Limits.within(15), max_seconds=300)


def outside_addresses() -> tuple[str, ...]:
    """This machine's addresses beside loopback and link-local ones, and those of a day, with which
    every fault would end and begin anew; the world's first, at most MOST_ADDRESSES."""
    own = [ipaddress.ip_address(each) for each in dict.fromkeys(own_addresses(lasting=True))]
    useful = [each for each in own if not (each.is_loopback or each.is_link_local)]
    useful.sort(key=lambda each: not each.is_global)
    return tuple(map(str, useful[:MOST_ADDRESSES]))


def look_from_outside(
    addresses: Sequence[str],
    trust: TrustStore,
    machine: OnTheMachine,
    tell_from: Severity,
    report: Callable[[str], None],
) -> Part:
    """What `check` finds there at or above `tell_from`, asking little (`--depth verdict`); an
    address on which nothing listens has nothing to say."""
    if not addresses:
        return Part(CHECK)
    report("looking from outside")
    request = Request(trust, name=machine.name, depth=Depth.VERDICT, manners=_MANNERS)
    checked: list[Checked] = []

    def done(result: Checked | Unresolved) -> None:
        if isinstance(result, Checked):
            checked.append(result)

    if check_all([parse_target(each) for each in addresses], request, done=done):
        raise KeyboardInterrupt
    return Part(
        CHECK,
        tuple(fault for each in checked for fault in _faults(each, machine, tell_from)),
        blind=frozenset(place for each in checked for place in _blind(each, machine.ports)),
        unknown=tuple(text for each in checked for text in _unknown(each)),
    )


def _faults(checked: Checked, machine: OnTheMachine, tell_from: Severity) -> Iterator[Fault]:
    """Without a name to verify a certificate is not held against the bare address."""
    for each in checked.findings:
        nameless = machine.name is None and each.id == "name-mismatch"
        if each.severity.at_least(tell_from) and not nameless:
            yield of_finding(CHECK, each, checked.facts.target)


def _blind(checked: Checked, ports: frozenset[int] | None) -> Iterator[str]:
    for each in checked.facts.endpoints:
        gone = each.closed and ports is not None and each.endpoint.port not in ports
        if not gone and not _seen(checked, each):
            yield str(each.endpoint)
    if not checked.determined:
        yield checked.facts.target


def _unknown(checked: Checked) -> Iterator[str]:
    for each in checked.facts.endpoints:
        if not each.closed and not _seen(checked, each):
            yield f"all of what {each.endpoint} offers"


def _seen(checked: Checked, facts: EndpointFacts) -> bool:
    return determined(replace(checked.facts, endpoints=(facts,)), asked_for_ports=False)
