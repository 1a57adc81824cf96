"""What is published beside what is wanted: missing, stale, to be removed later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from letterlock.certs.caa import why_not
from letterlock.certs.tlsa import Matching, Selector, Usage, tlsa
from letterlock.model.certificate import Certificate
from letterlock.model.dns_answer import Answer, HostAddresses
from letterlock.model.dns_facts import TlsaRecord
from letterlock.model.dns_promises import (
    CaaFacts,
    CaaIssuer,
    CaaRecord,
    SrvRecord,
    StsFacts,
    StsPolicy,
    TlsRptFacts,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.records.wanted import Domain, Record, Serving, Wanted, by_name, policy_of, quoted
from letterlock.wire.promises.caa import read_issuer
from letterlock.wire.promises.sts import is_sts

_Kind = TypeVar("_Kind")


class State(StrEnum):
    """How a record stands."""

    PUBLISHED = "published"
    MISSING = "missing"
    STALE = "stale"
    #: Needed still; to be removed once the next key is served.
    PASSING = "passing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that is wanted, or published, and what to do about it."""

    name: str
    type: str
    data: str
    state: State
    what: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What a resolver says: TLSA by the record's name, SRV and CNAME likewise, the rest by domain
    or host."""

    tlsa: Mapping[str, Answer[TlsaRecord] | Unknown]
    srv: Mapping[str, Answer[SrvRecord] | Unknown]
    cname: Mapping[str, HostAddresses]
    caa: CaaFacts
    sts: Mapping[str, StsFacts]
    tls_rpt: Mapping[str, TlsRptFacts]


def compare(
    found: Wanted, published: Published, serving: Sequence[Serving], domains: Sequence[Domain]
) -> tuple[Standing, ...]:
    """Every record wanted, then those that are published and should not be, name by name."""
    told: list[Standing] = []
    for (name, kind), records in by_name(found.records).items():
        if kind == "TLSA":
            told += _tlsa(name, records, _believed(published.tlsa[name]), _fitting(name, serving))
        elif kind == "SRV":
            told += _srv(name, records, _believed(published.srv[name]))
        elif kind == "CNAME":
            told += _cname(records, published.cname[name])
        elif kind == "CAA":
            told += _caa(records, published.caa)
    for domain in domains:
        told += _sts(domain, found, published.sts[domain.name])
        told += _reports(domain, found, published.tls_rpt[domain.name])
    return tuple(told)


def _believed(answer: Answer[_Kind] | Unknown) -> Answer[_Kind] | Unknown:
    """Who validates has nothing of a bogus answer."""
    if isinstance(answer, Unknown) or not answer.bogus:
        return answer
    return Unknown(f"the signatures of {answer.name} are broken", Cause.DNS_FAILURE)


def _tlsa(
    name: str,
    records: Sequence[Record],
    answer: Answer[TlsaRecord] | Unknown,
    fitting: frozenset[str],
) -> Iterator[Standing]:
    if isinstance(answer, Unknown):
        yield from _not_known(records, answer)
        return
    data = [_presented(one) for one in answer.records]
    for record in records:
        if record.data not in data:
            yield _standing(record, State.MISSING, "publish it")
        elif record.passing:
            what = "remove it once the next key is served and caches have forgotten it"
            yield _standing(record, State.PASSING, what)
        else:
            yield _standing(record, State.PUBLISHED)
    known = {record.data for record in records}
    for one in data:
        if one in fitting - known:
            yield Standing(name, "TLSA", one, State.PUBLISHED, "matches what is served too")
        elif one not in known:
            what = "it matches no key, neither served nor next: remove it"
            yield Standing(name, "TLSA", one, State.STALE, what)


def _presented(record: TlsaRecord) -> str:
    return f"{record.usage} {record.selector} {record.matching} {record.association.hex()}"


def _fitting(name: str, serving: Sequence[Serving]) -> frozenset[str]:
    """All records that a port's chains match, of the leaf or of a CA that is served with it."""
    chains = [
        chain for each in serving if name.startswith(f"_{each.port}.") for chain in each.chains
    ]
    found: set[str] = set()
    for chain in chains:
        found |= _all_forms(chain[0], (Usage.PKIX_EE, Usage.DANE_EE))
        for authority in chain[1:]:
            found |= _all_forms(authority, (Usage.PKIX_TA, Usage.DANE_TA))
    return frozenset(found)


def _all_forms(certificate: Certificate, usages: Sequence[Usage]) -> set[str]:
    return {
        str(tlsa(certificate, usage, selector, matching))
        for usage in usages
        for selector in Selector
        for matching in Matching
    }


