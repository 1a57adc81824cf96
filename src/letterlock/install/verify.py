"""What must be seen on the wire, compared with what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from letterlock.model.certificate import KeyType
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.plan import Expectation
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.unknown import Cause, Unknown

#: An endpoint, the name to send and to verify, the only key type to speak (None: all).
Question = tuple[Endpoint, str, KeyType | None]


class Observe(Protocol):
    """Looks at endpoints with a name to send and to verify, as a client that speaks one key type
    alone where one is given; what each of them showed, in the same order."""

    def __call__(
        self, endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]: ...


def question(asked: EndpointFacts | Expectation) -> Question:
    """What facts are the answer to, or an expectation wants to be asked."""
    return asked.endpoint, asked.name, asked.key_type


#: A reloaded server's new processes may take a moment until they answer.
PATIENCE_SECONDS = 10.0
#: Of thousands of names so many are looked at in a rehearsal, and before anything changes.
SAMPLE = 16
#: Of more names than that several are asked for at once: two connections each.
_NAMES_AT_ONCE = 4
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


def sample(expectations: Sequence[Expectation], most: int = SAMPLE) -> tuple[Expectation, ...]:
    """Those of the first so many names: enough to tell whether names are served at all."""
    names = set(list(dict.fromkeys(each.name for each in expectations))[:most])
    return tuple(each for each in expectations if each.name in names)


def observe_all(observe: Observe, wanted: Iterable[Question]) -> tuple[EndpointFacts, ...]:
    """The facts of every endpoint, asked for together per name and key type, in the order
    given."""
    questions = list(dict.fromkeys(wanted))
    alike: dict[tuple[str, KeyType | None], list[Endpoint]] = {}
    for endpoint, name, key_type in questions:
        alike.setdefault((name, key_type), []).append(endpoint)
    seen: dict[Question, EndpointFacts] = {}
    for (name, key_type), found in _seen_by_name(observe, alike):
        seen |= {(facts.endpoint, name, key_type): facts for facts in found}
    return tuple(seen[each] for each in questions if each in seen)


def _seen_by_name(
    observe: Observe, alike: Mapping[tuple[str, KeyType | None], Sequence[Endpoint]]
) -> Iterator[tuple[tuple[str, KeyType | None], tuple[EndpointFacts, ...]]]:
    """What the endpoints showed, one name after the other or, of many names, several at once. A
    thread begun here lives in this thread's network namespace."""
    if len(alike) <= SAMPLE * len(KeyType):
        for asked, endpoints in alike.items():
            yield asked, observe(endpoints, *asked)
        return
    names, key_types = zip(*alike, strict=True)
    with ThreadPoolExecutor(_NAMES_AT_ONCE) as pool:
        yield from zip(alike, pool.map(observe, alike.values(), names, key_types), strict=True)


def complaints(
    expectations: Sequence[Expectation], facts: Sequence[EndpointFacts]
) -> tuple[str, ...]:
    """What is missing at the expected endpoints, a line each; empty: all is as it should be."""
    seen = {question(fact): fact for fact in facts}
    lines = []
    for expectation in expectations:
        fact = seen.get(question(expectation))
        lines += _complaints(expectation, fact)
    return tuple(lines)


def _complaints(expectation: Expectation, fact: EndpointFacts | None) -> list[str]:
    at = f"{expectation.endpoint} ({_asked(expectation)})"
    if fact is None:
        return [f"{at}: was not looked at"]
    handshake = fact.handshake
    if isinstance(handshake, Handshake):
        said = _certificate_complaints(expectation, handshake)
        inside = fact.capabilities_inside
        if isinstance(inside, Unknown) and inside.cause is Cause.DISCONNECTED:
            # A service whose SASL is not wired up dies here, with a fine handshake behind it.
            said.append(f"dies at its first words inside TLS: {inside.reason}")
        return [f"{at}: {text}" for text in said]
    return [f"{at}: {_why_no_handshake(fact)}"]


