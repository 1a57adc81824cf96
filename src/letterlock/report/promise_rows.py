"""What a mail domain promises beside its MX records, as rows of phrases."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.model.dns_answer import Answer
from letterlock.model.dns_facts import DomainFacts, HostDns
from letterlock.model.dns_promises import (
    CaaRecord,
    ClientFacts,
    ClientPage,
    ServicePromise,
    SrvSet,
    StsFacts,
    StsForHost,
    StsMode,
    StsPolicy,
    TlsRptFacts,
)
from letterlock.model.facts import Handshake
from letterlock.model.service import Role
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording, counted
from letterlock.report.result import Result
from letterlock.report.sheet import Phrase, Row
from letterlock.report.suites import Tone


def promise_rows(facts: DomainFacts) -> Iterator[Row]:
    """Of a domain; nothing of what was not asked."""
    if facts.sts is not None:
        yield Row("MTA-STS", tuple(_sts(facts.sts)), stacked=True)
    if facts.tls_rpt is not None:
        yield Row("TLS-RPT", tuple(_reports(facts.tls_rpt)), stacked=True)
    if facts.clients is not None:
        yield from _clients(facts.clients)


def _clients(found: ClientFacts) -> Iterator[Row]:
    told = [one for one in found.promises if one.source.startswith("SRV ")]
    declined = [each for each in found.srv if _declined(each)]
    if told or declined:
        phrases = [_promise(one, one.source.removeprefix("SRV ").partition(".")[0]) for one in told]
        phrases += [
            Phrase(each.service.partition(".")[0], Tone.DIM, Wording("not offered"))
            for each in declined
        ]
        yield Row("SRV", tuple(phrases), stacked=True)
    for label, pages in (("autoconfig", found.autoconfig), ("Autodiscover", found.autodiscover)):
        phrases = [_page(page) for page in pages]
        names = [page.at.partition("/")[0] for page in pages]
        phrases += [
            _promise(one, one.service.name) for one in found.promises if one.source in names
        ]
        if phrases:
            yield Row(label, tuple(phrases), stacked=True)


def _declined(each: SrvSet) -> bool:
    answer = each.answer
    return isinstance(answer, Answer) and any(one.target == "." for one in answer.records)


def _promise(one: ServicePromise, name: str) -> Phrase:
    shown = f"{name}  {one.host}:{one.port}"
    return Phrase(shown) if one.tls else Phrase(shown, Tone.BAD, Wording("without TLS"))


def _page(page: ClientPage) -> Phrase:
    if page.broken:
        return Phrase(page.at, Tone.BAD, page.why)
    if not page.secure:
        return Phrase(page.at, Tone.BAD, Wording("without TLS"))
    return Phrase(page.at, Tone.DIM if page.why else Tone.PLAIN, page.why)


def _reports(found: TlsRptFacts) -> Iterator[Phrase]:
    if isinstance(found.record, Unknown):
        yield Phrase(str(found.record), Tone.DIM)
    elif found.record.bogus:
        yield Phrase(Wording("bogus"), Tone.BAD, found.record.why)
    elif found.fault:
        yield Phrase(Wording("not usable"), Tone.WEAK, found.fault)
    elif not found.addresses:
        yield Phrase(Wording("none"))
    else:
        yield from map(Phrase, found.addresses)


def caa_rows(host: HostDns) -> Iterator[Row]:
    """The records that count for a host, with the CA that issued what it serves."""
    if host.caa is None:
        return
    found = host.caa.found
    if isinstance(found, Unknown):
        yield Row("CAA", (Phrase(str(found), Tone.WEAK),))
    elif found.bogus:
        yield Row("CAA", (Phrase(Wording("bogus"), Tone.BAD, found.why),))
    elif found.records:
        phrases = [_caa(record, found.name, host) for record in found.records]
        yield Row("CAA", tuple(phrases), stacked=True)


def _caa(record: CaaRecord, at: str, host: HostDns) -> Phrase:
    where = f"{at}: " if at != host.name else ""
    if record.fault:
        return Phrase(f"{where}{record}", Tone.BAD, record.fault)
    issuer = record.issuer.domain if record.issuer else ""
    used = [one.issuer for one in host.issuers if issuer and issuer in one.domains]
    if used:
        words = Wording("the CA that is used: {issuer}", issuer=used[0])
        return Phrase(f"{where}{record}", Tone.GOOD, words)
    return Phrase(f"{where}{record}")


def _sts(sts: StsFacts) -> Iterator[Phrase]:
    if isinstance(sts.record, Unknown):
        yield Phrase(str(sts.record), Tone.DIM)
    elif sts.record.bogus:
        yield Phrase(Wording("bogus"), Tone.BAD, sts.record.why)
    elif sts.fault:
        yield Phrase(Wording("no valid policy"), Tone.BAD, sts.fault)
    elif isinstance(sts.policy, Unknown):
        yield Phrase(str(sts.policy), Tone.DIM)
    elif sts.policy is None:
        yield Phrase(Wording("none"))
    else:
        yield from _policy(sts.policy, sts.id)


def _policy(policy: StsPolicy, id_: str) -> Iterator[Phrase]:
    tone = Tone.GOOD if policy.mode is StsMode.ENFORCE else Tone.WEAK
    note = Wording("id {id}, for {span}", id=id_, span=_span(policy.max_age))
    yield Phrase(Wording("mode {mode}", mode=policy.mode.value), tone, note)
    for pattern in policy.mx:
        yield Phrase(f"mx {pattern}")


def _span(seconds: int) -> str:
    """A number of days, where it is a whole one."""
    count, rest = divmod(seconds, 86400)
    if rest or not count:
        return f"{seconds} s"
    return counted("{count} day", "{count} days", count)


def sts_row(sts: StsForHost, result: Result) -> Row:
    """What a sender that goes by the policy does with mail for this host."""
    note = Wording("{domain}, mode {mode}", domain=sts.domain, mode=sts.mode.value)
    return Row("MTA-STS", (_delivery(sts, result, note),))


def _delivery(sts: StsForHost, result: Result, note: Wording) -> Phrase:
    if sts.pattern is None:
        return Phrase(Wording("the policy does not name it"), Tone.BAD, note)
    if any(one.id == "mta-sts-not-delivered" for one in result.findings):
        if sts.mode is StsMode.ENFORCE:
            return Phrase(Wording("a sender does not deliver"), Tone.BAD, note)
        return Phrase(Wording("a sender reports a failure"), Tone.BAD, note)
    if not any(
        each.endpoint.service.role is Role.MX and isinstance(each.handshake, Handshake)
        for each in result.facts.endpoints
    ):
        return Phrase(Wording("not determined"), Tone.DIM, note)
    words = Wording("{note}, mx {pattern}", note=note, pattern=sts.pattern)
    return Phrase(Wording("a sender delivers"), Tone.GOOD, words)
