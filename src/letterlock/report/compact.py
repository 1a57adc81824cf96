"""What the deep check learnt of an endpoint in a few rows: counts where all is well, names where
something is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from letterlock.model.facts import EndpointFacts
from letterlock.model.grade import Grade
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.tls_facts import DialogueFacts, Order, ProtocolFacts, TlsFacts
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import Verdict
from letterlock.model.wording import Wording, counted, joined
from letterlock.report.sheet import (
    Phrase,
    Row,
    behaviours,
    fault_tone,
    group,
    is_asked,
    order_words,
    prime,
    profile_phrase,
    scheme,
)
from letterlock.report.suites import GRADE_WORDS, Tone, suite_grade, suite_tone, version_tone
from letterlock.report.text import places

#: How many reasons why a profile is not met are told; --verbose tells all.
_BREACHES = 3
_NUMBERS = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that hold for all of `endpoints`."""

    endpoints: tuple[EndpointFacts, ...]
    rows: tuple[Row, ...]


def blocks(endpoints: Sequence[EndpointFacts], verdict: Verdict | None = None) -> tuple[Block, ...]:
    """One block for all endpoints that gave the same answers; below it, by which of them a profile
    is met."""
    same: dict[tuple[Row, ...], list[EndpointFacts]] = {}
    for each in endpoints:
        if each.tls is not None:
            same.setdefault(compact(each, each.tls), []).append(each)
    addresses = len({each.endpoint.address for each in endpoints})
    return tuple(
        Block(tuple(those), (*rows, *_profiles(those, verdict, addresses)))
        for rows, those in same.items()
        if rows
    )


def _profiles(
    those: Sequence[EndpointFacts], verdict: Verdict | None, addresses: int
) -> Iterator[Row]:
    found: dict[tuple[Phrase, ...], list[Endpoint]] = {}
    for each in those:
        own = verdict.at(each.endpoint) if verdict else None
        if own is not None and own.profiles:
            phrases = tuple(profile_phrase(one, one.profile, _BREACHES) for one in own.profiles)
            found.setdefault(phrases, []).append(each.endpoint)
    for phrases, at in found.items():
        first = phrases[0]
        if len(at) != len(those):
            first = replace(first, text=joined(": ", (places(at, addresses), first.text)))
        yield Row(Wording("profile"), (first, *phrases[1:]))


def compact(facts: EndpointFacts, tls: TlsFacts) -> tuple[Row, ...]:
    """Without profiles, and without what only one of two ports of the same server can tell."""
    starttls = facts.endpoint.service.tls is TlsMode.STARTTLS
    rows = (
        *_versions(tls),
        Row(Wording("refused"), tuple(Phrase(p.name) for p in tls.protocols if p.offered is False)),
        *_groups(tls),
        Row("DH", tuple(map(prime, tls.diffie_hellman))),
        Row(Wording("signatures"), tuple(_weak_schemes(tls))),
        Row(Wording("behaviour"), tuple(_behaviour(tls))),
        Row(Wording("faults"), tuple(_faults(tls))),
        Row("STARTTLS", tuple(_around_starttls(tls.dialogue)) if starttls else ()),
        Row(Wording("left out"), tuple(Phrase(each, Tone.DIM) for each in tls.left_out)),
    )
    return tuple(row for row in rows if row.phrases)


def _versions(tls: TlsFacts) -> Iterator[Row]:
    """Newest first; versions in a row of which the same is to be said have one line."""
    label, phrases = "", tuple[Phrase, ...]()
    for protocol in reversed(tls.protocols):
        if protocol.offered is False:
            continue
        row = _version(protocol)
        if row.phrases == phrases:
            label += f", {_NUMBERS.get(row.label, row.label)}"
            continue
        if phrases:
            yield Row(label, phrases)
        label, phrases = row.label, row.phrases
    if phrases:
        yield Row(label, phrases)


def _version(protocol: ProtocolFacts) -> Row:
    if isinstance(protocol.offered, Unknown):
        return Row(protocol.name, (_unknown(protocol.offered),))
    tone, note = version_tone(protocol.name)
    phrases = [Phrase(_suites(protocol), tone, note), *_kinds(protocol)]
    if isinstance(protocol.order, str):
        phrases.append(Phrase(order_words(protocol.order)))
    return Row(protocol.name, tuple(phrases))


