"""One visit to one endpoint: the mail dialogue, one full handshake, the dialogue inside it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.chain import read_chain
from letterlock.probe.channel import Channel
from letterlock.probe.conversation import Conversation, dialogue_for
from letterlock.probe.guard import Guard, anywhere
from letterlock.probe.limits import Limits
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.tls import Negotiated, TlsSession, client_context
from letterlock.wire.dialogue import Dialogue

_NOT_REACHED = Unknown(Wording("no TLS session"), Cause.NOT_REACHED)


async def probe_endpoint(
    endpoint: Endpoint,
    name: str,
    trust: TrustStore,
    limits: Limits,
    *,
    ehlo_name: str,
    at: datetime | None = None,
    key_type: KeyType | None = None,
    session: Callable[[], TlsSession] | None = None,
    hold: Callable[[], Awaitable[object]] | None = None,
    guard: Guard = anywhere,
) -> EndpointFacts:
    """Visit `endpoint` once, over one connection. `name` (A-labels, or an address literal) is sent
    as SNI and verified at the moment `at`, by default now. `key_type` is the only one that our end
    speaks; None: all. `session` makes one that offers something else again. `hold` is awaited
    before the connection is given up, whatever came of it; `guard` says which addresses are not
    gone to.

    Never raises for what a server does: what cannot be known is Unknown, with its reason."""
    dialogue = dialogue_for(endpoint.service.protocol, ehlo_name)
    made = session or (lambda: TlsSession(name, client_context(key_type)))
    visit = _Visit(endpoint, limits, dialogue, made, hold, guard)
    await visit.run()
    handshake: Handshake | Unknown | None = None
    if visit.served is None:
        handshake = visit.handshake
    else:
        chain, verdict = read_chain(visit.served.chain, name, trust, at or datetime.now(UTC))
        handshake = Handshake(
            version=visit.served.version,
            cipher_suite=visit.served.cipher_suite,
            named_group=visit.served.named_group,
            chain=chain,
            verdict=verdict,
            seconds=visit.seconds,
        )
    return EndpointFacts(
        endpoint=endpoint,
        name=name,
        greeting=visit.greeting,
        handshake=handshake,
        capabilities_inside=visit.inside,
        closed=visit.closed,
        after_starttls=visit.dialogue.trailing,
        from_same_address=visit.from_same_address,
        key_type=key_type,
    )


class _Visit:
    """The course of a visit. Each step notes what it learns at once, so that an obstacle leaves
    standing whatever was learnt before it."""

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits,
        dialogue: Dialogue,
        session: Callable[[], TlsSession],
        hold: Callable[[], Awaitable[object]] | None,
        guard: Guard,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._hold = hold
        self._guard = guard
        self._limits = limits
        self._implicit = endpoint.service.tls is TlsMode.IMPLICIT
        self.dialogue = dialogue
        self.greeting: Greeting | Unknown | None = None
        self.handshake: Unknown | None = None
        self.served: Negotiated | None = None
        self.seconds = 0.0
        self.inside: tuple[str, ...] | Unknown = _NOT_REACHED
        self.closed = False
        self.from_same_address = False

    async def run(self) -> None:
        try:
            async with step(Wording("the connection"), self._limits.connect, late=Cause.NO_ANSWER):
                channel = await Channel.open(self._endpoint, self._limits.received, self._guard)
        except Obstacle as obstacle:
            self.closed = obstacle.unknown.cause is Cause.CONNECTION_REFUSED
            self._not_begun(obstacle.unknown)
            await self._keep_open()
            return
        self.from_same_address = channel.from_same_address
        conversation = Conversation(channel, self.dialogue, self._limits)
        try:
            await self._speak(conversation)
            await self._keep_open()
        finally:
            await conversation.leave()

    async def _keep_open(self) -> None:
        if self._hold is not None:
            await self._hold()

    async def _speak(self, conversation: Conversation) -> None:
        if not self._implicit and not await self._in_the_clear(conversation):
            return
        try:
            await self._negotiate(conversation.channel)
        except Obstacle as obstacle:
            self.handshake = obstacle.unknown
            return
        try:
            await self._inside(conversation)
        except Obstacle as obstacle:
            self.inside = obstacle.unknown

    async def _in_the_clear(self, conversation: Conversation) -> bool:
        """The dialogue up to the server's consent to TLS; whether it was given."""
        try:
            self.greeting = await conversation.greeting()
        except Obstacle as obstacle:
            self._not_begun(obstacle.unknown)
            if obstacle.unknown.cause is Cause.TIMEOUT and conversation.channel.silent:
                await self._try_tls_at_once(conversation.channel)
            return False
        if not self.greeting.starttls_offered:
            return False
        try:
            await conversation.starttls()
        except Obstacle as obstacle:
            self.handshake = obstacle.unknown
            return False
        return True

    async def _inside(self, conversation: Conversation) -> None:
        if self._implicit:
            await conversation.banner()
        else:
            await conversation.enter_tls()
        self.inside = await conversation.capabilities()

    async def _negotiate(self, channel: Channel) -> None:
        started = time.monotonic()
        async with step(Wording("the TLS handshake"), self._limits.handshake):
            self.served = await channel.start_tls(self._session(), implicit=self._implicit)
        self.seconds = time.monotonic() - started

    async def _try_tls_at_once(self, channel: Channel) -> None:
        """A server that stays silent where a banner is due may be waiting for a ClientHello."""
        try:
            await self._negotiate(channel)
        except Obstacle:
            return
        self.greeting = Unknown(
            Wording("no banner; it speaks TLS from the first byte"), Cause.TLS_ON_PLAIN_PORT
        )
        self.handshake = None
        self.inside = Unknown(Wording("not asked: TLS is on the wrong port"), Cause.NOT_REACHED)

    def _not_begun(self, unknown: Unknown) -> None:
        """Neither greeting nor handshake came about; on implicit TLS no greeting is due."""
        self.greeting = None if self._implicit else unknown
        self.handshake = unknown
