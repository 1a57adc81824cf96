"""All chains that a server serves: one per kind of key, with a name sent and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from letterlock.findings.certificate import EXPIRES_SOON, fault_rule, remaining, urgency
from letterlock.findings.rule import define, per_role
from letterlock.findings.settings import DOVECOT, POSTFIX
from letterlock.model.certificate import Certificate, ChainFault
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.finding import Finding, Severity
from letterlock.model.tls_facts import ServedChain, Stapled
from letterlock.model.wording import Wording, joined

_FILES = (
    f"Postfix: {POSTFIX['chain-files']} (before 3.4: {POSTFIX['certificate']})",
    f"Dovecot: {DOVECOT['certificate']}",
)

CHAIN_ORDER = define(
    "chain-order",
    "The chain is out of order or holds what does not belong to it",
    "Each certificate should be followed by its issuer's. Many programs sort the chain themselves, "
    "some do not and refuse it; TLS 1.2 demands the order. Between servers hardly any sender "
    "verifies.",
    source="RFC 5246 section 7.4.2; RFC 8446 section 4.4.2",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=f"{_FILES[0]}: leaf first, then each issuer (letterlock cert bundle does it).",
    dovecot=f"{_FILES[1]}: leaf first, then each issuer (letterlock cert bundle does it).",
)
ROOT_SENT = define(
    "root-in-chain",
    "The root certificate is sent along",
    "Who trusts the root has it, who does not will not trust it for being sent: a kilobyte or two "
    "in every handshake for nothing.",
    source="RFC 8446 section 4.4.2",
    severity=Severity.INFO,
    postfix=f"{_FILES[0]}: leave the root out.",
    dovecot=f"{_FILES[1]}: leave the root out.",
)
NO_SNI = define(
    "certificate-without-sni",
    "A client that sends no name is served a certificate it cannot accept",
    "Old mail programs and many sending servers send no server name (SNI). They get the default "
    "certificate, which here is none for this name. Senders that verify (DANE, MTA-STS) send it.",
    source="RFC 9325 section 3.7; RFC 7672 section 8.1",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=f"{_FILES[0]}: the certificate of the name in MX as the default one, other names in "
    "tls_server_sni_maps.",
    dovecot=f"{_FILES[1]}: the main name's certificate outside any local_name block.",
)
NO_SCT = define(
    "no-certificate-transparency",
    "The certificate has no proof of being logged",
    "Publicly trusted certificates are logged (Certificate Transparency); browsers refuse those "
    "that are not, mail programs do not look yet. A private CA's have none.",
    source="RFC 6962 section 3.3; RFC 9162",
    severity=Severity.INFO,
    postfix="Get the certificate from a CA that embeds the timestamps, as public CAs do.",
)
MUST_STAPLE = define(
    "must-staple-not-stapled",
    "The certificate demands a stapled OCSP response and none is served",
    "Clients that honour the demand refuse the connection. Neither Postfix nor Dovecot can staple. "
    "Senders seldom look.",
    source="RFC 7633 section 4.2.3",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix="Get a new certificate without must-staple: letterlock cert csr makes the request.",
)
REVOKED = define(
    "certificate-revoked",
    "The certificate has been revoked",
    "The CA says, in the response the server itself sends or, with --online, where it was asked, "
    "that the certificate must not be trusted any more. Between servers it matters where DANE-TA "
    "or MTA-STS is used.",
    source="RFC 6960 section 2.2; RFC 9325 section 7.5",
    severity=per_role(Severity.HIGH, Severity.CRITICAL),
    postfix="Find out why; make a new key and get a new certificate: letterlock cert csr.",
)


def faults(facts: EndpointFacts) -> Iterator[Finding]:
    """What a relying party holds against chains other than the one already judged: that of a
    second kind of key. Those without a name sent have a finding of their own."""
    for served in _others(facts):
        for problem in served.verdict.problems:
            rule = fault_rule(problem.fault)
            text = Wording(
                "{key_type} chain: {problem}", key_type=served.key_type, problem=problem.text
            )
            yield rule.at(facts.endpoint, text)


def expires_soon(facts: EndpointFacts, at: datetime) -> Iterator[Finding]:
    for served in _others(facts):
        severity = urgency(served.chain[0], at)
        if severity is not None:
            text = Wording(
                "{key_type} certificate: {remaining}",
                key_type=served.key_type,
                remaining=remaining(served.chain[0], at),
            )
            yield EXPIRES_SOON.at(facts.endpoint, text, severity)


def order(facts: EndpointFacts) -> Iterator[Finding]:
    texts = dict.fromkeys(filter(None, map(_disorder, _chains(facts))))
    if texts:
        yield CHAIN_ORDER.at(facts.endpoint, joined("; ", texts))
    roots = dict.fromkeys(
        served.chain[-1].subject
        for served in _chains(facts)
        if len(served.chain) > 1 and served.chain[-1].self_issued
    )
    if roots:
        yield ROOT_SENT.at(facts.endpoint, joined(", ", roots))


def without_sni(facts: EndpointFacts) -> Iterator[Finding]:
    """Only where the same server does better when it is told the name."""
    accepted = [each.key_type for each in _chains(facts) if each.sni and each.verdict.accepted]
    bad = [each for each in _chains(facts) if each.sni is None and not each.verdict.accepted]
    if accepted and bad:
        text = joined(
            "; ",
            (
                Wording("{name}: {what}", name=each.key_type, what=problem.text)
                for each in bad
                for problem in each.verdict.problems
            ),
        )
        yield NO_SNI.at(facts.endpoint, text)


def transparency(facts: EndpointFacts) -> Iterator[Finding]:
    missing = [
        each.key_type
        for each in _named(facts)
        if each.verdict.accepted and isinstance(each.scts, int) and each.scts == 0
    ]
    if missing:
        text = Wording(
            "no signed certificate timestamp with {key_types}", key_types=joined(" and ", missing)
        )
        yield NO_SCT.at(facts.endpoint, text)


def stapling(facts: EndpointFacts) -> Iterator[Finding]:
    unstapled = [
        each.key_type
        for each in _chains(facts)
        if each.chain[0].must_staple and each.stapled is None
    ]
    if unstapled:
        types = joined(" and ", dict.fromkeys(unstapled))
        yield MUST_STAPLE.at(facts.endpoint, Wording("{key_types} certificate", key_types=types))
    revoked = [each.key_type for each in _chains(facts) if _revoked(each)]
    if revoked:
        text = Wording(
            "the stapled response says so of the {key_types} one",
            key_types=joined(" and ", dict.fromkeys(revoked)),
        )
        yield REVOKED.at(facts.endpoint, text)


def _chains(facts: EndpointFacts) -> list[ServedChain]:
    return [each for each in facts.tls.chains if each.chain] if facts.tls else []


def _named(facts: EndpointFacts) -> list[ServedChain]:
    """Those served to a client that sends the name; all where none was sent (an address)."""
    return [each for each in _chains(facts) if each.sni] or _chains(facts)


def _others(facts: EndpointFacts) -> list[ServedChain]:
    """Chains with the name sent whose leaf is not that of the full handshake, each leaf once."""
    seen = set()
    if isinstance(facts.handshake, Handshake) and facts.handshake.chain:
        seen.add(facts.handshake.chain[0].sha256)
    others = []
    for each in _named(facts):
        if each.chain[0].sha256 not in seen:
            seen.add(each.chain[0].sha256)
            others.append(each)
    return others


def _revoked(served: ServedChain) -> bool:
    return isinstance(served.stapled, Stapled) and served.stapled.status == "revoked"


def _disorder(served: ServedChain) -> str | None:
    """The first certificate that does not certify the one before it. An incomplete chain has a
    finding of its own."""
    if served.verdict.has(ChainFault.INCOMPLETE):
        return None
    for before, after in pairwise(served.chain):
        if before.issuer != after.subject:
            return Wording(
                "{after} follows {before}, which {issuer} issued",
                after=_name(after),
                before=_name(before),
                issuer=_name_of(before.issuer),
            )
    return None


def _name(certificate: Certificate) -> str:
    return _name_of(certificate.subject)


def _name_of(subject: str) -> str:
    return subject or Wording("(no subject)")
