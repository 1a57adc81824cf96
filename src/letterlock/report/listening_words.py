"""A sender's test in words: for the terminal and the page."""

from __future__ import annotations

from letterlock.model.listening import Row, Sheet, TlsSeen, Trap, Verdict, Visit
from letterlock.model.wording import Wording, joined
from letterlock.report.sheet import Phrase
from letterlock.report.suites import Tone
from letterlock.report.text import suite_in_short

#: What is wrong with each host.
TRAP_WORDS = {
    Trap.GOOD: Wording("nothing is wrong with it"),
    Trap.EXPIRED: Wording("its certificate has expired"),
    Trap.WRONG_NAME: Wording("its certificate is for another name"),
    Trap.SELF_SIGNED: Wording("its certificate is self-signed"),
    Trap.NO_STARTTLS: Wording("it offers no TLS"),
    Trap.TLSA_MISMATCH: Wording("its certificate is not the one that its TLSA record names (DANE)"),
    Trap.MTA_STS: Wording("its domain enforces MTA-STS, and its certificate is self-signed"),
}


def tls_words(tls: TlsSeen | None) -> str:
    """How TLS was: version, suite, group, SNI; what is not known is left out."""
    if tls is None:
        return Wording("no TLS")
    if tls.version is None:
        return Wording("no TLS was agreed on")
    parts = (tls.version, suite_in_short(tls.cipher_suite or ""), group_words(tls), sni_words(tls))
    return joined(" ", (part for part in parts if part))


def group_words(tls: TlsSeen) -> str:
    if tls.group is None:
        return ""
    if tls.post_quantum:
        return Wording("{group} (post-quantum)", group=tls.group)
    return tls.group


def sni_words(tls: TlsSeen) -> str:
    if tls.hello is None:
        return ""
    return Wording("no SNI") if tls.hello.server_name is None else "SNI"


def verdict_words(row: Row) -> Phrase:
    """What the sender did at a trap; good is what a careful sender does there."""
    good_host = row.trap is Trap.GOOD
    match row.verdict:
        case Verdict.NEVER_CAME:
            return Phrase(Wording("never came"), Tone.DIM)
        case Verdict.INCONCLUSIVE:
            return Phrase(Wording("tells nothing: {why}", why=row.why), Tone.WEAK)
        case Verdict.REFUSED:
            words = Wording("refused: {why}", why=row.why)
            return Phrase(words, Tone.BAD if good_host else Tone.GOOD)
        case Verdict.CLEAR:
            return Phrase(Wording("delivered in clear text"), Tone.BAD)
        case Verdict.FELL_BACK:
            return Phrase(Wording("delivered in clear text after TLS failed"), Tone.BAD)
        case Verdict.DELIVERED if good_host:
            return Phrase(Wording("delivered"), Tone.GOOD)
        case Verdict.DELIVERED:
            return Phrase(Wording("delivered all the same"), Tone.BAD)


def offer_rows(sheet: Sheet) -> tuple[tuple[str, str], ...]:
    """What the sender offers, of the first hello that was read: (what, words)."""
    hello = next((row.tls.hello for row in sheet.rows if row.tls and row.tls.hello), None)
    if hello is None:
        return ()
    post_quantum = ", ".join(hello.post_quantum_groups) or Wording("none")
    suites = Wording(
        "{count}, first {suites}",
        count=len(hello.cipher_suites),
        suites=", ".join(hello.cipher_suites[:3]),
    )
    rows = (
        (Wording("versions"), ", ".join(hello.versions)),
        (Wording("groups"), ", ".join(hello.groups)),
        (Wording("post-quantum"), post_quantum),
        (Wording("suites"), suites),
        (Wording("signatures"), ", ".join(hello.signature_schemes[:6])),
        ("ALPN", ", ".join(hello.alpn)),
    )
    return tuple((what, words) for what, words in rows if words)


def summary(sheet: Sheet) -> str:
    """One sentence."""
    delivered = [row for row in sheet.rows if row.verdict.delivered]
    if delivered and all(row.verdict is Verdict.CLEAR for row in delivered):
        return Wording("It sends in clear text.")
    if not sheet.at(Trap.GOOD).verdict.delivered:
        return Wording(
            "The good host has no mail: what was refused elsewhere may have the same reason."
        )
    unchecked = sheet.does_not_check
    if not unchecked:
        return Wording("Nothing came where it should not.")
    return Wording("It does not insist on: {what}.", what=joined(", ", unchecked))


def visit_words(visit: Visit) -> tuple[Phrase, str]:
    """One line while the test runs: what came, and how."""
    how = tls_words(visit.tls)
    if visit.mails:
        clear = not all(each.encrypted for each in visit.mails)
        fine = visit.trap is Trap.GOOD and not clear
        words = Wording("mail in clear text") if clear else Wording("mail")
        return Phrase(words, Tone.GOOD if fine else Tone.BAD), how
    if visit.turned_away:
        return Phrase(Wording("turned away: no token of this test"), Tone.WEAK), how
    nothing = Phrase(Wording("no mail: {why}", why=visit.refusal), Tone.DIM)
    return nothing, visit.ended if visit.tls is None else how


def where(visit: Visit) -> str:
    """The trap's name, of the recipient where the address is shared."""
    if visit.trap is not None:
        return visit.trap.value
    return visit.recipients[0][0].value if visit.recipients else "?"
