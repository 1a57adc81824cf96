"""One visit to one endpoint: the mail dialogue, one full handshake, the dialogue inside it."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from typing import TypeVar

from letterlock.certs.trust import TrustStore
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import Endpoint, MailProtocol, TlsMode
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.chain import read_chain
from letterlock.probe.channel import Channel
from letterlock.probe.limits import Limits
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.tls import Negotiated
from letterlock.wire.dialogue import Dialogue
from letterlock.wire.events import (
    Capabilities,
    Closing,
    Event,
    Greeted,
    Refused,
)
from letterlock.wire.imap import ImapDialogue
from letterlock.wire.pop3 import Pop3Dialogue
from letterlock.wire.smtp import SmtpDialogue

_E = TypeVar("_E", Greeted, Capabilities)
_NOT_REACHED = Unknown("no TLS session", Cause.NOT_REACHED)


async def probe_endpoint(
    endpoint: Endpoint,
    name: str,
    trust: TrustStore,
    limits: Limits,
    *,
    ehlo_name: str,
    at: datetime | None = None,
) -> EndpointFacts:
    """Visit `endpoint` once, over one connection. `name` (A-labels, or an address literal) is sent
    as SNI and verified at the moment `at`, by default now.

    Never raises for what a server does: what cannot be known is Unknown, with its reason."""
    visit = _Visit(endpoint, name, limits, _dialogue(endpoint.service.protocol, ehlo_name))
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
    )


def _dialogue(protocol: MailProtocol, ehlo_name: str) -> Dialogue:
    match protocol:
        case MailProtocol.SMTP:
            return SmtpDialogue(ehlo_name)
        case MailProtocol.IMAP:
            return ImapDialogue()
        case MailProtocol.POP3:
            return Pop3Dialogue()


def _expect(kind: type[_E], event: Event) -> _E:
    if not isinstance(event, kind):
        raise Obstacle(
            f"broken dialogue: {event} instead of {kind.__name__}", Cause.BROKEN_DIALOGUE
        )
    return event


class _Visit:
    """The course of a visit. Each step notes what it learns at once, so that an obstacle leaves
    standing whatever was learnt before it."""

    def __init__(self, endpoint: Endpoint, name: str, limits: Limits, dialogue: Dialogue) -> None:
        self._endpoint = endpoint
        self._name = name
        self._limits = limits
        self._implicit = endpoint.service.tls is TlsMode.IMPLICIT
        self._events: deque[Event] = deque()
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
            async with step("the connection", self._limits.connect, late=Cause.NO_ANSWER):
                channel = await Channel.open(self._endpoint, self._limits.received)
        except Obstacle as obstacle:
            self.closed = obstacle.unknown.cause is Cause.CONNECTION_REFUSED
            self._not_begun(obstacle.unknown)
            return
        self.from_same_address = channel.from_same_address
        try:
            await self._speak(channel)
        finally:
            await self._leave(channel)

    async def _speak(self, channel: Channel) -> None:
        if not self._implicit and not await self._in_the_clear(channel):
            return
        try:
            await self._negotiate(channel, self._limits.handshake)
        except Obstacle as obstacle:
            self.handshake = obstacle.unknown
            return
        try:
            await self._inside(channel)
        except Obstacle as obstacle:
            self.inside = obstacle.unknown

    async def _in_the_clear(self, channel: Channel) -> bool:
        """The dialogue up to the server's consent to TLS; whether it was given."""
        try:
            self.greeting = await self._greeting(channel)
        except Obstacle as obstacle:
            self._not_begun(obstacle.unknown)
            if obstacle.unknown.cause is Cause.TIMEOUT and channel.silent:
                await self._try_tls_at_once(channel)
            return False
        if not self.greeting.starttls_offered:
            return False
        try:
            answer = await self._ask(channel, self.dialogue.send_starttls())
        except Obstacle as obstacle:
            self.handshake = obstacle.unknown
            return False
        if isinstance(answer, Refused):
            self.handshake = Unknown(
                f"{answer.command} was offered and then refused: {answer.answer}",
                Cause.STARTTLS_REFUSED,
            )
            return False
        return True

    async def _greeting(self, channel: Channel) -> Greeting:
        greeted = await self._banner(channel)
        capabilities = await self._capabilities(channel)
        return Greeting(
            banner=greeted.banner,
            capabilities=capabilities,
            starttls_offered=self.dialogue.starttls_possible
            and self.dialogue.offers_starttls(capabilities),
            cleartext_logins=self.dialogue.cleartext_logins(capabilities),
        )

    async def _inside(self, channel: Channel) -> None:
        if self._implicit:
            await self._banner(channel)
        else:
            self.dialogue.enter_tls()
        self.inside = await self._capabilities(channel)

    async def _banner(self, channel: Channel) -> Greeted:
        return _expect(Greeted, await self._await(channel, "the banner", self._limits.banner))

    async def _capabilities(self, channel: Channel) -> tuple[str, ...]:
        """What is offered; a server that refuses to say offers nothing."""
        if self.dialogue.early_capabilities is not None:
            return self.dialogue.early_capabilities
        answer = await self._ask(channel, self.dialogue.send_capabilities())
        if isinstance(answer, Refused) and not answer.temporary:
            fallback = self.dialogue.send_fallback()
            if fallback is None:
                return ()
            answer = await self._ask(channel, fallback)
        if isinstance(answer, Refused):
            cause = Cause.THROTTLED if answer.temporary else Cause.COMMAND_REFUSED
            raise Obstacle(f"{answer.command} was refused: {answer.answer}", cause)
        return _expect(Capabilities, answer).lines

    async def _negotiate(self, channel: Channel, seconds: float) -> None:
        started = time.monotonic()
        async with step("the TLS handshake", seconds):
            self.served = await channel.start_tls(self._name, implicit=self._implicit)
        self.seconds = time.monotonic() - started

    async def _try_tls_at_once(self, channel: Channel) -> None:
        """A server that stays silent where a banner is due may be waiting for a ClientHello."""
        try:
            await self._negotiate(channel, self._limits.handshake)
        except Obstacle:
            return
        self.greeting = Unknown(
            "no banner; it speaks TLS from the first byte", Cause.TLS_ON_PLAIN_PORT
        )
        self.handshake = None
        self.inside = Unknown("not asked: TLS is on the wrong port", Cause.NOT_REACHED)

    async def _ask(self, channel: Channel, command: bytes) -> Event:
        awaited = f"the answer to {self.dialogue.awaiting}"
        async with step(awaited, self._limits.reply):
            await channel.send(command)
        return await self._await(channel, awaited, self._limits.reply)

    async def _await(self, channel: Channel, awaited: str, seconds: float) -> Event:
        """The next event; the server's leaving is an Obstacle."""
        async with step(awaited, seconds):
            while not self._events:
                self._events += self.dialogue.receive(await channel.receive())
        event = self._events.popleft()
        if isinstance(event, Closing):
            cause = Cause.THROTTLED if event.temporary else Cause.COMMAND_REFUSED
            raise Obstacle(f"the server closed the session: {event.answer}", cause)
        return event

    async def _leave(self, channel: Channel) -> None:
        """QUIT or LOGOUT where it is our turn, the server's answer awaited, then close."""
        if not self.dialogue.our_turn:
            channel.abort()
            return
        try:
            await self._say_farewell(channel)
        except Obstacle:
            channel.abort()
            return
        await channel.close()

    async def _say_farewell(self, channel: Channel) -> None:
        command = self.dialogue.send_farewell()
        async with step("the farewell", self._limits.farewell):
            await channel.send(command)
        await self._await(channel, "the farewell", self._limits.farewell)

    def _not_begun(self, unknown: Unknown) -> None:
        """Neither greeting nor handshake came about; on implicit TLS no greeting is due."""
        self.greeting = None if self._implicit else unknown
        self.handshake = unknown
