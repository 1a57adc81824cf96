"""What would a sender do today that enforces MTA-STS (RFC 8461)?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.exchange import bogus
from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.dns_answer import Answer
from letterlock.model.dns_facts import DomainFacts, MailExchange
from letterlock.model.dns_promises import StsFacts, StsMode, StsPolicy
from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Role
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined

_RECORDS = "letterlock records prints record and policy"

MISSING = define(
    "mta-sts-missing",
    "MTA-STS: the domain has none",
    "Senders that do not do DANE (Gmail, Outlook.com, Yahoo) verify a mail server only where its "
    "domain has an MTA-STS policy; without, anyone on the way can take TLS away.",
    source="RFC 8461 section 2",
    severity=Severity.INFO,
    postfix=f"Publish a policy, first with mode testing: {_RECORDS}.",
)
BROKEN = define(
    "mta-sts-broken",
    "MTA-STS: senders find no policy, although one is announced",
    "The rules for the record, the web server and the policy are strict on purpose; what breaks "
    "one of them counts as no policy. Senders that fetched it before keep the old one until its "
    "max_age is over.",
    source="RFC 8461 sections 3.1, 3.2, 3.3",
    severity=Severity.MEDIUM,
    postfix="Mend what the evidence names. The policy belongs to "
    "https://mta-sts.DOMAIN/.well-known/mta-sts.txt, as text/plain, with a certificate for that "
    f"name and no redirect: {_RECORDS}.",
)
NOT_COVERED = define(
    "mta-sts-mx-not-covered",
    "MTA-STS: the policy does not name this mail server",
    "A sender that enforces MTA-STS delivers only to hosts that one of the policy's mx lines "
    "names; with no host left, mail waits and bounces after days.",
    source="RFC 8461 sections 4.1, 5.1",
    severity=Severity.HIGH,
    postfix="Add a line `mx: HOST` to the policy and give the record another id; or take the host "
    "out of the MX records.",
)
NOT_DELIVERED = define(
    "mta-sts-not-delivered",
    "MTA-STS: a sender that enforces the policy does not deliver here",
    "The host must offer STARTTLS with a certificate that is for its own name, has not expired, "
    "and leads to a root that senders know. Otherwise Gmail, Outlook.com and others try the next "
    "host, and bounce after days.",
    source="RFC 8461 sections 4.2, 5",
    severity=Severity.HIGH,
    postfix="Serve a certificate of a public CA for the MX host's name on port 25 (letterlock "
    "secure). If that takes time, set mode: testing with another id.",
)
TESTING = define(
    "mta-sts-testing",
    "MTA-STS: the policy is only a test",
    "Senders report what is wrong and deliver all the same. That is the way to begin, and "
    "protects nothing.",
    source="RFC 8461 section 5",
    severity=Severity.INFO,
    postfix="Once TLS reports show no failures, set mode: enforce and give the record another id.",
)
WITHDRAWN = define(
    "mta-sts-withdrawn",
    "MTA-STS: the policy says that there is none",
    "Mode none is the way to end MTA-STS: senders forget the policy that they had.",
    source="RFC 8461 section 8.3",
    severity=Severity.INFO,
    postfix="If MTA-STS is to end: once the old max_age is over, remove record and policy.",
)
SHORT = define(
    "mta-sts-short-lived",
    "MTA-STS: senders keep the policy for less than a day",
    "What is fetched anew so often can be suppressed as often. The RFC wants weeks or more.",
    source="RFC 8461 sections 3.2, 10.2",
    severity=Severity.LOW,
    postfix="Set max_age: 604800 (a week) or more, at most 31557600.",
)
IGNORED = define(
    "mta-sts-field-ignored",
    "MTA-STS: senders pass over a line of the policy",
    "Only the first version, mode and max_age count, and unknown fields do nothing: what was meant "
    "by the line does not happen.",
    source="RFC 8461 section 3.2",
    severity=Severity.LOW,
    postfix="Remove the line, or correct its name.",
)
UNUSED = define(
    "mta-sts-pattern-unused",
    "MTA-STS: an mx line of the policy matches no MX record",
    "Harmless while a host is being added. Otherwise it is a host that is gone, or a slip.",
    source="RFC 8461 section 4.1",
    severity=Severity.INFO,
    postfix="Remove the line where no such host is to come.",
)
_DAY = 86400
_MILDER = {StsMode.TESTING: Severity.LOW}


def policy(facts: DomainFacts) -> Iterator[Finding]:
    """Record and policy themselves."""
    sts = facts.sts
    if sts is None:
        return
    if isinstance(sts.record, Unknown):
        name = f"_mta-sts.{facts.domain}"
        text = Wording("TXT of {name}: {reason}", name=name, reason=sts.record.reason)
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)
        return
    yield from _bogus(sts)
    if sts.fault:
        yield BROKEN.of_server(_of(facts.domain, sts.fault), Severity.MEDIUM)
    elif isinstance(sts.policy, Unknown):
        text = Wording(
            "the policy of {domain}: {reason}", domain=facts.domain, reason=sts.policy.reason
        )
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)
    elif sts.policy is None:
        if not sts.record.bogus:
            text = Wording("no MTA-STS record at {name}", name=sts.record.name)
            yield MISSING.of_server(text, Severity.INFO)
    else:
        yield from _in_force(sts.policy, facts)


def _of(name: str, what: str) -> Wording:
    return Wording("{name}: {what}", name=name, what=what)


def _mode(domain: str, mode: StsMode) -> Wording:
    return Wording("{name}: mode {mode}", name=domain, mode=mode.value)


def _bogus(sts: StsFacts) -> Iterator[Finding]:
    """A sender that validates has neither record nor policy then."""
    if isinstance(sts.record, Answer):
        yield from bogus("TXT", sts.record)
    if sts.host is not None:
        for kind, known in (("A", sts.host.ipv4), ("AAAA", sts.host.ipv6)):
            if isinstance(known, Answer):
                yield from bogus(kind, known)


def _in_force(found: StsPolicy, facts: DomainFacts) -> Iterator[Finding]:
    for line in found.ignored:
        yield IGNORED.of_server(_of(facts.domain, line), Severity.LOW)
    if found.mode is StsMode.NONE:
        yield WITHDRAWN.of_server(_mode(facts.domain, found.mode), Severity.INFO)
        return
    if found.mode is StsMode.TESTING:
        yield TESTING.of_server(_mode(facts.domain, found.mode), Severity.INFO)
    if found.max_age < _DAY:
        yield SHORT.of_server(_of(facts.domain, f"max_age: {found.max_age}"), Severity.LOW)
    if isinstance(facts.exchange, MailExchange):
        yield from _hosts(found, facts.exchange, facts.domain)


def _hosts(found: StsPolicy, mail: MailExchange, domain: str) -> Iterator[Finding]:
    names = [host.name for host in mail.hosts if not host.is_literal]
    used = {found.pattern_for(name) for name in names}
    for pattern in found.mx:
        if pattern not in used and not mail.left_out:
            yield UNUSED.of_server(_of(domain, f"mx: {pattern}"), Severity.INFO)
    for name in names:
        if found.pattern_for(name) is None:
            text = Wording(
                "{name} matches none of {patterns} (mode {mode})",
                name=name,
                patterns=joined(", ", found.mx[:10]),
                mode=found.mode.value,
            )
            severity = _MILDER.get(found.mode, Severity.HIGH)
            yield NOT_COVERED.of_server(text, severity)


def delivery(target: TargetFacts) -> Iterator[Finding]:
    """Every endpoint of an MX host at which a sender that enforces the policy turns away; one that
    the policy does not name is not told of again."""
    host = target.host
    if host is None or host.sts is None or host.sts.pattern is None:
        return
    for each in target.endpoints:
        if each.endpoint.service.role is Role.MX and (reason := _turned_away(each)):
            text = Wording(
                "policy of {domain}, mode {mode}: {reason}",
                domain=host.sts.domain,
                mode=host.sts.mode.value,
                reason=reason,
            )
            yield NOT_DELIVERED.at(each.endpoint, text, _MILDER.get(host.sts.mode))


def _turned_away(each: EndpointFacts) -> str:
    """Why; empty where it delivers, and where that is not known."""
    match each.handshake:
        case None:
            return Wording("it offers no STARTTLS")
        case Unknown(cause=cause, reason=reason):
            # Nobody is reached, TLS or not: that is another finding.
            return reason if cause in _TLS_FAULTS else ""
    served = [one for one in (each.handshake, *each.further) if isinstance(one, Handshake)]
    verdicts = [one.verdict for one in served]
    verdicts += [one.verdict for one in each.tls.chains if one.sni] if each.tls else []
    reasons = (problem.text for verdict in verdicts for problem in verdict.problems)
    return joined("; ", dict.fromkeys(reasons))


_TLS_FAULTS = (Cause.STARTTLS_REFUSED, Cause.TLS_ALERT, Cause.TLS_ERROR)


def sts_determined(facts: DomainFacts) -> bool:
    """Whether the resolver answered what MTA-STS asks of it."""
    if facts.sts is None:
        return True
    unknown = isinstance(facts.sts.record, Unknown)
    return not unknown and not (isinstance(facts.sts.policy, Unknown) and not facts.sts.fault)
