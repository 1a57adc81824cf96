"""Does what a domain tells its users' mail programs hold?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.exchange import bogus, unanswered
from letterlock.findings.reach import FAULTS, answered
from letterlock.findings.rule import define
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.certificate import ChainFault
from letterlock.model.dns_answer import Answer, HostAddresses
from letterlock.model.dns_facts import DomainFacts
from letterlock.model.dns_promises import SRV_SERVICES, ClientFacts, ServicePromise
from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, counted

HOST_MISSING = define(
    "promised-host-missing",
    "Mail programs are sent to a host that has no address",
    "Setting up an account fails, or takes another way after a time.",
    source="RFC 6186 section 4; RFC 2782",
    severity=Severity.MEDIUM,
    postfix="Give the host an address, or correct the SRV record or the autoconfig page that names "
    "it.",
)
PORT_SILENT = define(
    "promised-port-silent",
    "Mail programs are sent to a port that does not answer",
    "Programs that set themselves up by SRV records or autoconfig fail, or wait.",
    source="RFC 6186 section 4; RFC 8314 section 5.1",
    severity=Severity.MEDIUM,
    postfix="Open the port (letterlock secure), or remove what promises it.",
)
WITHOUT_TLS = define(
    "promised-tls-missing",
    "Mail programs are promised TLS where there is none",
    "Those that keep to it cannot log in; the others send the password in the clear.",
    source="RFC 8314 sections 3, 5.1",
    severity=Severity.HIGH,
    postfix="Offer TLS there (letterlock secure).",
)
NAME_NOT_COVERED = define(
    "promised-name-not-covered",
    "The certificate is not for the name that mail programs are sent to",
    "They verify the certificate by the name that they were told, and warn or refuse.",
    source="RFC 6186 section 6; RFC 8314 section 5.1",
    severity=Severity.MEDIUM,
    postfix="Get a certificate that has the promised name too, or promise a name that it has.",
)
IN_CLEAR = define(
    "clients-told-to-go-without-tls",
    "Mail programs are told to log in without TLS",
    "The autoconfig page says socketType plain: passwords go in the clear.",
    source="RFC 8314 section 3",
    severity=Severity.HIGH,
    postfix="Say SSL (465, 993, 995) or STARTTLS (587) on the page, and offer it.",
)
PAGE_BROKEN = define(
    "client-page-broken",
    "A page for mail programs is broken",
    "Thunderbird and others set an account up by autoconfig, Outlook by Autodiscover. What they "
    "find here they cannot use.",
    source="Thunderbird's autoconfig; RFC 6186 section 6",
    severity=Severity.LOW,
    postfix="Mend what the evidence names, or remove the page or the record that leads to it.",
)
PAGE_IN_CLEAR = define(
    "client-page-without-tls",
    "Mail programs get their settings without TLS",
    "There is no such page over HTTPS, and Thunderbird takes the one over HTTP: whoever is on the "
    "way writes other servers into it, and the password goes there.",
    source="draft-ietf-mailmaint-autoconfig; RFC 8314 section 3",
    severity=Severity.MEDIUM,
    postfix="Serve the page over HTTPS too, with a certificate for that name.",
)
ALIAS = define(
    "srv-names-alias",
    "An SRV record names an alias",
    "The target must have addresses itself, not a CNAME; some resolvers and programs refuse it.",
    source="RFC 2782",
    severity=Severity.LOW,
    postfix="Name the host that the CNAME leads to.",
)
NO_SRV = define(
    "srv-missing",
    "Mail programs are told nothing about TLS ports",
    "SRV records for submission and IMAP let programs find the servers by the address alone, and "
    "go to the ports that have TLS from the first byte.",
    source="RFC 6186 section 3; RFC 8314 section 5.1",
    severity=Severity.INFO,
    postfix="Publish _submissions._tcp and _imaps._tcp: letterlock records prints them.",
)


def promised(facts: DomainFacts) -> Iterator[Finding]:
    """The promises themselves."""
    found = facts.clients
    if found is None:
        return
    yield from _records(found, facts.domain)
    for page in (*found.autoconfig, *found.autodiscover):
        if page.broken:
            text = Wording("{name}: {what}", name=page.url, what=page.why)
            yield PAGE_BROKEN.of_server(text, Severity.LOW)
        if not page.secure:
            yield PAGE_IN_CLEAR.of_server(page.url, Severity.MEDIUM)
    for promise in found.promises:
        if not promise.tls:
            yield IN_CLEAR.of_server(_words(promise), Severity.HIGH)
    for host in found.hosts:
        told = [one for one in found.promises if one.host == host.name]
        yield from _host(host, told)
    if found.left_out:
        text = counted(
            "{domain}: {count} more promise is not looked at",
            "{domain}: {count} more promises are not looked at",
            found.left_out,
            domain=facts.domain,
        )
        yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)


def _records(found: ClientFacts, domain: str) -> Iterator[Finding]:
    for each in found.srv:
        if isinstance(each.answer, Unknown):
            name = f"{each.service}.{domain}"
            text = Wording("SRV of {name}: {reason}", name=name, reason=each.answer.reason)
            yield COULD_NOT_DETERMINE.of_server(text, Severity.INFO)
        else:
            yield from bogus("SRV", each.answer)
    mail = [each.answer for each in found.srv if each.service in SRV_SERVICES]
    if all(isinstance(one, Answer) and not one.records for one in mail):
        text = Wording("{domain} has no SRV records for mail", domain=domain)
        yield NO_SRV.of_server(text, Severity.INFO)


def _host(host: HostAddresses, told: list[ServicePromise]) -> Iterator[Finding]:
    by_srv = [one for one in told if one.source.startswith("SRV ")]
    if host.aliases and by_srv:
        text = Wording(
            "{promise}, an alias of {aliases}",
            promise=_words(by_srv[0]),
            aliases=" → ".join(host.aliases),
        )
        yield ALIAS.of_server(text, Severity.LOW)
    known = (host.ipv4, host.ipv6)
    if host.addresses or host.is_literal:
        return
    for one in known:
        if isinstance(one, Unknown):
            yield unanswered(host.name, one)
        else:
            yield from bogus("addresses", one)
    if all(isinstance(one, Answer) and not one.bogus for one in known):
        for promise in told:
            yield HOST_MISSING.of_server(_words(promise), Severity.MEDIUM)


def kept(target: TargetFacts) -> Iterator[Finding]:
    """Every endpoint at which a promise is not kept."""
    if target.host is None:
        return
    for promise in target.host.promises:
        for each in target.endpoints:
            if each.endpoint.port == promise.port and each.endpoint.service == promise.service:
                yield from _kept(promise, each)


def _kept(promise: ServicePromise, each: EndpointFacts) -> Iterator[Finding]:
    words = _words(promise)
    if not answered(each):
        if not (isinstance(each.handshake, Unknown) and each.handshake.cause is Cause.INTERRUPTED):
            yield PORT_SILENT.at(each.endpoint, words)
    elif isinstance(each.handshake, Handshake):
        for problem in each.handshake.verdict.problems:
            if problem.fault is ChainFault.NAME_MISMATCH:
                text = Wording("{name}: {what}", name=words, what=problem.text)
                yield NAME_NOT_COVERED.at(each.endpoint, text)
    elif promise.tls and (each.handshake is None or each.handshake.cause in FAULTS):
        yield WITHOUT_TLS.at(each.endpoint, words)


def _words(promise: ServicePromise) -> str:
    return f"{promise.source}: {promise.host}:{promise.port}"


def clients_determined(facts: DomainFacts) -> bool:
    """Whether the resolver answered for every service, and led to every host."""
    found = facts.clients
    if found is None:
        return True
    asked: list[object] = [each.answer for each in found.srv]
    for host in found.hosts:
        if not host.addresses and not host.is_literal:
            asked += [host.ipv4, host.ipv6]
    return not any(isinstance(one, Unknown) for one in asked)
