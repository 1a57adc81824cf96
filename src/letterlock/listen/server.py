"""The server itself: all the traps' sockets in one loop, until it is told to end."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from letterlock.listen.addresses import Names, Recipients
from letterlock.listen.certificates import Contexts, Identity, choosing, contexts, identities
from letterlock.listen.connection import Connection, House
from letterlock.listen.limits import Gate, Limits
from letterlock.listen.places import Listening, Role
from letterlock.listen.policy_server import PolicyHouse, PolicySession
from letterlock.listen.session import Host, Session
from letterlock.listen.sheets import sheets
from letterlock.listen.zone import policy
from letterlock.model.listening import PolicyFetch, Sheet, Trap, Visit
from letterlock.model.wording import Wording

#: Hundredths of a second that the last sessions have to end in.
_PATIENCE = 500


@dataclass(frozen=True, slots=True)
class Test:
    """What is listened for. `recipients` may be added to while the server runs; `expired` is a
    certificate that has run out, in place of one of a throw-away CA's."""

    names: Names
    recipients: Recipients
    good: Identity
    expired: Identity | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of each visit at its end, and of each fetch of the policy."""

    visit: Callable[[Visit], None]
    fetch: Callable[[PolicyFetch], None] = lambda _: None


class Listener:
    """Serves a Test; must be made before privileges are dropped and `run` after. The last visits
    (Limits.remembered) are kept for `sheets`."""

    def __init__(self, test: Test, told: Told) -> None:
        self._test = test
        self._told = told
        self._named: deque[Visit] = deque(maxlen=test.limits.remembered)
        self._others: deque[Visit] = deque(maxlen=test.limits.remembered)
        self._contexts: Contexts = contexts(identities(test.names, test.good, test.expired))
        self._shared = choosing(self._contexts, test.names, test.good)
        self._sessions: set[Connection] = set()
        self._stopped: asyncio.Event | None = None
        gate = Gate(test.limits)
        self._house = House(test.recipients, test.limits, gate, self._visited)
        self._policy = PolicyHouse(
            policy(test.names), self._contexts[Trap.GOOD], gate, told.fetch, test.limits.handshake
        )
        _warm_up()

    def sheets(self, labels: Mapping[str, str] | None = None) -> tuple[Sheet, ...]:
        """What is known so far, a sheet for each sender; `labels`: digest → a token's name."""
        return sheets(self.visits, labels)

    @property
    def visits(self) -> tuple[Visit, ...]:
        """Those that are remembered, by their beginning."""
        return tuple(sorted((*self._named, *self._others), key=lambda visit: visit.at))

    def _visited(self, visit: Visit) -> None:
        (self._named if visit.recipients else self._others).append(visit)
        self._told.visit(visit)

    def host(self, trap: Trap | None) -> Host:
        names = self._test.names
        if trap is None:
            return Host(names.domain, None, self._shared)
        return Host(names.host(trap), trap, self._contexts.get(trap))

    async def run(self, listening: Sequence[Listening], seconds: float | None = None) -> None:
        """Until SIGINT, SIGTERM or the time is up; visits that go on then are ended and told."""
        ended = self._stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        try:
            await self.serve(listening, ended, seconds)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """End `run`; from within its loop."""
        if self._stopped is not None:
            self._stopped.set()

    async def serve(
        self, listening: Sequence[Listening], ended: asyncio.Event, seconds: float | None = None
    ) -> None:
        """The same for who has a loop of its own: until `ended` is set."""
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(self._factory(each.trap), sock=each.socket)
            for each in listening
        ]
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), seconds)
        finally:
            for server in servers:
                server.close()
            await self._empty()

    async def _empty(self) -> None:
        """End what goes on: each visit is told by its connection_lost."""
        for _ in range(_PATIENCE):
            for session in tuple(self._sessions):
                session.cut_short(Wording("the test was ended"))
            if not self._sessions:
                return
            await asyncio.sleep(0.01)

    def _factory(self, whose: Trap | Role | None) -> Callable[[], asyncio.Protocol]:
        if whose is Role.POLICY:
            return lambda: PolicySession(self._policy)
        host = self.host(whose)

        def make() -> Session:
            session = Session(self._house, host, self._sessions.discard)
            self._sessions.add(session)
            return session

        return make


def _warm_up() -> None:
    """What is read when first asked for is read now: an unprivileged user may not be able to."""
    from letterlock.model.cipher_suites import suite_name
    from letterlock.model.named_groups import group_name
    from letterlock.model.signature_schemes import scheme_name
    from letterlock.model.tls_names import alert_name

    suite_name(0), group_name(0), scheme_name(0), alert_name(0)
