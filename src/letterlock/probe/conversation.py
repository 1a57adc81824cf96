"""A mail dialogue over a channel: one command at a time, each within its time."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from letterlock.model.facts import Greeting
from letterlock.model.service import MailProtocol
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.channel import Channel
from letterlock.probe.limits import Limits
from letterlock.probe.obstacle import Obstacle, step
from letterlock.wire.dialogue import Dialogue
from letterlock.wire.events import Capabilities, Closing, Event, Greeted, Refused
from letterlock.wire.imap import ImapDialogue
from letterlock.wire.lmtp import LmtpDialogue
from letterlock.wire.pop3 import Pop3Dialogue
from letterlock.wire.sieve import SieveDialogue
from letterlock.wire.smtp import SmtpDialogue

_E = TypeVar("_E", Greeted, Capabilities)


def dialogue_for(protocol: MailProtocol, ehlo_name: str) -> Dialogue:
    """A dialogue at its beginning; `ehlo_name` is what SMTP and LMTP call us."""
    match protocol:
        case MailProtocol.SMTP:
            return SmtpDialogue(ehlo_name)
        case MailProtocol.IMAP:
            return ImapDialogue()
        case MailProtocol.POP3:
            return Pop3Dialogue()
        case MailProtocol.LMTP:
            return LmtpDialogue(ehlo_name)
        case MailProtocol.SIEVE:
            return SieveDialogue()


class Conversation:
    """`dialogue` spoken over `channel`. Every method but `leave` raises Obstacle for whatever the
    server does that ends the conversation."""

    def __init__(self, channel: Channel, dialogue: Dialogue, limits: Limits) -> None:
        self.channel = channel
        self.dialogue = dialogue
        self._limits = limits
        self._events: deque[Event] = deque()

    async def banner(self) -> Greeted:
        return _expect(Greeted, await self._await(Wording("the banner"), self._limits.banner))

    async def enter_tls(self) -> None:
        """TLS is up after STARTTLS; a protocol whose server speaks first there is listened to."""
        self.dialogue.enter_tls()
        if self.dialogue.awaiting is not None:
            await self.banner()

    async def capabilities(self) -> tuple[str, ...]:
        """What is offered (EHLO, else HELO; CAPABILITY; CAPA), asked only where the banner has not
        said it; a server that refuses to say offers nothing."""
        if self.dialogue.early_capabilities is not None:
            return self.dialogue.early_capabilities
        answer = await self.ask(self.dialogue.send_capabilities())
        if isinstance(answer, Refused) and not answer.temporary:
            fallback = self.dialogue.send_fallback()
            if fallback is None:
                return ()
            answer = await self.ask(fallback)
        if isinstance(answer, Refused):
            cause = Cause.THROTTLED if answer.temporary else Cause.COMMAND_REFUSED
            text = Wording(
                "{command} was refused: {answer}", command=answer.command, answer=answer.answer
            )
            raise Obstacle(text, cause)
        return _expect(Capabilities, answer).lines

    async def greeting(self) -> Greeting:
        """Banner and capabilities."""
        greeted = await self.banner()
        capabilities = await self.capabilities()
        return Greeting(
            banner=greeted.banner,
            capabilities=capabilities,
            starttls_offered=self.dialogue.starttls_possible
            and self.dialogue.offers_starttls(capabilities),
            cleartext_logins=self.dialogue.cleartext_logins(capabilities),
        )

    async def starttls(self) -> None:
        """STARTTLS or STLS and the server's consent: the next bytes are a ClientHello. Raises
        Obstacle, of the cause `starttls-refused` where it was turned down."""
        answer = await self.ask(self.dialogue.send_starttls())
        if isinstance(answer, Refused):
            raise Obstacle(
                Wording(
                    "{command} was offered and then refused: {answer}",
                    command=answer.command,
                    answer=answer.answer,
                ),
                Cause.STARTTLS_REFUSED,
            )

    async def ask(self, command: bytes) -> Event:
        """Say `command`, one of the dialogue's `send_…`, and wait for its answer."""
        awaited = Wording("the answer to {command}", command=self.dialogue.awaiting)
        async with step(awaited, self._limits.reply):
            await self.channel.send(command)
        return await self._await(awaited, self._limits.reply)

    async def answered(self, said: bytes) -> Event:
        """The answer to the command sent last, of which `said` was received already."""
        awaited = Wording("the answer to {command}", command=self.dialogue.awaiting)
        async with step(awaited, self._limits.reply):
            self._events += self.dialogue.receive(said)
        return await self._await(awaited, self._limits.reply)

    async def leave(self) -> None:
        """QUIT or LOGOUT where it is our turn, the server's answer awaited, and close_notify in any
        case: a session that ends without is none to resume (RFC 2246 section 7.2.1). Never raises
        for what the server does."""
        try:
            if self.dialogue.our_turn:
                await self._say_farewell()
        except Obstacle:
            pass
        finally:
            await self.channel.close()

    async def _say_farewell(self) -> None:
        command = self.dialogue.send_farewell()
        async with step(Wording("the farewell"), self._limits.farewell):
            await self.channel.send(command)
        await self._await(Wording("the farewell"), self._limits.farewell)

    async def _await(self, awaited: str, seconds: float) -> Event:
        """The next event; the server's leaving is an Obstacle."""
        async with step(awaited, seconds):
            while not self._events:
                self._events += self.dialogue.receive(await self.channel.receive())
        event = self._events.popleft()
        if isinstance(event, Closing):
            cause = Cause.THROTTLED if event.temporary else Cause.COMMAND_REFUSED
            raise Obstacle(
                Wording("the server closed the session: {answer}", answer=event.answer), cause
            )
        return event


def _expect(kind: type[_E], event: Event) -> _E:
    if not isinstance(event, kind):
        raise Obstacle(
            Wording("broken dialogue: {event} instead of {kind}", event=event, kind=kind.__name__),
            Cause.BROKEN_DIALOGUE,
        )
    return event