def _asked(each: EndpointFacts | Expectation) -> str:
    """The service, and what our client was where that matters."""
    alone = f", {each.key_type} only" if each.key_type else ""
    return f"{each.endpoint.service.name}{alone}"


def _why_no_handshake(fact: EndpointFacts) -> str:
    if fact.closed:
        return "nothing listens there"
    if isinstance(fact.greeting, Unknown):
        return f"no greeting: {fact.greeting.reason}"
    starttls = fact.endpoint.service.tls is TlsMode.STARTTLS
    if starttls and isinstance(fact.greeting, Greeting) and not fact.greeting.starttls_offered:
        return "STARTTLS is not offered"
    if isinstance(fact.handshake, Unknown):
        return f"the TLS handshake failed: {fact.handshake.reason}"
    return "no TLS is offered"


def _certificate_complaints(expectation: Expectation, handshake: Handshake) -> list[str]:
    if not handshake.chain:
        return ["no certificate is served"]
    leaf = handshake.chain[0]
    lines = []
    if leaf.sha256 != expectation.leaf_sha256:
        lines.append(
            f"another certificate than the installed one is served: {leaf.subject}, "
            f"SHA-256 {leaf.sha256[:16]}…"
        )
    lines += [problem.text for problem in handshake.verdict.problems]
    return lines


def losses(
    before: Sequence[EndpointFacts], after: Sequence[EndpointFacts], *, tls_may_go: bool = False
) -> tuple[str, ...]:
    """Where something answered before, or did TLS, and does not now; a line each. With
    `tls_may_go` a port that answers may be without TLS: a rollback to before there was any."""
    seen = {question(fact): fact for fact in after}
    lines = []
    for was in before:
        now = seen.get(question(was))
        if now is None:
            continue
        at = f"{was.endpoint} ({_asked(was)})"
        if _answers(was) and not _answers(now):
            lines.append(f"{at}: answered before, and now {_why_no_handshake(now)}")
        elif tls_may_go:
            continue
        elif isinstance(was.handshake, Handshake) and not isinstance(now.handshake, Handshake):
            lines.append(f"{at}: did TLS before, and now {_why_no_handshake(now)}")
    return tuple(lines)


def _answers(fact: EndpointFacts) -> bool:
    return isinstance(fact.greeting, Greeting) or isinstance(fact.handshake, Handshake)


def differences(before: Sequence[EndpointFacts], after: Sequence[EndpointFacts]) -> tuple[str, ...]:
    """Where what is served now is not what was served before, a line each."""
    seen = {question(fact): fact for fact in after}
    lines = []
    for was in before:
        now = seen.get(question(was))
        if now is None or _served(now) != _served(was):
            at = f"{was.endpoint} ({_asked(was)})"
            lines.append(f"{at}: served {_served(was)} before, now {_served(now)}")
    return tuple(lines)


def _served(fact: EndpointFacts | None) -> str:
    if fact is None or fact.closed:
        return "nothing"
    if isinstance(fact.handshake, Handshake):
        leaf = fact.handshake.chain[0] if fact.handshake.chain else None
        return f"the certificate {leaf.sha256[:16]}…" if leaf else "TLS without a certificate"
    if isinstance(fact.handshake, Unknown) or isinstance(fact.greeting, Unknown):
        return "no TLS session"
    return "no TLS"


def settle(
    look: Callable[[], tuple[EndpointFacts, ...]],
    judge: Callable[[tuple[EndpointFacts, ...]], tuple[str, ...]],
    patience: float = PATIENCE_SECONDS,
) -> tuple[tuple[EndpointFacts, ...], tuple[str, ...]]:
    """Look again, with growing pauses, until `judge` has nothing to say or `patience` seconds
    are over; the last facts and what was said of them."""
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE_SECONDS
    while True:
        facts = look()
        said = judge(facts)
        if not said or time.monotonic() + pause > deadline:
            return facts, said
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
