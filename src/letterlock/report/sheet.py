"""All that is known of one endpoint's TLS as rows of phrases, the same for the terminal, HTML and
Markdown. Endpoints with equal sheets gave the same answers and are told together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from letterlock.model.certificate import ChainVerdict
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.tls_facts import (
    NOT_ASKED,
    Behaviour,
    DialogueFacts,
    DiffieHellman,
    GroupFacts,
    KnownFault,
    Order,
    ProtocolFacts,
    ServedChain,
    Stapled,
    Ternary,
    TlsFacts,
)
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import ProfileVerdict, Verdict
from letterlock.model.wording import Wording, counted, in_context, joined
from letterlock.report.suites import (
    Tone,
    grade_word,
    has_broken_hash,
    is_post_quantum,
    is_small,
    suite_tone,
    version_tone,
)
from letterlock.report.text import places, remaining


@dataclass(frozen=True, slots=True)
class Phrase:
    """A few words; `note` says in words what `tone` says in colour."""

    text: str
    tone: Tone = Tone.PLAIN
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its phrases, side by side or, `stacked`, one below the other in their order."""

    label: str
    phrases: tuple[Phrase, ...]
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: tuple[Row, ...]


#: Field of Behaviour → its words, and how yes and no are meant.
BEHAVIOURS = (
    ("compression", Wording("TLS compression"), Tone.BAD, Tone.GOOD),
    ("secure_renegotiation", Wording("secure renegotiation"), Tone.GOOD, Tone.BAD),
    ("client_renegotiation", Wording("renegotiation begun by the client"), Tone.WEAK, Tone.GOOD),
    ("extended_master_secret", Wording("extended master secret"), Tone.GOOD, Tone.WEAK),
    ("encrypt_then_mac", Wording("encrypt-then-MAC"), Tone.GOOD, Tone.PLAIN),
    ("fallback_scsv", Wording("needless fallback refused (SCSV)"), Tone.GOOD, Tone.PLAIN),
    ("tolerates_grease", Wording("unknown values ignored (GREASE)"), Tone.GOOD, Tone.BAD),
    ("tolerates_future_version", Wording("future versions answered"), Tone.GOOD, Tone.BAD),
    ("tolerates_large_hello", Wording("large hellos answered"), Tone.GOOD, Tone.BAD),
    ("strict_sni", Wording("foreign names refused"), Tone.GOOD, Tone.PLAIN),
    ("strict_alpn", Wording("foreign protocols refused (ALPN)"), Tone.GOOD, Tone.PLAIN),
    ("early_data", Wording("early data (0-RTT)"), Tone.WEAK, Tone.GOOD),
    ("reuses_dh_value", Wording("DHE value used again"), Tone.WEAK, Tone.GOOD),
    ("reuses_ecdh_value", Wording("ECDHE value used again"), Tone.WEAK, Tone.GOOD),
    ("heartbeat", Wording("heartbeat extension"), Tone.PLAIN, Tone.PLAIN),
)
#: Field of Resumption → its words.
RESUMPTIONS = (
    ("session_id", Wording("session id")),
    ("ticket", Wording("ticket (TLS 1.2)")),
    ("ticket_tls13", Wording("ticket (TLS 1.3)")),
)
#: Faults that say something about old clients rather than about this server's care.
MILD_FAULTS = ("beast", "lucky13", "dheat", "sweet32")


def folded(
    endpoints: Sequence[EndpointFacts], at: datetime, verdict: Verdict | None = None
) -> tuple[tuple[tuple[EndpointFacts, ...], tuple[Section, ...]], ...]:
    """Everything of the endpoints that have something to tell but what it cost: those whose TLS is
    the same together, with the dialogues and profiles in which they differ by port."""
    addresses = len({each.endpoint.address for each in endpoints})
    groups: dict[tuple[Section, ...], list[EndpointFacts]] = {}
    for each in endpoints:
        tls = sheet(each.tls, at) if each.tls is not None else ()
        if tls or dialogue(each).rows:
            groups.setdefault(tls, []).append(each)
    return tuple(
        (
            tuple(same),
            (
                *_by_port(same, dialogue, addresses),
                *tls,
                *_by_port(same, lambda each: profiles(each, verdict), addresses),
            ),
        )
        for tls, same in groups.items()
    )


