"""Would the CA that issued the certificates issue them again (RFC 8659)?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.exchange import bogus
from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.dns_answer import Answer
from letterlock.model.dns_facts import HostDns
from letterlock.model.dns_promises import CAA_TAGS, CaaRecord
from letterlock.model.facts import TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording

FORBIDDEN = define(
    "caa-forbids-renewal",
    "CAA: the records do not let this certificate's CA issue",
    "A CA looks at the CAA records each time. The certificate stays valid; its renewal is refused.",
    source="RFC 8659 section 4.2",
    severity=Severity.MEDIUM,
    postfix='Add a record `0 issue "DOMAIN"` with the domain of the CA that is used (letterlock '
    "records prints it), or renew with a CA that is named.",
)
FAILS = define(
    "caa-lookup-fails",
    "CAA: the question fails",
    "A CA that cannot tell whether it may issue must not: renewals are refused.",
    source="RFC 8659 section 3; Baseline Requirements section 3.2.2.8",
    severity=Severity.MEDIUM,
    postfix="See that every name server of the zone answers for CAA; old name servers and "
    "firewalls drop types that they do not know.",
)
BROKEN = define(
    "caa-malformed",
    "CAA: a record cannot be read",
    "CAs take an issue record that they cannot read for a ban on all of them.",
    source="RFC 8659 section 4.2; RFC 8657 sections 3, 4",
    severity=Severity.LOW,
    postfix='Write it as `0 issue "letsencrypt.org"`, conditions after a semicolon: '
    '`0 issue "letsencrypt.org; validationmethods=dns-01"`.',
)
UNKNOWN_TAG = define(
    "caa-unknown-tag",
    "CAA: a record has a tag that CAs do not know",
    "Most often a slip, such as issuewildcard: the record does nothing, unless it is critical "
    "(flag 128): then no CA may issue.",
    source="RFC 8659 sections 4.1, 4.5",
    severity=Severity.LOW,
    postfix="Correct or remove it; the tags are issue, issuewild, issuemail, issuevmc, iodef, "
    "contactemail and contactphone.",
)
MISSING = define(
    "caa-missing",
    "CAA: any CA may issue for this host",
    "One record keeps every CA but one's own from issuing for the domain, by mistake or for "
    "somebody who has got hold of it.",
    source="RFC 8659 section 1",
    severity=Severity.INFO,
    postfix='Publish `0 issue "DOMAIN"` with the domain of the CA that is used: letterlock records '
    "prints it.",
)


def caa(target: TargetFacts) -> Iterator[Finding]:
    """The records of a host, and the issuers of what it serves."""
    host = target.host
    if host is None or host.caa is None:
        return
    answers = {host.caa.found, host.caa.wildcard}
    if isinstance(host.caa.found, Unknown):
        yield from _failing(host, host.caa.found)
        return
    if host.caa.found.bogus:
        yield from bogus("CAA", host.caa.found)
        return
    if not host.caa.found.records:
        text = Wording("no CAA record at {name} or above it", name=host.name)
        yield MISSING.of_server(text, Severity.INFO)
    found = {one.name: one for one in answers if isinstance(one, Answer)}
    for answer in found.values():
        for record in answer.records:
            yield from _record(answer.name, record)
    for match in host.issuers:
        if match.why_not:
            text = Wording(
                "{name}, issued by {issuer}: {reason}",
                name=match.name,
                issuer=match.issuer or Wording("a CA without name"),
                reason=match.why_not,
            )
            yield FORBIDDEN.of_server(text, Severity.MEDIUM)


def _failing(host: HostDns, known: Unknown) -> Iterator[Finding]:
    """Where everything else was answered it is the zone's name servers, not the resolver. What only
    we cannot read may be no obstacle to a CA."""
    answered = isinstance(host.addresses.ipv4, Answer) or isinstance(host.addresses.ipv6, Answer)
    text = Wording("CAA of {name}: {reason}", name=host.name, reason=known.reason)
    if answered and known.cause is not Cause.BROKEN_DIALOGUE:
        yield FAILS.of_server(text, Severity.MEDIUM)
    else:
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)


def _record(name: str, record: CaaRecord) -> Iterator[Finding]:
    if record.fault:
        text = Wording("{name}: {record}: {reason}", name=name, record=record, reason=record.fault)
        yield BROKEN.of_server(text, Severity.LOW)
    elif record.tag not in CAA_TAGS:
        severity = Severity.MEDIUM if record.critical else Severity.LOW
        text = Wording("{name}: {what}", name=name, what=str(record))
        yield UNKNOWN_TAG.of_server(text, severity)
