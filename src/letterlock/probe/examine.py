"""Many targets at once, each with its endpoints, from a program that is not asynchronous."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from letterlock.certs.trust import TrustStore
from letterlock.model.errors import UndeterminedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.revocation import Revocation
from letterlock.model.service import Endpoint, TlsMode
from letterlock.probe.gate import Gate
from letterlock.probe.governor import UNGREETED, Governor, Pace
from letterlock.probe.ground import Terms
from letterlock.probe.guard import Guard, anywhere
from letterlock.probe.limits import Limits
from letterlock.probe.observe import LOOPBACK_CONCURRENCY, REMOTE_CONCURRENCY
from letterlock.probe.resolve import own_name
from letterlock.probe.run import Caller, Inquiry, Plan

#: Targets visited at once; each has two addresses as a rule, and seven ports.
_TARGETS = 32
_TARGETS_FAST = 8
#: At once to one address where there is no need to be gentle: LOOPBACK_CONCURRENCY for each of
#: seven ports. Postfix allows a client 50 per service (smtpd_client_connection_count_limit).
_FAST = 42


@dataclass(frozen=True, slots=True)
class Manners:
    """How much we ask of a server's patience. `fast` is as many connections at once to each port
    as there are else to all ports of our own address; `rate` the most per minute and address;
    `max_connections` the most per endpoint; `max_seconds` how long one target may take in all.
    `ehlo_name` is what we call ourselves, by default this host's name."""

    limits: Limits = field(default_factory=Limits)
    ehlo_name: str | None = None
    fast: bool = False
    rate: float | None = None
    max_connections: int | None = None
    max_seconds: float = 600.0
    #: Says which addresses are not gone to.
    guard: Guard = anywhere


#: Whether certificates that endpoints serve are revoked.
Online = Callable[[Sequence[EndpointFacts]], tuple[Revocation, ...]]


class Examination:
    """One target: `name` is sent as SNI and verified, `find` gives its endpoints (it may block, and
    raise UndeterminedError), `plan` a planner for each, `online` asks CAs about what they serve (it
    may block). What is known of it can be had at any time, also when the run was cut short."""

    def __init__(
        self,
        name: str,
        find: Callable[[], Sequence[Endpoint]],
        plan: Plan | None,
        online: Online | None = None,
    ) -> None:
        self.name = name
        self.find = find
        self.plan = plan
        self.online = online
        self.revocations: tuple[Revocation, ...] | None = None
        self.inquiries: list[Inquiry] = []
        self.error: UndeterminedError | None = None
        self.started: datetime | None = None
        self.finished = False
        self._clock = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        if self.started is None:
            return 0.0
        return self._seconds if self.finished else time.monotonic() - self._clock

    @property
    def connections(self) -> int:
        """Made so far."""
        return sum(inquiry.account.made for inquiry in self.inquiries)

    def facts(self) -> tuple[EndpointFacts, ...]:
        """In the order that `find` gave; to be called when the run is over."""
        return tuple(inquiry.facts() for inquiry in self.inquiries)

    def begin(self) -> datetime:
        self.started, self._clock = datetime.now(UTC), time.monotonic()
        return self.started

    def end(self) -> None:
        self._seconds, self.finished = time.monotonic() - self._clock, True


def examine(
    examinations: Sequence[Examination],
    trust: TrustStore,
    manners: Manners,
    *,
    told: Callable[[Examination, Inquiry], None] | None = None,
    done: Callable[[Examination], None] | None = None,
) -> None:
    """Carry them out, several at once. `told` is called whenever something has become known of an
    endpoint, `done` when a target is finished, in this thread; what is known stands when a
    KeyboardInterrupt ends the call. Runs an event loop of its own in the calling thread, so in that
    thread's network namespace; raises for nothing that a server does."""
    asyncio.run(_Round(trust, manners, told, done).run(examinations))


class _Round:
    """What examinations made together share: one governor per address, one pace per port."""

    def __init__(
        self,
        trust: TrustStore,
        manners: Manners,
        told: Callable[[Examination, Inquiry], None] | None,
        done: Callable[[Examination], None] | None,
    ) -> None:
        self._trust = trust
        self._manners = manners
        self._told = told
        self._done = done
        self._gates: dict[str, Gate] = {}
        self._paces: dict[Endpoint, Pace] = {}
        self._names: dict[bool, str] = {}

    async def run(self, examinations: Sequence[Examination]) -> None:
        room = asyncio.Semaphore(_TARGETS_FAST if self._manners.fast else _TARGETS)

        async def one(examination: Examination) -> None:
            async with room:
                await self._examine(examination)

        async with asyncio.TaskGroup() as group:
            for examination in examinations:
                group.create_task(one(examination))

    async def _examine(self, examination: Examination) -> None:
        started = examination.begin()
        try:
            endpoints = await asyncio.to_thread(examination.find)
        except UndeterminedError as error:
            examination.error = error
        else:
            terms = await self._terms(endpoints)
            caller = Caller(examination.name, self._trust, started)
            examination.inquiries += [
                self._inquiry(examination, endpoint, caller, terms) for endpoint in endpoints
            ]
            async with asyncio.TaskGroup() as group:
                for inquiry in examination.inquiries:
                    group.create_task(inquiry.run())
            if examination.online is not None:
                facts = examination.facts()
                examination.revocations = await asyncio.to_thread(examination.online, facts)
        examination.end()
        if self._done is not None:
            self._done(examination)

    def _inquiry(
        self, examination: Examination, endpoint: Endpoint, caller: Caller, terms: Terms
    ) -> Inquiry:
        told = self._told
        return Inquiry(
            endpoint,
            caller,
            examination.plan,
            self._gate(endpoint),
            self._pace(endpoint),
            terms,
            max_connections=self._manners.max_connections,
            told=None if told is None else lambda inquiry: told(examination, inquiry),
        )

    async def _terms(self, endpoints: Sequence[Endpoint]) -> Terms:
        name = self._manners.ehlo_name or await self._own_name(
            look_up=not all(map(_is_loopback, endpoints))
        )
        deadline = asyncio.get_running_loop().time() + self._manners.max_seconds
        return Terms(self._manners.limits, name, deadline, self._manners.guard)

    async def _own_name(self, *, look_up: bool) -> str:
        if look_up not in self._names:
            self._names[look_up] = await asyncio.to_thread(own_name, look_up)
        return self._names[look_up]

    def _gate(self, endpoint: Endpoint) -> Gate:
        if endpoint.address not in self._gates:
            at_once = LOOPBACK_CONCURRENCY if _is_loopback(endpoint) else REMOTE_CONCURRENCY
            if self._manners.fast:
                at_once = _FAST
            self._gates[endpoint.address] = Gate(Governor(at_once, self._manners.rate))
        return self._gates[endpoint.address]

    def _pace(self, endpoint: Endpoint) -> Pace:
        if endpoint not in self._paces:
            unseen = self._manners.fast or endpoint.service.tls is TlsMode.IMPLICIT
            self._paces[endpoint] = Pace(LOOPBACK_CONCURRENCY if unseen else UNGREETED)
        return self._paces[endpoint]


def _is_loopback(endpoint: Endpoint) -> bool:
    return ipaddress.ip_address(endpoint.address).is_loopback
