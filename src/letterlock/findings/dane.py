"""Do the TLSA records say what is served, and can a sender use them?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from hashlib import sha256, sha512

from letterlock.findings.reach import answered
from letterlock.findings.rule import define, per_role
from letterlock.findings.unknowns import COULD_NOT_DETERMINE
from letterlock.model.dns_answer import Answer
from letterlock.model.dns_facts import DaneMatch, HostDns, TlsaRecord, TlsaSet
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Role
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined

_SEVERE = per_role(Severity.HIGH, Severity.MEDIUM)
_RECORDS = "letterlock cert tlsa HOST --cert FILE prints it"

MISMATCH = define(
    "dane-mismatch",
    "DANE: no TLSA record matches what is served",
    "A sender that does DANE (Postfix with smtp_tls_security_level = dane, Microsoft 365, many "
    "providers) does not deliver: its mail waits and bounces after days. Most often a renewal made "
    "a new key, or one of two kinds of key has no record.",
    source="RFC 7672 section 2.2; RFC 7671 section 8",
    severity=_SEVERE,
    postfix=f"Publish a record for the key that is served, now: {_RECORDS}. Before the next "
    "renewal publish the next key's record first, and wait for the TTL.",
)
WITHOUT_TLS = define(
    "dane-without-tls",
    "DANE: there are TLSA records and no TLS",
    "The records say that TLS must be used; senders that do DANE do not deliver without it.",
    source="RFC 7672 section 2.2",
    severity=_SEVERE,
    postfix="Offer STARTTLS (letterlock secure), or remove the TLSA records of this port.",
)
LOOKUP_FAILS = define(
    "dane-lookup-fails",
    "DANE: the question for TLSA records fails",
    "A sender that does DANE cannot tell a broken name server from an attack, and does not "
    "deliver. A zone without TLSA records must answer that it has none, with a signature.",
    source="RFC 7672 section 2.1.1",
    severity=_SEVERE,
    postfix="See that every name server of the zone answers for TLSA, and that its proof of "
    "non-existence is signed; old name servers and firewalls drop types that they do not know.",
)
UNUSABLE = define(
    "dane-unusable",
    "DANE: a TLSA record cannot be used",
    "Senders pass over what they cannot use. If nothing else is left, they encrypt without "
    "knowing to whom.",
    source="RFC 7672 section 3.1.3; RFC 6698 section 4",
    severity=Severity.LOW,
    postfix=f"Replace it by 3 1 1 (or 2 1 1): {_RECORDS}.",
)
DIGEST_OF_NOTHING = define(
    "dane-digest-of-nothing",
    "DANE: a TLSA record is the digest of an empty file",
    "The script that made it could not read the certificate. It matches nothing and never will.",
    source="RFC 7671 section 8",
    severity=Severity.MEDIUM,
    postfix=f"Replace it: {_RECORDS}.",
)
INSECURE = define(
    "dane-insecure",
    "DANE: the TLSA records are not signed, or the way to them is not",
    "Senders use TLSA records only where they, the MX record and the host's addresses are all "
    "signed. These protect nothing.",
    source="RFC 7672 sections 2.1.1, 2.2",
    severity=Severity.LOW,
    postfix="Have the zones of the domain and of the mail host signed, or remove the records.",
)
PINS_CERTIFICATE = define(
    "dane-pins-certificate",
    "DANE: the record names the certificate, not its key",
    "Every renewal makes it wrong, also where the key stays. The rule 3 1 1 names the key.",
    source="RFC 7671 section 5.1; RFC 7672 section 3.1.1",
    severity=Severity.LOW,
    postfix=f"Publish 3 1 1 and keep the key over renewals (certbot: --reuse-key): {_RECORDS}.",
)
NO_ROLLOVER = define(
    "dane-no-rollover",
    "DANE: there is no record for the next key",
    "With one record alone a change of key breaks mail until caches have forgotten the old one. "
    "Keep the next key's record published (3 1 1 twice), or the CA's beside it (2 1 1).",
    source="RFC 7671 section 8.1",
    severity=Severity.INFO,
    postfix="Before a new key is used, publish its 3 1 1 record beside the present one.",
)
PINS_ISSUER = define(
    "dane-relies-on-issuer",
    "DANE: only records of a CA match, none of the server's own key",
    "CAs change the certificates that they issue with, some without notice (Let's Encrypt picks "
    "one of several at each renewal). The renewal that comes from another one matches nothing.",
    source="RFC 7671 sections 5.2, 8.1",
    severity=Severity.LOW,
    postfix=f"Publish 3 1 1 beside the CA's record and keep the key over renewals: {_RECORDS}. Or "
    "name every CA certificate that the CA may use next.",
)
MISSING = define(
    "dane-missing",
    "DANE: signed, but without TLSA records",
    "The zones are signed: one TLSA record for port 25 lets senders verify this server, and keeps "
    "anyone on the way from taking TLS away.",
    source="RFC 7672 section 1.3",
    severity=Severity.INFO,
    postfix=f"Publish a 3 1 1 record for port 25: {_RECORDS}.",
)
#: Usages that name a CA, and those that name the server itself.
_OF_CAS, _OF_SERVER = (0, 2), (1, 3)
#: A renewal is near.
_NEAR = timedelta(days=30)


def dane(target: TargetFacts) -> Iterator[Finding]:
    """All that the TLSA records of the ports visited have against them."""
    host = target.host
    if host is None:
        return
    for records in host.tlsa:
        visited = [one for one in target.endpoints if one.endpoint.port == records.port]
        if isinstance(records.answer, Unknown) or records.answer.bogus:
            yield from _failing(host, records, visited)
        elif not records.answer.records:
            yield from _absent(host, records, visited)
        else:
            yield from _published(target, host, records.answer, visited)


def _failing(
    host: HostDns, records: TlsaSet, visited: Iterable[EndpointFacts]
) -> Iterator[Finding]:
    name = f"_{records.port}._tcp.{host.name}"
    known = records.answer
    if isinstance(known, Unknown) and not host.leads_securely:
        yield COULD_NOT_DETERMINE.of_server(_tlsa(name, known.reason), Severity.INFO)
        return
    text = known.reason if isinstance(known, Unknown) else _bogus(known)
    milder = Severity.MEDIUM if isinstance(known, Unknown) else None
    for each in visited:
        if answered(each):
            yield LOOKUP_FAILS.at(each.endpoint, _tlsa(name, text), milder)


def _tlsa(name: str, what: str) -> Wording:
    return Wording("TLSA of {name}: {what}", name=name, what=what)


def _bogus(answer: Answer[TlsaRecord]) -> Wording:
    return Wording("bogus {why}", why=answer.why) if answer.why else Wording("bogus")


def _absent(host: HostDns, records: TlsaSet, visited: Iterable[EndpointFacts]) -> Iterator[Finding]:
    if not (host.leads_securely and isinstance(records.answer, Answer) and records.answer.secure):
        return
    for each in visited:
        if each.endpoint.service.role is Role.MX and answered(each):
            name = f"_{records.port}._tcp.{host.name}"
            yield MISSING.at(each.endpoint, Wording("no TLSA at {name}", name=name))


def _published(
    target: TargetFacts,
    host: HostDns,
    answer: Answer[TlsaRecord],
    visited: list[EndpointFacts],
) -> Iterator[Finding]:
    used = answer.secure and host.leads_securely
    if not used and not _unknown(host, answer):
        yield INSECURE.of_server(
            Wording("{name}: {what}", name=answer.name, what=_weakest(host, answer)), Severity.LOW
        )
    yield from _records(host, answer)
    for each in visited:
        matches = [one for one in host.dane if one.endpoint == each.endpoint]
        if not matches and answered(each):
            yield from _not_served(each, used)
        for match in matches:
            yield from _match(match, target, used)


def _unknown(host: HostDns, answer: Answer[TlsaRecord]) -> bool:
    """Where the resolver does not validate, nothing is said of signatures."""
    return host.resolver.validates is not True or isinstance(answer.security, Unknown)


def _weakest(host: HostDns, answer: Answer[TlsaRecord]) -> str:
    if not answer.secure:
        return Wording("the TLSA records are not signed")
    if host.exchange_security not in (None, answer.security):
        return Wording("the MX record of {domain} is not signed", domain=host.domain)
    return Wording("the addresses of {name} are not signed", name=host.name)


def _not_served(each: EndpointFacts, used: bool) -> Iterator[Finding]:
    if each.handshake is None or (
        isinstance(each.handshake, Unknown) and each.handshake.cause is not Cause.INTERRUPTED
    ):
        severity = None if used else Severity.LOW
        text = Wording("TLSA records, and no TLS handshake")
        yield WITHOUT_TLS.at(each.endpoint, text, severity)


def _match(match: DaneMatch, target: TargetFacts, used: bool) -> Iterator[Finding]:
    usable = [one for one in match.records if not one.unusable]
    if usable and not match.verified:
        reasons = joined(
            "; ",
            (Wording("{name}: {what}", name=str(one.record), what=one.why_not) for one in usable),
        )
        text = Wording("{key_type} key: {reasons}", key_type=match.key_type, reasons=reasons)
        yield MISMATCH.at(match.endpoint, text, None if used else Severity.LOW)
    hits = [one.record for one in match.records if one.matches]
    if hits and all(one.usage in _OF_CAS for one in hits):
        text = Wording("{key_type} key: {record}", key_type=match.key_type, record=hits[0])
        yield PINS_ISSUER.at(match.endpoint, text)
    if hits and all(one.usage in _OF_SERVER and one.selector == 0 for one in hits):
        near = match.not_after - target.started < _NEAR
        severity = Severity.MEDIUM if near and used else Severity.LOW
        text = Wording(
            "{record}, and the certificate ends on {day}",
            record=hits[0],
            day=match.not_after.date().isoformat(),
        )
        yield PINS_CERTIFICATE.at(match.endpoint, text, severity)


def _records(host: HostDns, answer: Answer[TlsaRecord]) -> Iterator[Finding]:
    """What is wrong with the records whatever is served."""
    empty = (sha256(b"").digest(), sha512(b"").digest())
    reasons = {
        one.record: one.unusable
        for match in host.dane
        if answer.records == tuple(each.record for each in match.records)
        for one in match.records
    }
    usable = [record for record, reason in reasons.items() if not reason]
    for record in answer.records:
        if record.association in empty:
            yield DIGEST_OF_NOTHING.of_server(
                Wording("{name}: {what}", name=answer.name, what=str(record)), Severity.MEDIUM
            )
        elif reason := reasons.get(record):
            severity = Severity.LOW if usable else Severity.MEDIUM
            text = Wording(
                "{name}: {record}: {reason}", name=answer.name, record=record, reason=reason
            )
            yield UNUSABLE.of_server(text, severity)
    if _unprepared(usable, host):
        text = Wording("{name}: {record} alone", name=answer.name, record=usable[0])
        if len(usable) > 1:
            text = Wording(
                "{name}: all {count} records are of what is served",
                name=answer.name,
                count=len(usable),
            )
        yield NO_ROLLOVER.of_server(text, Severity.INFO)


def _unprepared(usable: list[TlsaRecord], host: HostDns) -> bool:
    """Whether a change of key would leave no record that matches: none names a CA, and none a key
    that is still to come."""
    if not usable or any(one.usage in _OF_CAS for one in usable):
        return False
    served = {one.record for match in host.dane for one in match.records if one.matches}
    return len(usable) == 1 or served.issuperset(usable)
