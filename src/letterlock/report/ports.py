"""One port in a line: what each cell says, and how it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.tls_facts import ProtocolFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import Grade, Letter
from letterlock.model.wording import Wording, in_context, joined
from letterlock.report.served import Served
from letterlock.report.sheet import Phrase
from letterlock.report.suites import Tone, version_tone

UNREACHED = (Cause.CONNECTION_REFUSED, Cause.UNREACHABLE, Cause.NO_ANSWER)
#: The cause of failure in a word, and how it is meant.
CAUSES = {
    Cause.CONNECTION_REFUSED: Phrase(Wording("closed"), Tone.DIM),
    Cause.UNREACHABLE: Phrase(Wording("no route"), Tone.DIM),
    Cause.NO_ANSWER: Phrase(Wording("no answer"), Tone.DIM),
    Cause.STARTTLS_REFUSED: Phrase(Wording("refused"), Tone.BAD),
    Cause.TLS_ALERT: Phrase(Wording("fails"), Tone.BAD),
    Cause.TLS_ERROR: Phrase(Wording("fails"), Tone.BAD),
    Cause.PLAIN_ON_TLS_PORT: Phrase(Wording("plain text"), Tone.BAD),
    Cause.TLS_ON_PLAIN_PORT: Phrase(Wording("misplaced"), Tone.BAD),
}
_GRADES = {
    Letter.A: Tone.GOOD,
    Letter.B: Tone.GOOD,
    Letter.C: Tone.WEAK,
    Letter.D: Tone.WEAK,
    Letter.E: Tone.BAD,
    Letter.F: Tone.BAD,
}


def tls_phrase(each: EndpointFacts) -> Phrase:
    """How TLS begins there, or why it does not."""
    if isinstance(each.handshake, Handshake):
        if isinstance(each.greeting, Unknown):
            return Phrase(Wording("misplaced"), Tone.BAD)
        return Phrase(Wording("implicit") if each.greeting is None else "STARTTLS", Tone.GOOD)
    if each.handshake is None:
        return Phrase(in_context("no TLS", "none"), Tone.BAD)
    return CAUSES.get(each.handshake.cause, Phrase(Wording("unknown"), Tone.WEAK))


def why_not_connected(each: EndpointFacts) -> str:
    if isinstance(each.handshake, Unknown) and each.handshake.cause in UNREACHED:
        return each.handshake.reason
    return ""


def grade_phrase(grade: Grade | Unknown) -> Phrase:
    if isinstance(grade, Unknown):
        return Phrase("?", Tone.DIM, grade.reason)
    return Phrase(grade.letter.value, _GRADES[grade.letter], joined("; ", grade.because))


def version_phrases(each: EndpointFacts) -> Iterator[Phrase]:
    """Newest first: all that are offered or not determined (`1.1?`); of one handshake its own."""
    if each.tls is not None:
        yield from (
            _version(one) for one in reversed(each.tls.protocols) if one.offered is not False
        )
    elif isinstance(each.handshake, Handshake):
        yield Phrase(each.handshake.version)


def _version(protocol: ProtocolFacts) -> Phrase:
    name = {"TLSv1": "1.0"}.get(protocol.name, protocol.name.removeprefix("TLSv"))
    if isinstance(protocol.offered, Unknown):
        return Phrase(f"{name}?", Tone.DIM, protocol.offered.reason)
    return Phrase(name, *version_tone(protocol.name))


def group_words(handshake: Handshake) -> str:
    return handshake.named_group if isinstance(handshake.named_group, str) else "-"


def certificate_phrase(each: EndpointFacts, served: Served, at: datetime) -> Phrase:
    """`✓ A 60 d`: accepted, which, and the days left."""
    if not isinstance(each.handshake, Handshake):
        return Phrase("")
    if not each.handshake.chain:
        return Phrase(Wording("✗ none"), Tone.BAD)
    left = (each.handshake.chain[0].not_after - at) // timedelta(days=1)
    letters = served.letters(each)
    life = Wording("{days} d", days=left) if left >= 0 else Wording("expired")
    words = joined(" ", (letters, life)) if letters else life
    if each.handshake.verdict.accepted:
        return Phrase(joined(" ", ("✓", words)), Tone.GOOD)
    return Phrase(joined(" ", ("✗", words)), Tone.BAD)


def open_logins(each: EndpointFacts) -> tuple[str, ...]:
    return each.greeting.cleartext_logins if isinstance(each.greeting, Greeting) else ()


def login_phrase(each: EndpointFacts) -> Phrase:
    """The ways to send a password before TLS; empty where nothing is said before TLS."""
    if not isinstance(each.greeting, Greeting):
        return Phrase("")
    logins = open_logins(each)
    tone = Tone.WEAK if each.from_same_address else Tone.BAD
    return Phrase(joined(", ", logins), tone) if logins else Phrase(Wording("no"))
