"""What DNS says of a mail domain as rows of phrases."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.model.dns_answer import Answer, HostAddresses, Security
from letterlock.model.dns_facts import DomainFacts, HostDns, MailExchange, TlsaRecord, TlsaSet
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined
from letterlock.report.promise_rows import caa_rows, promise_rows, sts_row
from letterlock.report.result import Result
from letterlock.report.sheet import Phrase, Row
from letterlock.report.suites import Tone

_TONES = {
    Security.SECURE: Tone.GOOD,
    Security.INSECURE: Tone.PLAIN,
    Security.BOGUS: Tone.BAD,
}

_WORDS = {
    Security.SECURE: Wording("secure"),
    Security.INSECURE: Wording("insecure"),
    Security.BOGUS: Wording("bogus"),
}


def dns_rows(result: Result) -> list[Row]:
    """All that DNS says of a target, a domain or a host; none where it was not asked."""
    facts = result.facts
    if facts.domain is not None:
        return domain_rows(facts.domain)
    return [] if facts.host is None else host_rows(facts.host, result)


def domain_rows(facts: DomainFacts) -> list[Row]:
    """One row for each kind of record."""
    rows = [Row(Wording("resolver"), (_resolver(facts),))]
    if isinstance(facts.exchange, Unknown):
        rows.append(Row("MX", (Phrase(str(facts.exchange)),)))
    else:
        rows.append(Row("MX", tuple(_exchange(facts.exchange)), stacked=True))
    return [*rows, *promise_rows(facts)]


def _resolver(facts: DomainFacts) -> Phrase:
    validates = facts.resolver.validates
    if isinstance(validates, Unknown):
        return Phrase(facts.resolver.address, Tone.PLAIN, Wording("not known whether it validates"))
    words = Wording("validates") if validates else Wording("does not validate")
    return Phrase(facts.resolver.address, Tone.PLAIN, words)


def _exchange(mail: MailExchange) -> Iterator[Phrase]:
    if mail.implicit:
        yield Phrase(Wording("none: the domain's own address"), Tone.PLAIN, security(mail.records))
    for record in mail.records.records:
        if record.exchange == ".":
            yield Phrase(f"{record.preference} .", Tone.PLAIN, Wording("no mail is taken"))
    preferences = {each.exchange: each.preference for each in reversed(mail.records.records)}
    for host in mail.hosts:
        number = preferences.get(host.name)
        shown = f"{number} {host.name}" if number is not None else host.name
        words = Wording("{host}  {addresses}", host=shown, addresses=_addresses(host))
        yield Phrase(words, _tone(mail.records), security(mail.records))


def _addresses(host: HostAddresses) -> str:
    if host.addresses:
        return " ".join(host.addresses)
    missing = next(
        (
            one
            for one in (host.ipv4, host.ipv6)
            if isinstance(one, Unknown) and one.cause is not Cause.NOT_APPLICABLE
        ),
        None,
    )
    if missing is None:
        return Wording("no address")
    return Wording("not determined: {what}", what=missing.reason)


def security(answer: Answer[object]) -> str:
    """In a word; nothing where it is not known."""
    return "" if isinstance(answer.security, Unknown) else _WORDS[answer.security]


def _tone(answer: Answer[object]) -> Tone:
    return Tone.PLAIN if isinstance(answer.security, Unknown) else _TONES[answer.security]


def host_rows(host: HostDns, result: Result) -> list[Row]:
    """The TLSA records of each port that has some, each with what it matches; what MTA-STS makes of
    the host, and its CAA records. None where there is nothing to tell."""
    rows = []
    if host.sts is not None:
        rows.append(sts_row(host.sts, result))
    for found in host.tlsa:
        label = f"TLSA {found.port}"
        if isinstance(found.answer, Unknown):
            rows.append(Row(label, (Phrase(str(found.answer), Tone.WEAK),)))
        elif found.answer.bogus:
            rows.append(Row(label, (Phrase(Wording("bogus"), Tone.BAD, found.answer.why),)))
        elif found.answer.records:
            phrases = [_tlsa(record, host, found) for record in found.answer.records]
            rows.append(Row(label, tuple(phrases), stacked=True))
    return [*rows, *caa_rows(host)]


def _tlsa(record: TlsaRecord, host: HostDns, found: TlsaSet) -> Phrase:
    """A record, and the kinds of key that it matches on every address visited."""
    at = [match for match in host.dane if match.endpoint.port == found.port]
    held = [(match.key_type, one) for match in at for one in match.records if one.record == record]
    reason = next((one.unusable for _, one in held if one.unusable), "")
    if reason:
        return Phrase(str(record), Tone.BAD, reason)
    matched = dict.fromkeys(kind for kind, one in held if one.matches)
    if matched:
        return Phrase(str(record), Tone.GOOD, Wording("matches {what}", what=joined(", ", matched)))
    return Phrase(
        str(record), Tone.PLAIN, Wording("matches nothing that is served") if held else ""
    )