def _by_port(
    same: Sequence[EndpointFacts], told: Callable[[EndpointFacts], Section], addresses: int
) -> Iterator[Section]:
    """One section for all, or one for each set of ports of which it holds."""
    found: dict[Section, list[Endpoint]] = {}
    for each in same:
        section = told(each)
        if section.rows:
            found.setdefault(section, []).append(each.endpoint)
    for section, at in found.items():
        title = section.title
        if len(at) != len(same):
            title = joined(", ", (title, places(at, addresses)))
        yield Section(title, section.rows)


def sheet(tls: TlsFacts, at: datetime) -> tuple[Section, ...]:
    """Everything about TLS but what it cost; empty sections are left out."""
    sections = (
        versions(tls),
        key_exchange(tls),
        *chains(tls, at),
        behaviour(tls),
        known_faults(tls),
        Section(Wording("Not asked"), _left_out(tls)),
    )
    return tuple(section for section in sections if section.rows)


def profiles(facts: EndpointFacts, verdict: Verdict | None) -> Section:
    found = verdict.at(facts.endpoint) if verdict else None
    told = [
        (each.profile, profile_phrase(each, Wording("{title}:", title=each.title)))
        for each in (found.profiles if found else ())
    ]
    return Section(Wording("Profiles"), tuple(Row(name, (phrase,)) for name, phrase in told))


def profile_phrase(profile: ProfileVerdict, name: str, most: int | None = None) -> Phrase:
    """Met, not met and why (at most `most` reasons), or not determined; the profile as `name`."""
    if isinstance(profile.met, Unknown):
        return Phrase(
            Wording("{profile} not determined: {reason}", profile=name, reason=profile.met.reason),
            Tone.DIM,
        )
    if profile.met:
        return Phrase(Wording("{profile} met", profile=name), Tone.GOOD)
    because = list(profile.breaches[:most])
    if len(because) < len(profile.breaches):
        more = len(profile.breaches) - len(because)
        because.append(counted("{count} more", "{count} more", more))
    return Phrase(Wording("{profile} not met", profile=name), Tone.WEAK, joined("; ", because))


def _left_out(tls: TlsFacts) -> tuple[Row, ...]:
    if not tls.left_out:
        return ()
    return (
        Row(
            Wording("left out"),
            tuple(Phrase(each, Tone.DIM) for each in tls.left_out),
            stacked=True,
        ),
    )


def unknown(reason: Unknown) -> Phrase:
    return Phrase(Wording("not determined: {what}", what=reason.reason), Tone.DIM)


def is_asked(value: object) -> bool:
    return value != NOT_ASKED


# --- versions and suites


def versions(tls: TlsFacts) -> Section:
    """Each version with its suites; those not offered in one row at the end."""
    rows = [row for protocol in tls.protocols for row in _protocol(protocol)]
    refused = tuple(Phrase(each.name) for each in tls.protocols if each.offered is False)
    if refused:
        rows.append(Row(Wording("not offered"), refused))
    return Section(Wording("Versions and cipher suites"), tuple(rows))


def _protocol(protocol: ProtocolFacts) -> Iterator[Row]:
    if isinstance(protocol.offered, Unknown):
        yield Row(protocol.name, (unknown(protocol.offered),))
    elif protocol.offered:
        tone, note = version_tone(protocol.name)
        left = "" if protocol.complete else Wording("not every suite asked for")
        notes = joined(", ", filter(None, (note, order_words(protocol.order), left)))
        yield Row(protocol.name, (Phrase(Wording("offered"), tone, notes),))
        if protocol.cipher_suites:
            yield Row("", tuple(map(suite, protocol.cipher_suites)), stacked=True)


def suite(name: str) -> Phrase:
    tone, because = suite_tone(name)
    return Phrase(name, tone, joined(": ", filter(None, (grade_word(name), because))))


def order_words(order: Order | Unknown) -> str:
    match order:
        case Order.SERVER:
            return Wording("the server decides")
        case Order.CLIENT:
            return Wording("the client decides")
        case _:
            if not is_asked(order):
                return ""
            return Wording("order not determined: {reason}", reason=order.reason)


# --- key exchange


