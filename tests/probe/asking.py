"""A planner that asks the same thing again and again, to see how it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from letterlock.model.facts import EndpointFacts
from letterlock.model.tls_facts import Depth, TlsFacts
from letterlock.model.unknown import Unknown
from letterlock.probe.ask import Ask, Hello, Outcome, Procedure
from letterlock.wire.tls.answer import Answer
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import TLS1_2

#: ECDHE and RSA with AES; every server of the tests has one of them.
SUITES = (0xC02F, 0xC030, 0xC02B, 0xC02C, 0xC013, 0xC009, 0x009C, 0x002F)
GROUPS = (0x001D, 0x0017, 0x0018)
SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0603, 0x0501)


def hello() -> Hello:
    """TLS 1.2, as much of it as tests need."""
    offer = Offer((TLS1_2,), SUITES, b"mail.example.com", GROUPS, SCHEMES)
    return Hello(offer.hello().to_records())


class Listed:
    """Asks all of a list, the first alone, as real planners begin."""

    def __init__(
        self, first: EndpointFacts, what: Sequence[Hello | Procedure], weight: int = 1
    ) -> None:
        self.first = first
        self.asks = [Ask(f"question {number}", each, weight) for number, each in enumerate(what)]
        self.outcomes: dict[str, Outcome] = {}
        self._unasked = list(self.asks)

    def ready(self) -> tuple[Ask, ...]:
        now = self._unasked if self.outcomes else self._unasked[:1]
        if not self.outcomes and len(self._unasked) < len(self.asks):
            return ()
        self._unasked = self._unasked[len(now) :]
        return tuple(now)

    def learn(self, ask: Ask, outcome: Outcome) -> None:
        assert ask.key not in self.outcomes, f"{ask.key} was answered twice"
        self.outcomes[ask.key] = outcome

    def facts(self, *, connections: int = 0, refused: int = 0) -> TlsFacts:
        assert set(self.outcomes) == {ask.key for ask in self.asks}
        return TlsFacts(
            Depth.FULL,
            (),
            connections=connections,
            refused=refused,
            left_out=tuple(
                f"{key}: {outcome.cause}"
                for key, outcome in self.outcomes.items()
                if isinstance(outcome, Unknown)
            ),
        )

    @property
    def answers(self) -> list[Answer]:
        return [each for each in self.outcomes.values() if isinstance(each, Answer)]
