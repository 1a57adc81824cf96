"""Everything about STARTTLS that one connection can tell: a login before it, a command injected
before it, a second one inside it. What a server makes impossible is left for the procedures that
ask for one thing each."""

from __future__ import annotations

from letterlock.model.service import MailProtocol
from letterlock.model.unknown import Cause
from letterlock.probe.ask import AroundStarttls, Replied, Session, TlsOptions, Tried
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.handshake import kept
from letterlock.probe.procedures.injection import (
    begin_injected,
    farewell,
    injected,
    not_taken,
    reply_inside,
    said_inside,
)
from letterlock.probe.procedures.login import try_login
from letterlock.probe.procedures.openssl import ChosenSession
from letterlock.wire.events import Refused

#: After which the next question can be asked on a connection of its own.
_ENDED = (
    Cause.DISCONNECTED,
    Cause.COMMAND_REFUSED,
    Cause.BROKEN_DIALOGUE,
    Cause.TLS_ALERT,
    Cause.TLS_ERROR,
)


async def around_starttls(ground: Ground, options: TlsOptions) -> AroundStarttls:
    """A login where `options.login`, then STARTTLS with a command behind it, then another STARTTLS
    as the first thing said inside. POP3's answers carry no mark of what they answer, and
    ManageSieve's server speaks first: there the first thing is the farewell, and no second STARTTLS
    is told of."""
    login = None
    async with ground.connect(in_clear=True) as conversation:
        try:
            if options.login:
                login = await try_login(ground, conversation)
            injection, second, session = await _inside(ground, conversation, options)
        except Obstacle as obstacle:
            if obstacle.unknown.cause not in _ENDED:
                raise
            return AroundStarttls(login)
    return AroundStarttls(login, injection, second, session)


async def _inside(
    ground: Ground, conversation: Conversation, options: TlsOptions
) -> tuple[Tried, Replied | None, Session | None]:
    tls = ChosenSession(options)
    try:
        refusal = await begin_injected(ground, conversation, tls)
    except Obstacle as obstacle:
        return not_taken(obstacle), None, None
    if refusal is not None:
        return refusal, None, None
    dialogue = conversation.dialogue
    dialogue.enter_tls()
    if ground.endpoint.service.protocol in (MailProtocol.POP3, MailProtocol.SIEVE):
        said = await said_inside(ground, conversation, farewell(conversation))
        return injected(ground, said), None, kept(tls)
    said = await said_inside(ground, conversation, dialogue.send_starttls())
    found = injected(ground, said)
    second = None if found.present else await _second(conversation, said)
    return found, second, kept(tls)


async def _second(conversation: Conversation, said: bytes) -> Replied:
    answer = await conversation.answered(said)
    return reply_inside(answer if isinstance(answer, Refused) else None)
