"""One endpoint from its first visit to the last of its planner's questions."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from letterlock.certs.trust import TrustStore
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.tls_facts import TlsFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import Ask, Hello, Outcome
from letterlock.probe.endpoint import probe_endpoint
from letterlock.probe.gate import Gate
from letterlock.probe.governor import PATIENCE, Fate, Pace
from letterlock.probe.ground import Account, EndpointGround, Terms, fate
from letterlock.probe.hello import put_hello
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.procedures import PROCEDURES

#: How often a question that was cut off is asked again; one that was turned away, as long as the
#: run may last.
_TRIES = 3
#: Questions put to one endpoint at once, at most.
_WORKERS = 6
_ABSENT = (
    Cause.CONNECTION_REFUSED,
    Cause.UNREACHABLE,
    Cause.NO_ANSWER,
    Cause.NOT_ADMITTED,
)
_INTERRUPTED = Unknown(Wording("the run was interrupted before"), Cause.INTERRUPTED)


class Planner(Protocol):
    """What `probe.plan` gives: see there."""

    def ready(self) -> tuple[Ask, ...]: ...

    def learn(self, ask: Ask, outcome: Outcome) -> None: ...

    def facts(self, *, connections: int = 0, refused: int = 0) -> TlsFacts: ...


#: Makes the planner for an endpoint whose first visit gave these facts; certificates are judged for
#: the moment given.
Plan = Callable[[EndpointFacts, datetime], Planner]


@dataclass(frozen=True, slots=True)
class Caller:
    """What the first visit verifies certificates by, at the moment `at`."""

    name: str
    trust: TrustStore
    at: datetime


class Inquiry:
    """All that is asked of one endpoint. `facts()` may be called at any time, and tells what is
    known by then and what is not."""

    def __init__(
        self,
        endpoint: Endpoint,
        caller: Caller,
        plan: Plan | None,
        gate: Gate,
        pace: Pace,
        terms: Terms,
        *,
        max_connections: int | None = None,
        told: Callable[[Inquiry], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.finished = False
        self.account = Account(max_connections)
        self._caller = caller
        self._plan = plan
        self._gate = gate
        self._pace = pace
        self._terms = terms
        self._told = told
        self._first: EndpointFacts | None = None
        self._facts: EndpointFacts | None = None
        self._planner: Planner | None = None
        self._queue: deque[Ask] = deque()
        self._under_way: dict[str, Ask] = {}
        self._tries: Counter[str] = Counter()
        #: Why nothing more is asked.
        self._over: Unknown | None = None
        self._idle: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        """To the end, or until cancelled."""
        try:
            async with asyncio.timeout_at(self._terms.deadline):
                await self._ask_everything()
        except TimeoutError:
            self._over = Unknown(Wording("not reached within the time allowed"), Cause.BUDGET)
        self.finished = True
        self.facts()  # so that the planner with all its answers can go
        self._tell()

    def facts(self) -> EndpointFacts:
        """What is known, and what is not. Ends the inquiry: what is unasked stays so."""
        if self._facts is None:
            self._facts = self._gather()
            self._planner = None
        return self._facts

    def _gather(self) -> EndpointFacts:
        unknown = _INTERRUPTED if self._over is None else self._over
        if self._first is None:
            return untouched(self.endpoint, self._caller.name, unknown)
        if self._planner is None:
            return self._first
        self._leave_unasked(self._planner, unknown)
        tls = self._planner.facts(connections=self.account.made, refused=self.account.refused)
        seen = self._first.handshake
        if isinstance(seen, Handshake):
            tls = tls.with_seen(seen.version, seen.cipher_suite)
        return replace(self._first, tls=tls)

    async def _ask_everything(self) -> None:
        self._first = await self._first_visit()
        self._tell()
        if self._plan is not None and worth_asking(self._first):
            self._planner = self._plan(self._first, self._caller.at)
            await self._put_all()

    def _leave_unasked(self, planner: Planner, unknown: Unknown) -> None:
        rest = [*self._under_way.values(), *self._queue]
        self._under_way.clear()
        self._queue.clear()
        while rest:
            for ask in rest:
                planner.learn(ask, unknown)
            rest = list(planner.ready())

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self)

    # --- the first visit

    async def _first_visit(self) -> EndpointFacts:
        """Made again, once the server may have forgotten, where it turned us away."""
        try:
            self._first, judged = await self._visit()
            if judged is Fate.TURNED_AWAY:
                self._first, _ = await self._visit()
        except Obstacle as obstacle:  # it would take too long
            why = obstacle.unknown
            return self._first or untouched(self.endpoint, self._caller.name, why)
        return self._first

    async def _visit(self) -> tuple[EndpointFacts, Fate]:
        turn = await self._gate.admit(self._pace, self._terms.deadline)
        judged = Fate.VOID
        try:
            facts = await probe_endpoint(
                self.endpoint,
                self._caller.name,
                self._caller.trust,
                self._terms.limits,
                ehlo_name=self._terms.ehlo_name,
                at=self._caller.at,
                guard=self._terms.guard,
            )
            obstacle = _obstacle(facts)
            self.account.made += obstacle is None or obstacle.cause not in _ABSENT
            judged = Fate.SERVED if obstacle is None else fate(obstacle.cause, self._pace)
            if obstacle is None:
                self._gate.greeted(turn)
            return facts, judged
        finally:
            self.account.note(judged)
            self._gate.end(turn, judged)

    # --- the questions

    async def _put_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._gate.governor.at_once, _WORKERS)):
                group.create_task(self._work())

    async def _work(self) -> None:
        """One of several that take question after question, until there are none and no answer
        is awaited that could bring new ones."""
        while (ask := await self._next_ask()) is not None:
            outcome = await self._put(ask)
            del self._under_way[ask.key]
            if outcome is None:
                self._queue.appendleft(ask)
            else:
                self._learn(ask, outcome)
            self._wake()
            self._tell()

    async def _next_ask(self) -> Ask | None:
        while True:
            ask = self._affordable()
            if ask is not None:
                self._under_way[ask.key] = ask
                return ask
            if not self._under_way:
                self._wake()
                return None
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def _affordable(self) -> Ask | None:
        """The next question for which there are connections left, and somebody to ask."""
        while ask := self._pop():
            if self._over is not None:
                self._learn(ask, self._over)
            elif not self.account.affords(ask.weight):
                self._learn(
                    ask, Unknown(Wording("no connections left in its budget"), Cause.BUDGET)
                )
            else:
                return ask
        return None

    def _pop(self) -> Ask | None:
        if self._planner is not None:
            self._queue.extend(self._planner.ready())
        return self._queue.popleft() if self._queue else None

    def _learn(self, ask: Ask, outcome: Outcome) -> None:
        if self._planner is not None:
            self._planner.learn(ask, outcome)

    def _wake(self) -> None:
        for waiter in self._idle:
            if not waiter.done():
                waiter.set_result(None)
        self._idle.clear()

    async def _put(self, ask: Ask) -> Outcome | None:
        """Ask it. None where it should be asked again later."""
        ground = EndpointGround(
            self.endpoint, self._gate, self._pace, self.account, self._terms, ask.weight
        )
        try:
            if isinstance(ask.what, Hello):
                outcome: Outcome = await put_hello(ground, ask.what)
            else:
                outcome = await PROCEDURES[ask.what.name](ground, ask.what.options)
        except Obstacle as obstacle:
            outcome = obstacle.unknown
        finally:
            ground.close()
        if self._again(ask, ground.thwarted):
            return None
        if ground.thwarted is not None and isinstance(ask.what, Hello):
            return ground.thwarted.unknown  # no word on the hello: it was meant for us
        return outcome

    def _again(self, ask: Ask, thwarted: Obstacle | None) -> bool:
        """Whether to ask it again later, since it was our manners that it failed by."""
        if thwarted is None:
            return False
        if max(self._pace.strikes, self._gate.governor.strikes) >= PATIENCE:
            self._over = thwarted.unknown
            return False
        self._tries[ask.key] += 1
        return self._tries[ask.key] < _TRIES or thwarted.unknown.cause is Cause.THROTTLED


def untouched(endpoint: Endpoint, name: str, why: Unknown) -> EndpointFacts:
    """The facts of an endpoint of which nothing is known."""
    greeting = None if endpoint.service.tls is TlsMode.IMPLICIT else why
    return EndpointFacts(endpoint, name, greeting, why, why)


def worth_asking(facts: EndpointFacts) -> bool:
    """Whether TLS can be brought about where it should be: it was, or it was begun and failed."""
    if isinstance(facts.greeting, Unknown) or facts.handshake is None:
        return False
    if isinstance(facts.handshake, Handshake):
        return True
    began = (Cause.TLS_ALERT, Cause.TLS_ERROR, Cause.DISCONNECTED)
    return facts.handshake.cause in began


def _obstacle(facts: EndpointFacts) -> Unknown | None:
    """What kept us from being served, if anything did."""
    if isinstance(facts.greeting, Unknown):
        return None if facts.greeting.cause is Cause.TLS_ON_PLAIN_PORT else facts.greeting
    if isinstance(facts.handshake, Unknown) and facts.handshake.cause in _ABSENT:
        return facts.handshake
    inside = facts.capabilities_inside
    if isinstance(inside, Unknown) and inside.cause is Cause.THROTTLED:
        return inside
    return None