def key_exchange(tls: TlsFacts) -> Section:
    rows = [_groups(each) for each in tls.groups]
    if tls.diffie_hellman:
        rows.append(Row("DH", tuple(map(prime, tls.diffie_hellman))))
    for version, schemes in tls.signature_schemes:
        rows.append(
            Row(Wording("signs in {version}", version=version), tuple(map(scheme, schemes)))
        )
    return Section(Wording("Key exchange and signatures"), tuple(rows))


def _groups(each: GroupFacts) -> Row:
    left = "" if each.complete else Wording("not every group asked for")
    words = joined(", ", filter(None, (order_words(each.order), left)))
    label = Wording("groups")
    if each.used_in:
        label = Wording("groups {versions}", versions=joined(", ", each.used_in))
    note = (Phrase(Wording("({note})", note=words), Tone.DIM),) if words else ()
    return Row(label, (*map(group, each.groups), *note))


def group(name: str) -> Phrase:
    if is_post_quantum(name):
        return Phrase(name, Tone.GOOD, "PQ")
    return Phrase(name, Tone.WEAK, Wording("small")) if is_small(name) else Phrase(name)


def prime(parameters: DiffieHellman) -> Phrase:
    """RFC 9325 section 4.3: 2048 bits at least; below 1024 it can be broken by anyone."""
    words = Wording("{bits} bits", bits=parameters.bits)
    if parameters.known_as:
        words = Wording("{bits} bits, {name}", bits=parameters.bits, name=parameters.known_as)
    if parameters.bits >= 2048:
        return Phrase(words)
    return Phrase(words, Tone.WEAK if parameters.bits >= 1024 else Tone.BAD, Wording("too small"))


def scheme(name: str) -> Phrase:
    return (
        Phrase(name, Tone.WEAK, Wording("broken hash")) if has_broken_hash(name) else Phrase(name)
    )


# --- certificates


def chains(tls: TlsFacts, at: datetime) -> Iterator[Section]:
    for served in tls.chains:
        if served.sni is not None:
            title = Wording(
                "Certificate: {key_type}, for {name}", key_type=served.key_type, name=served.sni
            )
        else:
            title = Wording(
                "Certificate: {key_type}, where no name is sent", key_type=served.key_type
            )
        yield Section(title, tuple(chain_rows(served, at)))


def chain_rows(served: ServedChain, at: datetime) -> Iterator[Row]:
    if not served.chain:
        yield Row(Wording("names"), (Phrase(Wording("no certificate"), Tone.BAD),))
        return
    leaf = served.chain[0]
    names = joined(", ", (*leaf.dns_names, *leaf.ip_addresses)) or in_context("names", "none")
    yield Row(Wording("names"), (Phrase(names),))
    gone = leaf.not_after < at
    first, last = leaf.not_before.date(), leaf.not_after.date()
    words = Wording("{first} to {last}", first=first, last=last)
    tone = Tone.BAD if gone else Tone.PLAIN
    yield Row(Wording("valid"), (Phrase(words), Phrase(remaining(leaf.not_after, at), tone)))
    yield Row(
        Wording("key"),
        (
            Phrase(
                Wording(
                    "{key}, signed with {algorithm}",
                    key=leaf.public_key,
                    algorithm=leaf.signature_algorithm,
                )
            ),
        ),
    )
    yield Row(
        Wording("chain"), (Phrase(chain_words(served.verdict, served)), trust(served.verdict))
    )
    for problem in served.verdict.problems:
        yield Row("", (Phrase(problem.text, Tone.BAD, problem.fault.value),))
    yield from _beside(served)
    yield Row("SHA-256", (Phrase(leaf.sha256),))


def chain_words(verdict: ChainVerdict, served: ServedChain | Handshake) -> str:
    """From the leaf to the anchor, or to where it breaks off."""
    steps = [each.subject or Wording("(no subject)") for each in verdict.path or served.chain]
    if verdict.anchor is not None and verdict.path and verdict.anchor != steps[-1]:
        steps.append(verdict.anchor)
    return joined(" ← ", steps)


def trust(verdict: ChainVerdict) -> Phrase:
    if verdict.anchor is None:
        return Phrase(Wording("(reaches no trusted root)"), Tone.BAD)
    return Phrase(Wording("(trusted)"), Tone.GOOD)


