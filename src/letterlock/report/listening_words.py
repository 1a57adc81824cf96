"""A sender's test in words: for the terminal and the page."""

from __future__ import annotations

from letterlock.model.listening import Row, Sheet, TlsSeen, Trap, Verdict, Visit
from letterlock.report.sheet import Phrase
from letterlock.report.suites import Tone
from letterlock.report.text import suite_in_short


def tls_words(tls: TlsSeen | None) -> str:
    """How TLS was: version, suite, group, SNI; what is not known is left out."""
    if tls is None:
        return "no TLS"
    if tls.version is None:
        return "no TLS was agreed on"
    parts = (tls.version, suite_in_short(tls.cipher_suite or ""), group_words(tls), sni_words(tls))
    return " ".join(part for part in parts if part)


def group_words(tls: TlsSeen) -> str:
    if tls.group is None:
        return ""
    return f"{tls.group} (post-quantum)" if tls.post_quantum else tls.group


def sni_words(tls: TlsSeen) -> str:
    if tls.hello is None:
        return ""
    return "no SNI" if tls.hello.server_name is None else "SNI"


def verdict_words(row: Row) -> Phrase:
    """What the sender did at a trap; good is what a careful sender does there."""
    good_host = row.trap is Trap.GOOD
    match row.verdict:
        case Verdict.NEVER_CAME:
            return Phrase("never came", Tone.DIM)
        case Verdict.INCONCLUSIVE:
            return Phrase(f"tells nothing: {row.why}", Tone.WEAK)
        case Verdict.REFUSED:
            return Phrase(f"refused: {row.why}", Tone.BAD if good_host else Tone.GOOD)
        case Verdict.CLEAR:
            return Phrase("delivered in clear text", Tone.BAD)
        case Verdict.FELL_BACK:
            return Phrase("delivered in clear text after TLS failed", Tone.BAD)
        case Verdict.DELIVERED if good_host:
            return Phrase("delivered", Tone.GOOD)
        case Verdict.DELIVERED:
            return Phrase("delivered all the same", Tone.BAD)


def offer_rows(sheet: Sheet) -> tuple[tuple[str, str], ...]:
    """What the sender offers, of the first hello that was read: (what, words)."""
    hello = next((row.tls.hello for row in sheet.rows if row.tls and row.tls.hello), None)
    if hello is None:
        return ()
    post_quantum = ", ".join(hello.post_quantum_groups) or "none"
    rows = (
        ("versions", ", ".join(hello.versions)),
        ("groups", ", ".join(hello.groups)),
        ("post-quantum", post_quantum),
        ("suites", f"{len(hello.cipher_suites)}, first {', '.join(hello.cipher_suites[:3])}"),
        ("signatures", ", ".join(hello.signature_schemes[:6])),
        ("ALPN", ", ".join(hello.alpn)),
    )
    return tuple((what, words) for what, words in rows if words)


def summary(sheet: Sheet) -> str:
    """One sentence."""
    delivered = [row for row in sheet.rows if row.verdict.delivered]
    if delivered and all(row.verdict is Verdict.CLEAR for row in delivered):
        return "It sends in clear text."
    if not sheet.at(Trap.GOOD).verdict.delivered:
        return "The good host has no mail: what was refused elsewhere may have the same reason."
    unchecked = sheet.does_not_check
    if not unchecked:
        return "Nothing came where it should not."
    return f"It does not insist on: {', '.join(unchecked)}."


def visit_words(visit: Visit) -> tuple[Phrase, str]:
    """One line while the test runs: what came, and how."""
    how = tls_words(visit.tls)
    if visit.mails:
        clear = not all(each.encrypted for each in visit.mails)
        fine = visit.trap is Trap.GOOD and not clear
        words = "mail in clear text" if clear else "mail"
        return Phrase(words, Tone.GOOD if fine else Tone.BAD), how
    if visit.turned_away:
        return Phrase("turned away: no token of this test", Tone.WEAK), how
    nothing = Phrase(f"no mail: {visit.refusal}", Tone.DIM)
    return nothing, visit.ended if visit.tls is None else how


def where(visit: Visit) -> str:
    """The trap's name, of the recipient where the address is shared."""
    if visit.trap is not None:
        return visit.trap.value
    return visit.recipients[0][0].value if visit.recipients else "?"