def _suites(protocol: ProtocolFacts) -> str:
    suites = len(protocol.cipher_suites)
    if not suites:
        return Wording("offered")
    if protocol.complete:
        return counted("{count} suite", "{count} suites", suites)
    return counted("{count} or more suite", "{count} or more suites", suites)


def _kinds(protocol: ProtocolFacts) -> Iterator[Phrase]:
    """How many suites of each grade, and what the lesser ones are."""
    graded: dict[str, list[Phrase]] = {}
    for name in protocol.cipher_suites:
        tone, because = suite_tone(name)
        graded.setdefault(suite_grade(name), []).append(Phrase(because, tone))
    for grade in Grade:
        if same := graded.get(grade.value):
            tone = max((each.tone for each in same), key=list(Tone).index)
            because = joined(", ", dict.fromkeys(each.text for each in same if each.text))
            words = Wording("{count} {grade}", count=len(same), grade=GRADE_WORDS[grade.value])
            yield Phrase(words, tone, because)


def _groups(tls: TlsFacts) -> Iterator[Row]:
    """One row where all versions have the same."""
    if len({each.groups for each in tls.groups}) == 1:
        first = tls.groups[0]
        yield Row(Wording("groups"), (*map(group, first.groups), *_order(first.order)))
        return
    for each in tls.groups:
        names = [_NUMBERS.get(name, name) for name in each.used_in]
        versions = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}" if names else ""
        label = Wording("groups {versions}", versions=versions) if versions else Wording("groups")
        yield Row(label, (*map(group, each.groups), *_order(each.order)))


def _order(order: object) -> Iterator[Phrase]:
    if order is Order.SERVER:
        yield Phrase(Wording("server's order"), Tone.DIM)
    elif order is Order.CLIENT:
        yield Phrase(Wording("client's order"), Tone.DIM)


def _weak_schemes(tls: TlsFacts) -> Iterator[Phrase]:
    names = dict.fromkeys(name for _, schemes in tls.signature_schemes for name in schemes)
    phrases = [scheme(name) for name in names]
    weak = [each for each in phrases if each.tone is not Tone.PLAIN]
    if phrases:
        yield Phrase(counted("{count} scheme", "{count} schemes", len(phrases)))
    yield from weak


def _behaviour(tls: TlsFacts) -> Iterator[Phrase]:
    """What is not as it should be by name, the rest as a count."""
    fine, unsure = 0, []
    for words, value, yes, no in behaviours(tls.behaviour):
        if isinstance(value, Unknown):
            unsure += [words] if is_asked(value) else []
            continue
        tone = yes if value else no
        if tone in (Tone.WEAK, Tone.BAD):
            yield Phrase(words if value else Wording("no {what}", what=words), tone)
        else:
            fine += 1
    if fine:
        yield Phrase(
            counted("{count} answers as they should be", "{count} answers as they should be", fine),
            Tone.GOOD,
        )
    if unsure:
        yield Phrase(Wording("not determined: {what}", what=joined(", ", unsure)), Tone.DIM)


def _faults(tls: TlsFacts) -> Iterator[Phrase]:
    """Those present and those not determined by name, the others as a count."""
    yield from (Phrase(each.id, fault_tone(each)) for each in tls.known_faults if _is(each.present))
    absent = sum(each.present is False for each in tls.known_faults)
    if absent:
        if absent == len(tls.known_faults):
            words = Wording("none of {count}", count=absent)
        else:
            words = counted("{count} other not", "{count} others not", absent)
        yield Phrase(words, Tone.GOOD)
    unsure = [each.id for each in tls.known_faults if isinstance(each.present, Unknown)]
    if unsure:
        yield Phrase(Wording("not determined: {what}", what=joined(", ", unsure)), Tone.DIM)


def _around_starttls(dialogue: DialogueFacts) -> Iterator[Phrase]:
    """Only what is not as it should be, and what is not known."""
    if _is(dialogue.injection):
        yield Phrase(Wording("commands can be injected"), Tone.BAD)
    elif isinstance(dialogue.injection, Unknown) and is_asked(dialogue.injection):
        yield Phrase(
            Wording("injection not determined: {reason}", reason=dialogue.injection.reason),
            Tone.DIM,
        )
    if _is(dialogue.login_before_tls):
        yield Phrase(Wording("a login is taken before TLS"), Tone.BAD)


def _is(value: object) -> bool:
    return value is True


def _unknown(reason: Unknown) -> Phrase:
    return Phrase(Wording("not determined: {what}", what=reason.reason), Tone.DIM)