def _srv(
    name: str, records: Sequence[Record], answer: Answer[SrvRecord] | Unknown
) -> Iterator[Standing]:
    """Priorities and weights are the admin's; a further host is too."""
    if isinstance(answer, Unknown):
        yield from _not_known(records, answer)
        return
    places = {(one.port, one.target) for one in answer.records}
    for record in records:
        _, _, port, target = record.data.split()
        if (int(port), target.rstrip(".")) in places:
            yield _standing(record, State.PUBLISHED)
        else:
            yield _standing(record, State.MISSING, "publish it")
            for one in answer.records:
                if one.target in (".", target.rstrip(".")):
                    data = f"{one.priority} {one.weight} {one.port} {one.target.rstrip('.')}."
                    yield Standing(name, "SRV", data, State.STALE, "replace it")


def _cname(records: Sequence[Record], host: HostAddresses) -> Iterator[Standing]:
    """Any way to a web server does."""
    for record in records:
        unknown = [one for one in (host.ipv4, host.ipv6) if isinstance(one, Unknown)]
        if host.addresses:
            way = " → ".join((*host.aliases, *host.addresses[:2]))
            yield _standing(record, State.PUBLISHED, f"it leads to {way}")
        elif unknown:
            yield from _not_known([record], unknown[0])
        else:
            yield _standing(record, State.MISSING, "publish it")


def _caa(records: Sequence[Record], caa: CaaFacts) -> Iterator[Standing]:
    """One that stands at a name above does as well."""
    found = _believed(caa.found)
    if isinstance(found, Unknown):
        yield from _not_known(records, found)
        return
    for record in records:
        missing = _caa_missing(found, read_issuer(record.data.split('"')[1]))
        if missing:
            yield _standing(record, State.MISSING, missing)
        else:
            yield _standing(record, State.PUBLISHED, f"at {found.name}")


def _caa_missing(found: Answer[CaaRecord], issuer: CaaIssuer) -> str:
    """What is to be done before a CA may issue on just these conditions; empty: nothing."""
    if not found.records:
        return "publish it"
    reason = why_not(found.records, (issuer.domain,), wildcard=False)
    if reason and issuer.domain:
        return f"publish it: at {found.name} {reason} alone"
    said = [one.issuer for one in found.records if one.tag == "issue"]
    if issuer not in said and (issuer.parameters or not issuer.domain):
        return f"publish it in place of what is at {found.name}: that says something else"
    return ""


def _sts(domain: Domain, found: Wanted, sts: StsFacts) -> Iterator[Standing]:
    name = f"_mta-sts.{domain.name}."
    (record,) = (one for one in found.records if (one.name, one.type) == (name, "TXT"))
    published = _believed(sts.record)
    if isinstance(published, Unknown):
        yield from _not_known([record], published)
        return
    if isinstance(sts.policy, Unknown) and not sts.fault:
        yield from _not_known([record], sts.policy)
        return
    live = sts.in_force
    if live is not None and _same(live, domain.policy):
        yield _standing(record, State.PUBLISHED, f"id {sts.id}, with this policy")
        return
    if live is None and not sts.fault:
        yield _standing(record, State.MISSING, "publish the policy, then this record")
        return
    reason = f"its policy is another (mode {live.mode.value})" if live else sts.fault
    if sts.id == policy_of(domain).id:
        yield _standing(record, State.MISSING, f"it is there, publish the policy: {reason}")
        return
    yield _standing(record, State.MISSING, "publish the policy, then this record in its place")
    for text in filter(is_sts, published.records):
        if quoted(text) != record.data:
            yield Standing(name, "TXT", quoted(text), State.STALE, reason)


def _same(one: StsPolicy, other: StsPolicy) -> bool:
    """Fields that senders pass over, and the order of hosts, make no difference."""
    return (one.mode, set(one.mx), one.max_age) == (other.mode, set(other.mx), other.max_age)


def _reports(domain: Domain, found: Wanted, facts: TlsRptFacts) -> Iterator[Standing]:
    """Wherever reports go, they go."""
    name = f"_smtp._tls.{domain.name}."
    (record,) = (one for one in found.records if one.name == name)
    published = _believed(facts.record)
    if isinstance(published, Unknown):
        yield from _not_known([record], published)
    elif facts.addresses:
        yield _standing(record, State.PUBLISHED, f"to {', '.join(facts.addresses)}")
    else:
        yield _standing(record, State.MISSING, facts.fault or "publish it")


def _not_known(records: Sequence[Record], why: Unknown) -> Iterator[Standing]:
    for record in records:
        yield _standing(record, State.UNKNOWN, why.reason)


def _standing(record: Record, state: State, what: str = "") -> Standing:
    return Standing(record.name, record.type, record.data, state, what)