def _beside(served: ServedChain) -> Iterator[Row]:
    """What came with the chain."""
    match served.stapled:
        case Stapled(status=str(status)):
            yield Row("OCSP", (Phrase(status, Tone.BAD if status == "revoked" else Tone.GOOD),))
        case Stapled(status=Unknown() as why):
            yield Row("OCSP", (unknown(why),))
        case Unknown() as why if is_asked(why):
            yield Row("OCSP", (unknown(why),))
    if isinstance(served.scts, int):
        yield Row("SCTs", (Phrase(str(served.scts)),))


# --- behaviour and faults


def behaviour(tls: TlsFacts) -> Section:
    rows = [
        Row(words, (ternary(value, yes, no),))
        for words, value, yes, no in behaviours(tls.behaviour)
        if is_asked(value)
    ]
    rows += _resumption(tls.behaviour)
    missing = [words for words, value, *_ in behaviours(tls.behaviour) if not is_asked(value)]
    if rows and missing:
        rows.append(Row(Wording("not asked"), tuple(Phrase(each, Tone.DIM) for each in missing)))
    return Section(Wording("Behaviour"), tuple(rows))


def behaviours(facts: Behaviour) -> tuple[tuple[str, Ternary, Tone, Tone], ...]:
    return tuple((words, getattr(facts, name), yes, no) for name, words, yes, no in BEHAVIOURS)


def _resumption(facts: Behaviour) -> Iterator[Row]:
    known = [(words, getattr(facts.resumption, name)) for name, words in RESUMPTIONS]
    for words, value in known:
        if is_asked(value):
            yield Row(
                Wording("resumes by {means}", means=words),
                (ternary(value, Tone.PLAIN, Tone.PLAIN),),
            )
    if facts.resumption.lifetime_hint is not None:
        yield Row(
            Wording("ticket lifetime"),
            (Phrase(Wording("{seconds} s", seconds=facts.resumption.lifetime_hint)),),
        )


def ternary(value: Ternary, yes: Tone, no: Tone) -> Phrase:
    if isinstance(value, Unknown):
        return unknown(value)
    return Phrase(Wording("yes"), yes) if value else Phrase(Wording("no"), no)


def known_faults(tls: TlsFacts) -> Section:
    return Section(
        Wording("Known faults"), tuple(Row(each.id, (fault(each),)) for each in tls.known_faults)
    )


def fault(each: KnownFault) -> Phrase:
    if isinstance(each.present, Unknown):
        return unknown(each.present)
    words: str = Wording("present") if each.present else Wording("not present")
    if each.evidence:
        words = joined(": ", (words, each.evidence))
    return Phrase(words, fault_tone(each) if each.present else Tone.GOOD)


def fault_tone(each: KnownFault) -> Tone:
    return Tone.WEAK if each.id in MILD_FAULTS else Tone.BAD


def dialogue(facts: EndpointFacts) -> Section:
    """What the mail server says around TLS."""
    rows = []
    if isinstance(facts.greeting, Greeting):
        rows.append(Row(Wording("before TLS"), tuple(map(Phrase, facts.greeting.capabilities))))
    if isinstance(facts.capabilities_inside, tuple) and facts.capabilities_inside:
        rows.append(Row(Wording("inside TLS"), tuple(map(Phrase, facts.capabilities_inside))))
    if facts.tls is not None and facts.endpoint.service.tls is TlsMode.STARTTLS:
        rows += _around_starttls(facts.tls.dialogue)
    return Section(Wording("Mail dialogue"), tuple(rows))


def _around_starttls(dialogue: DialogueFacts) -> Iterator[Row]:
    if is_asked(dialogue.injection):
        yield Row(Wording("command injection"), (ternary(dialogue.injection, Tone.BAD, Tone.GOOD),))
    if is_asked(dialogue.second_starttls):
        said = dialogue.second_starttls
        yield Row(
            Wording("second STARTTLS"),
            (unknown(said) if isinstance(said, Unknown) else Phrase(said),),
        )
    if is_asked(dialogue.login_before_tls):
        yield Row(
            Wording("login before TLS"), (ternary(dialogue.login_before_tls, Tone.BAD, Tone.GOOD),)
        )
