"""Does DNS lead a domain's mail to hosts that can take it, and can its answers be believed?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.dns_answer import Answer, HostAddresses, ResolverFacts, Security
from letterlock.model.dns_facts import DomainFacts, MailExchange
from letterlock.model.facts import TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, counted, joined

NO_MAIL = define(
    "domain-takes-no-mail",
    "The domain says that it takes no mail",
    "A null MX: senders give up at once instead of trying for days, which is right for a domain "
    "without mailboxes.",
    source="RFC 7505 section 3",
    severity=Severity.INFO,
    postfix="If it should take mail: replace `MX 0 .` by a record that names the mail server.",
)
NULL_MX_AMONG_OTHERS = define(
    "null-mx-among-others",
    "A null MX stands beside other MX records",
    "A domain that takes no mail must have no other MX record: senders may take "
    "either at its word.",
    source="RFC 7505 section 3",
    severity=Severity.MEDIUM,
    postfix="Remove the record `MX 0 .`, or all others.",
)
MX_MISSING = define(
    "mx-missing",
    "The domain has neither MX record nor address",
    "No mail can reach it.",
    source="RFC 5321 section 5.1",
    severity=Severity.HIGH,
    postfix="Publish an MX record that names the mail server. A domain without mailboxes says "
    "so with `MX 0 .`.",
)
MX_IMPLICIT = define(
    "mx-implicit",
    "The domain has no MX record: its own address takes the mail",
    "Senders fall back to the domain's address, often a web server's. Mail works until the address "
    "moves; spam filters count it as a sign of neglect.",
    source="RFC 5321 section 5.1",
    severity=Severity.LOW,
    postfix="Publish an MX record that names the mail server.",
)
MX_ALIAS = define(
    "mx-is-alias",
    "An MX record names an alias",
    "The name in an MX record must have addresses itself, not a CNAME. Some senders refuse it, and "
    "DANE looks for its records in two places.",
    source="RFC 2181 section 10.3; RFC 5321 section 5.1",
    severity=Severity.MEDIUM,
    postfix="Name the host that the CNAME leads to in the MX record.",
)
MX_ADDRESS = define(
    "mx-is-address",
    "An MX record names an address instead of a host",
    "An MX record holds a host name. What looks like an address is looked up as a name, and does "
    "not exist.",
    source="RFC 1035 section 3.3.9; RFC 5321 section 5.1",
    severity=Severity.HIGH,
    postfix="Give the address a host name (A, AAAA) and name that in the MX record.",
)
MX_UNRESOLVED = define(
    "mx-without-address",
    "A host named in an MX record has no address",
    "Senders pass it over; where it is the only one, no mail arrives.",
    source="RFC 5321 section 5.1",
    severity=Severity.MEDIUM,
    postfix="Publish the host's A and AAAA records, or remove the MX record that names it.",
)
DNSSEC_BOGUS = define(
    "dnssec-bogus",
    "DNSSEC: the signatures are broken",
    "A resolver that validates gives no answer at all: for everyone behind one the name does not "
    "resolve, and mail waits in queues until it bounces.",
    source="RFC 4035 section 5.5; RFC 4033 section 5",
    severity=Severity.HIGH,
    postfix="Sign the zone again before anything else; see that its DS record at the parent "
    "matches a key of the zone, and that the signer's clock and timer run.",
)
DNSSEC_INSECURE = define(
    "dnssec-missing",
    "DNSSEC: answers are not signed",
    "Whoever can forge DNS answers can lead mail elsewhere, and DANE needs signatures: without "
    "them its records count for nothing.",
    source="RFC 7672 section 2.1.1",
    severity=Severity.LOW,
    postfix="Have the zone signed (most DNS hosts do it at a switch), and its DS record entered at "
    "the registrar.",
)
NOT_VALIDATING = define(
    "resolver-does-not-validate",
    "The resolver asked does not validate",
    "It was tried with a name whose signatures are broken, and gave it out. Whether answers are "
    "secure cannot be said here; nor could a Postfix that asks this resolver use DANE.",
    source="RFC 7672 section 2.1.1; RFC 4035 section 4.9.3",
    severity=Severity.INFO,
    postfix="Ask one that validates: --resolver ADDRESS. On a mail server that is to use DANE, run "
    "one locally (unbound).",
)


def exchange(facts: DomainFacts) -> Iterator[Finding]:
    """The MX records themselves."""
    mail = facts.exchange
    if isinstance(mail, Unknown):
        yield COULD_NOT_DETERMINE.of_server(
            Wording("MX of {domain}: {reason}", domain=facts.domain, reason=mail.reason),
            Severity.INFO,
        )
        return
    if mail.null:
        others = [one.exchange for one in mail.records.records if one.exchange != "."]
        if others:
            text = Wording(
                "{domain}: `.` and {others}", domain=facts.domain, others=joined(", ", others)
            )
            yield NULL_MX_AMONG_OTHERS.of_server(text, Severity.MEDIUM)
        else:
            yield NO_MAIL.of_server(
                Wording("{name}: {what}", name=facts.domain, what="MX 0 ."), Severity.INFO
            )
    if mail.implicit:
        yield from _implicit(facts.domain, mail.hosts[0])
    else:
        yield from _hosts(mail)
    if mail.left_out:
        text = counted(
            "{domain}: {count} more MX host is not looked at",
            "{domain}: {count} more MX hosts are not looked at",
            mail.left_out,
            domain=facts.domain,
        )
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)


def _implicit(domain: str, host: HostAddresses) -> Iterator[Finding]:
    if host.addresses:
        text = Wording(
            "{domain}: no MX; {addresses}", domain=domain, addresses=joined(", ", host.addresses)
        )
        yield MX_IMPLICIT.of_server(text, Severity.LOW)
    elif _has_none(host):
        yield MX_MISSING.of_server(
            Wording("{domain}: no MX, no A, no AAAA", domain=domain), Severity.HIGH
        )


def _hosts(mail: MailExchange) -> Iterator[Finding]:
    reachable = any(host.addresses for host in mail.hosts)
    for host in mail.hosts:
        if host.is_literal:
            yield MX_ADDRESS.of_server(host.name, Severity.HIGH)
            continue
        if host.aliases:
            text = Wording(
                "{name} is an alias of {target}", name=host.name, target=" → ".join(host.aliases)
            )
            yield MX_ALIAS.of_server(text, Severity.MEDIUM)
        if _has_none(host):
            severity = Severity.MEDIUM if reachable else Severity.HIGH
            yield MX_UNRESOLVED.of_server(_absent(host), severity)
        for known in (host.ipv4, host.ipv6):
            if isinstance(known, Unknown) and known.cause is not Cause.NOT_APPLICABLE:
                yield unanswered(host.name, known)


def unanswered(name: str, known: Unknown) -> Finding:
    """An address that the resolver does not tell."""
    text = Wording("{name}: {what}", name=name, what=known.reason)
    return COULD_NOT_DETERMINE.of_server(text, Severity.INFO)


def _has_none(host: HostAddresses) -> bool:
    """Known to have no address: neither an answer missing nor a bogus one."""
    known = (host.ipv4, host.ipv6)
    return all(isinstance(one, Answer) and not one.bogus for one in known) and not host.addresses


def _absent(host: HostAddresses) -> str:
    if isinstance(host.ipv4, Answer) and host.ipv4.exists:
        return Wording("{name} has neither A nor AAAA record", name=host.name)
    return Wording("{name} does not exist", name=host.name)


def security(facts: DomainFacts) -> Iterator[Finding]:
    """DNSSEC of what leads to the hosts. Where the resolver does not validate nothing is said of
    it."""
    yield from _resolver(facts.resolver)
    if isinstance(facts.exchange, Unknown):
        return
    yield from bogus("MX", facts.exchange.records)
    for host in facts.exchange.hosts:
        for kind, known in (("A", host.ipv4), ("AAAA", host.ipv6)):
            if isinstance(known, Answer):
                yield from bogus(kind, known)
    unsigned = tuple(dict.fromkeys(_unsigned(facts.exchange)))
    if unsigned:
        yield DNSSEC_INSECURE.of_server(joined(", ", unsigned), Severity.LOW)


def _resolver(resolver: ResolverFacts) -> Iterator[Finding]:
    if resolver.validates is False:
        yield NOT_VALIDATING.of_server(resolver.address, Severity.INFO)
    elif isinstance(resolver.validates, Unknown):
        text = Wording(
            "whether {resolver} validates: {reason}",
            resolver=resolver.address,
            reason=resolver.validates.reason,
        )
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)


def bogus(kind: str, answer: Answer[object]) -> Iterator[Finding]:
    """Where its signatures are broken."""
    if answer.bogus:
        text = Wording(
            "{kind} of {name}: given only without validation", kind=kind, name=answer.name
        )
        if answer.why:
            text = Wording("{text} ({why})", text=text, why=answer.why)
        yield DNSSEC_BOGUS.of_server(text, Severity.HIGH)


def _unsigned(mail: MailExchange) -> Iterator[str]:
    if mail.records.security is Security.INSECURE:
        yield Wording("MX of {domain}", domain=mail.records.name)
    for host in () if mail.implicit else mail.hosts:
        known = [one for one in (host.ipv4, host.ipv6) if isinstance(one, Answer)]
        if any(one.security is Security.INSECURE for one in known):
            yield Wording("addresses of {name}", name=host.name)


def domain_determined(facts: DomainFacts) -> bool:
    """Whether the resolver answered everything that leads to the hosts."""
    mail = facts.exchange
    if isinstance(mail, Unknown) or mail.left_out:
        return False
    asked = [one for host in mail.hosts for one in (host.ipv4, host.ipv6)]
    return not any(
        isinstance(one, Unknown) and one.cause is not Cause.NOT_APPLICABLE for one in asked
    )


def host_security(target: TargetFacts) -> Iterator[Finding]:
    """The same for a host that is a target of its own; an MX host's stands with its domain."""
    host = target.host
    if host is None or host.domain is not None:
        return
    if not host.promises:
        yield from _resolver(host.resolver)
    for kind, known in (("A", host.addresses.ipv4), ("AAAA", host.addresses.ipv6)):
        if isinstance(known, Answer):
            yield from bogus(kind, known)
        elif known.cause is not Cause.NOT_APPLICABLE:
            yield unanswered(host.name, known)
