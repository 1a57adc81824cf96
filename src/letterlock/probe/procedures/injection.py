"""What the dialogue makes of TLS's beginning: commands injected before it, STARTTLS inside it.

CVE-2011-0411 (Postfix) and its family: Poddebniak, Ising, Böck, Schinzel, "Why TLS Is Better
Without STARTTLS" (2021)."""

from __future__ import annotations

import re

from letterlock.model.service import MailProtocol
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.ask import Replied, TlsOptions, Tried
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.inside import begin_tls, settle
from letterlock.probe.procedures.openssl import ChosenSession
from letterlock.wire.events import Refused

#: Harmless, in need of no state, and told from the farewell by its answer.
_INJECTED = {
    MailProtocol.SMTP: b"NOOP\r\n",
    MailProtocol.IMAP: b"INJECTED NOOP\r\n",
    MailProtocol.POP3: b"CAPA\r\n",
    MailProtocol.LMTP: b"NOOP\r\n",
    MailProtocol.SIEVE: b'NOOP "INJECTED"\r\n',
}
#: A line that answers nothing injected: with it, all that was injected has been answered.
_LAST = {
    MailProtocol.SMTP: re.compile(rb"^(?!250[ -]).*\n", re.MULTILINE),
    MailProtocol.IMAP: re.compile(rb"^(?!\* |INJECTED ).*\n", re.MULTILINE),
    MailProtocol.LMTP: re.compile(rb"^(?!250[ -]).*\n", re.MULTILINE),
    #: The capabilities come unasked (RFC 5804 section 2.2).
    MailProtocol.SIEVE: re.compile(
        rb"^(?:OK|NO|BYE)\b(?s:.*)^(?:OK|NO|BYE)\b[^\n]*\n", re.MULTILINE | re.IGNORECASE
    ),
}
#: The answers of which there is one too many.
_INJECTION_ANSWERED = {
    MailProtocol.SMTP: re.compile(rb"\A250[ -]"),
    MailProtocol.IMAP: re.compile(rb"^INJECTED ", re.MULTILINE),
    MailProtocol.POP3: re.compile(rb"\A(?:\+OK|-ERR)[^\n]*\n(?s:.*)^(?:\+OK|-ERR)", re.MULTILINE),
    MailProtocol.LMTP: re.compile(rb"\A250[ -]"),
    #: The tag comes back (RFC 5804 section 2.13).
    MailProtocol.SIEVE: re.compile(
        rb"^(?:OK|NO|BYE)\b[^\n]*INJECTED", re.MULTILINE | re.IGNORECASE
    ),
}
_MOST = 8192


async def starttls_injection(ground: Ground, options: TlsOptions) -> Tried:
    """A command sent in the clear in one packet with STARTTLS is answered inside TLS. The first
    thing said inside is the farewell, so whatever is answered before it was not said there."""
    async with ground.connect(in_clear=True) as conversation:
        try:
            refusal = await begin_injected(ground, conversation, ChosenSession(options))
        except Obstacle as obstacle:
            return not_taken(obstacle)
        if refusal is not None:
            return refusal
        conversation.dialogue.enter_tls()
        said = await said_inside(ground, conversation, farewell(conversation))
    return injected(ground, said)


async def begin_injected(
    ground: Ground, conversation: Conversation, session: ChosenSession
) -> Tried | None:
    """TLS, begun with a command injected; the answer to the question where STARTTLS was refused.
    Raises Obstacle, see `not_taken`."""
    command = conversation.dialogue.send_starttls()
    answer = await conversation.ask(command + _INJECTED[ground.endpoint.service.protocol])
    if isinstance(answer, Refused):
        return Tried(present=False, evidence=Wording("refused: {answer}", answer=answer.answer))
    await begin_tls(ground, conversation, session)
    return None


def not_taken(obstacle: Obstacle) -> Tried:
    """A server that ends it, or takes the command for a piece of TLS, is not to be injected into;
    raises `obstacle` where it tells nothing."""
    match obstacle.unknown.cause:
        case Cause.TLS_ALERT | Cause.TLS_ERROR | Cause.DISCONNECTED | Cause.COMMAND_REFUSED:
            return Tried(
                present=False,
                evidence=Wording("the session was ended: {reason}", reason=obstacle.unknown.reason),
            )
        case Cause.BROKEN_DIALOGUE:
            return Tried(present=False, evidence=Wording("answered in the clear, before TLS"))
    raise obstacle


async def said_inside(ground: Ground, conversation: Conversation, command: bytes) -> bytes:
    """All that is said inside TLS up to the answer to `command`, the first thing that we say there
    and answered by no 250, or up to the connection's end."""
    said = b""
    protocol = ground.endpoint.service.protocol
    async with step(Wording("the first answer inside TLS"), ground.limits.reply):
        await conversation.channel.send(command)
        try:
            while len(said) < _MOST and not _complete(said, protocol):
                said += await conversation.channel.receive()
        except (EOFError, ConnectionError):
            if not said:
                raise
    return said


def farewell(conversation: Conversation) -> bytes:
    """Said inside TLS before anything was heard there, which ManageSieve has no turn for."""
    dialogue = conversation.dialogue
    return dialogue.send_farewell() if dialogue.our_turn else b"LOGOUT\r\n"


def injected(ground: Ground, said: bytes) -> Tried:
    """Whether an answer to the injected command is in what was said inside."""
    protocol = ground.endpoint.service.protocol
    if _INJECTION_ANSWERED[protocol].search(said):
        command = _INJECTED[protocol].decode("ascii").strip()
        text = Wording("{command}, sent before TLS, was answered inside it", command=command)
        return Tried(present=True, evidence=text)
    text = Wording("what was sent before TLS is not answered inside it")
    return Tried(present=False, evidence=text)


def _complete(said: bytes, protocol: MailProtocol) -> bool:
    """POP3's answers carry no mark of what they answer: there the connection's end is awaited."""
    last = _LAST.get(protocol)
    return last is not None and last.search(said) is not None


async def second_starttls(ground: Ground, options: TlsOptions) -> Replied:
    """STARTTLS inside TLS: it has to be refused (RFC 3207 section 4.2)."""
    async with ground.connect() as conversation:
        await begin_tls(ground, conversation, ChosenSession(options))
        await settle(ground, conversation)
        try:
            answer = await conversation.ask(conversation.dialogue.send_starttls())
        except Obstacle as obstacle:
            if obstacle.unknown.cause not in (Cause.DISCONNECTED, Cause.COMMAND_REFUSED):
                raise
            return Replied(obstacle.unknown.reason)
    return reply_inside(answer if isinstance(answer, Refused) else None)


def reply_inside(refusal: Refused | None) -> Replied:
    """The result of a STARTTLS inside TLS."""
    return Replied("accepted" if refusal is None else refusal.answer)
