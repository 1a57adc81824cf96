"""The same service in two ways: with STARTTLS and with TLS from the start, on two addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from letterlock.findings.rule import define
from letterlock.findings.words import some
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import MailProtocol, Role, port_words
from letterlock.model.tls_facts import ProtocolFacts, TlsFacts
from letterlock.model.wording import Wording, joined

PORTS_DIFFER = define(
    "ports-differ",
    "The port with STARTTLS and the one with TLS from the start differ",
    "Both serve the same users; what holds for one should hold for the other. Different versions, "
    "suites or groups are mostly a setting made in one place and forgotten in the other.",
    source="RFC 8314 section 3",
    severity=Severity.LOW,
    postfix="Postfix: compare the -o options of submission and submissions in master.cf; what "
    "belongs to both is better in main.cf.",
    dovecot="Dovecot: look for protocol, local and local_name blocks with ssl settings of their "
    "own.",
)
ADDRESSES_DIFFER = define(
    "addresses-differ",
    "Addresses of the same name differ",
    "Which one a client gets is chance: what it sees should not depend on it. Mostly one machine "
    "of several was not brought up to date, or a proxy stands before one.",
    source="RFC 9325 section 3.9",
    severity=Severity.LOW,
    postfix="Give all machines the same configuration: postconf -n and doveconf -n on each.",
)

#: What is compared, as a set of words; None where it is not known in full.
_Aspect = Callable[[EndpointFacts], frozenset[str] | None]


def _versions(facts: EndpointFacts) -> frozenset[str] | None:
    known = (
        [each for each in facts.tls.protocols if isinstance(each.offered, bool)]
        if facts.tls
        else []
    )
    return frozenset(_has(each) for each in known) or None


def _has(protocol: ProtocolFacts) -> str:
    return protocol.name if protocol.offered else Wording("no {what}", what=protocol.name)


def _suites(facts: EndpointFacts) -> frozenset[str] | None:
    if facts.tls is None:
        return None
    offered = [each for each in facts.tls.protocols if each.offered is True]
    if not offered or not all(each.complete for each in offered):
        return None
    return frozenset(suite for each in offered for suite in each.cipher_suites)


def _groups(facts: EndpointFacts) -> frozenset[str] | None:
    seen: tuple[TlsFacts, ...] = (facts.tls,) if facts.tls else ()
    all_ = [each for tls in seen for each in tls.groups]
    if not all_ or not all(each.complete for each in all_):
        return None
    return frozenset(group for each in all_ for group in each.groups)


def _capabilities(facts: EndpointFacts) -> frozenset[str] | None:
    """The keywords only: sizes and lists of mechanisms may be the port's own."""
    inside = facts.capabilities_inside
    if not isinstance(inside, tuple) or not inside:
        return None
    words = (each.split()[0].upper() for each in inside if each.split())
    return frozenset(word for word in words if word not in ("STARTTLS", "STLS"))


_TLS_ASPECTS: tuple[tuple[str, _Aspect], ...] = (
    (Wording("versions"), _versions),
    (Wording("suites"), _suites),
    (Wording("groups"), _groups),
)
_ASPECTS: tuple[tuple[str, _Aspect], ...] = (
    *_TLS_ASPECTS,
    (Wording("capabilities"), _capabilities),
)
_SHOWN = 3


def ports(target: TargetFacts) -> Iterator[Finding]:
    """Each address's pairs of ports for the same users: 587 and 465, 143 and 993, 110 and 995."""
    for first, second in combinations(target.endpoints, 2):
        if first.endpoint.address == second.endpoint.address and _serve_the_same(first, second):
            yield from _compared(first, second, by_address=False)


def addresses(target: TargetFacts) -> Iterator[Finding]:
    """Each port against the same port of the first address that answers."""
    firsts: dict[int, EndpointFacts] = {}
    for facts in target.endpoints:
        if all(aspect(facts) is None for _, aspect in _ASPECTS):
            continue
        first = firsts.setdefault(facts.endpoint.port, facts)
        if first is not facts:
            yield from _compared(first, facts, by_address=True)


def _serve_the_same(first: EndpointFacts, second: EndpointFacts) -> bool:
    one, other = first.endpoint.service, second.endpoint.service
    if one.protocol is not other.protocol or one.tls is other.tls:
        return False
    return one.protocol is not MailProtocol.SMTP or (one.role is other.role is Role.SUBMISSION)


def _compared(
    first: EndpointFacts, second: EndpointFacts, *, by_address: bool
) -> Iterator[Finding]:
    differing = {
        name: text
        for name, aspect in _ASPECTS
        if (text := _difference(first, second, aspect, by_address=by_address))
    }
    if not differing:
        return
    text = joined(
        "; ",
        (Wording("{name}: {what}", name=name, what=what) for name, what in differing.items()),
    )
    severity = Severity.INFO if set(differing) == {"capabilities"} else Severity.LOW
    rule = ADDRESSES_DIFFER if by_address else PORTS_DIFFER
    yield rule.of_server(text, severity)


def _difference(
    first: EndpointFacts, second: EndpointFacts, aspect: _Aspect, *, by_address: bool
) -> str | None:
    one, other = aspect(first), aspect(second)
    if one is None or other is None or one == other:
        return None
    parts = []
    for facts, own in ((first, one - other), (second, other - one)):
        place = str(facts.endpoint) if by_address else port_words([facts.endpoint.port])
        if own:
            parts.append(
                Wording("only {place} has {names}", place=place, names=some(sorted(own), _SHOWN))
            )
    return joined(", ", parts)
