"""Does anybody tell the domain of mail that could not be delivered over TLS (RFC 8460)?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.exchange import bogus
from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.dns_facts import DomainFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording

MISSING = define(
    "tls-rpt-missing",
    "TLS reporting: the domain wants no reports",
    "Google, Microsoft and others report once a day what MTA-STS and DANE kept from being "
    "delivered, to who asks for it. Without, a fault shows when a sender calls.",
    source="RFC 8460 section 3",
    severity=Severity.INFO,
    postfix="Publish a TXT record at _smtp._tls: `v=TLSRPTv1; rua=mailto:ADDRESS` (letterlock "
    "records).",
)
BROKEN = define(
    "tls-rpt-broken",
    "TLS reporting: the record cannot be used",
    "Nobody sends reports by it.",
    source="RFC 8460 section 3",
    severity=Severity.LOW,
    postfix="One TXT record at _smtp._tls: `v=TLSRPTv1; rua=mailto:ADDRESS` (letterlock records).",
)


def reporting(facts: DomainFacts) -> Iterator[Finding]:
    """The record of a domain."""
    found = facts.tls_rpt
    if found is None:
        return
    if isinstance(found.record, Unknown):
        name = f"_smtp._tls.{facts.domain}"
        text = Wording("TXT of {name}: {reason}", name=name, reason=found.record.reason)
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)
        return
    yield from bogus("TXT", found.record)
    if found.fault:
        text = Wording("{name}: {what}", name=found.record.name, what=found.fault)
        yield BROKEN.of_server(text, Severity.LOW)
    elif not found.addresses and not found.record.bogus:
        text = Wording("no TLS-RPT record at {name}", name=found.record.name)
        yield MISSING.of_server(text, Severity.INFO)
