"""Connections to one endpoint for whoever asks it something: governed, counted, brought to where
TLS begins, left politely."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from letterlock.model.service import Endpoint, MailProtocol, TlsMode
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.channel import Channel
from letterlock.probe.conversation import Conversation, dialogue_for
from letterlock.probe.gate import Gate
from letterlock.probe.governor import Fate, Pace, Turn
from letterlock.probe.guard import Guard, anywhere
from letterlock.probe.limits import Limits
from letterlock.probe.obstacle import Obstacle, step

#: What the server says to be rid of us, where it used to serve us.
_TURNED_AWAY = (Cause.THROTTLED, Cause.COMMAND_REFUSED, Cause.STARTTLS_REFUSED)
#: What may be a firewall's doing, where there used to be an answer.
_CUT_OFF = (
    Cause.CONNECTION_REFUSED,
    Cause.UNREACHABLE,
    Cause.NO_ANSWER,
    Cause.TIMEOUT,
    Cause.DISCONNECTED,
)

#: Connections in a row to an implicit-TLS port that were reset before the first byte.
_RESETS = 3


def fate(cause: Cause, pace: Pace) -> Fate:
    """What an obstacle of `cause` before TLS says of our manners. A port that has never served
    anybody tells nothing by being cut off: it may be closed, or broken."""
    if cause in _TURNED_AWAY and (pace.ever_served or cause is Cause.THROTTLED):
        return Fate.TURNED_AWAY
    if cause in _CUT_OFF and pace.ever_served:
        return Fate.CUT_OFF
    return Fate.SERVED


@dataclass(slots=True)
class Account:
    """The connections made to an endpoint. `most` is how many may be; `promised` are those that
    questions under way may still come to; `refused` those that were turned away or cut off."""

    most: int | None = None
    made: int = 0
    promised: int = 0
    refused: int = 0

    def note(self, fate: Fate) -> None:
        self.refused += fate in (Fate.TURNED_AWAY, Fate.CUT_OFF)

    def affords(self, weight: int) -> bool:
        return self.most is None or self.made + self.promised + weight <= self.most


@dataclass(frozen=True, slots=True)
class Terms:
    """How visits are made. `deadline` is the event loop's time at which the last may begin; `guard`
    says which addresses are not gone to."""

    limits: Limits
    ehlo_name: str
    deadline: float
    guard: Guard = anywhere


class EndpointGround:
    """A `procedures.ground.Ground` for one question, which costs at most `weight` connections.
    `thwarted` is the obstacle for which it should be asked again later, where there was one."""

    def __init__(
        self,
        endpoint: Endpoint,
        gate: Gate,
        pace: Pace,
        account: Account,
        terms: Terms,
        weight: int,
    ) -> None:
        self._endpoint = endpoint
        self._gate = gate
        self._pace = pace
        self._account = account
        self._terms = terms
        self._promised = weight
        self._visiting = False
        self.thwarted: Obstacle | None = None
        account.promised += weight

    def close(self) -> None:
        """No more connections are needed."""
        self._account.promised -= self._promised
        self._promised = 0

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    @property
    def limits(self) -> Limits:
        return self._terms.limits

    @property
    def implicit(self) -> bool:
        return self._endpoint.service.tls is TlsMode.IMPLICIT

    @asynccontextmanager
    async def connect(self, *, in_clear: bool = False) -> AsyncIterator[Conversation]:
        """See `Ground`. One at a time: RuntimeError while another is open, which could wait for
        each other, and for `in_clear` on implicit TLS, where nothing is said in the clear."""
        if self._visiting or (in_clear and self.implicit):
            raise RuntimeError("a visit that cannot begin")
        self._visiting = True
        try:
            turn = await self._gate.admit(self._pace, self._terms.deadline)
            try:
                conversation = await self._approach(turn, in_clear=in_clear)
            except BaseException as error:
                self._end(turn, self._judged(error))
                raise
            try:
                yield conversation
            finally:
                await self._part(turn, conversation)
        finally:
            self._visiting = False

    async def _part(self, turn: Turn, conversation: Conversation) -> None:
        try:
            await conversation.leave()
        finally:
            self._end(turn, self._in_hindsight(turn, conversation))

    def _end(self, turn: Turn, judged: Fate) -> None:
        self._account.note(judged)
        self._gate.end(turn, judged)

    def _in_hindsight(self, turn: Turn, conversation: Conversation) -> Fate:
        """On implicit TLS a server that lets us in and one that is tired of us look alike until
        the first byte. To close without one is how Dovecot turns down a hello; a reset may mean us:
        several in a row do."""
        if not self.implicit:
            return Fate.SERVED
        if not conversation.channel.silent:
            self._pace.resets = 0
            self._gate.greeted(turn)
            return Fate.SERVED
        self._pace.resets += conversation.channel.reset
        if self._pace.resets < _RESETS or not self._pace.ever_served:
            return Fate.SERVED
        self.thwarted = Obstacle(Wording("the server no longer answers"), Cause.DISCONNECTED)
        return Fate.CUT_OFF

    def _judged(self, error: BaseException) -> Fate:
        if not isinstance(error, Obstacle):
            return Fate.VOID
        judged = fate(error.unknown.cause, self._pace)
        if judged is not Fate.SERVED:
            self.thwarted = error
        return judged

    async def _approach(self, turn: Turn, *, in_clear: bool) -> Conversation:
        async with step(
            Wording("the connection"), self._terms.limits.connect, late=Cause.NO_ANSWER
        ):
            channel = await Channel.open(
                self._endpoint, self._terms.limits.received, self._terms.guard
            )
        self._account.made += 1
        if self._promised:
            self._promised -= 1
            self._account.promised -= 1
        protocol = self._endpoint.service.protocol
        dialogue = dialogue_for(protocol, self._terms.ehlo_name)
        conversation = Conversation(channel, dialogue, self._terms.limits)
        try:
            if in_clear:
                await conversation.greeting()
            elif not self.implicit:
                await self._to_tls(conversation, protocol)
        except BaseException:
            await conversation.leave()
            raise
        if not self.implicit:
            self._gate.greeted(turn)
        return conversation

    async def _to_tls(self, conversation: Conversation, protocol: MailProtocol) -> None:
        """Banner and consent. That TLS is offered is known by now; EHLO has to be said all the same
        (RFC 5321 section 4.1.4), and LHLO, CAPABILITY and CAPA have not."""
        await conversation.banner()
        if protocol in (MailProtocol.SMTP, MailProtocol.LMTP):
            await conversation.capabilities()
        await conversation.starttls()
