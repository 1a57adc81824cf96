"""Renegotiation begun by the client (RFC 5246 section 7.4.1.2, RFC 5746)."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.ask import Renegotiated, TlsOptions
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures.ground import Ground, implicit
from letterlock.probe.procedures.inside import begin_tls, settle
from letterlock.probe.procedures.openssl import ChosenSession

#: A server that passes over the request in silence is not waited for longer than this.
_SECONDS = 5.0


async def renegotiate(ground: Ground, options: TlsOptions) -> Renegotiated:
    """One renegotiation, in the best of `options`' versions up to TLS 1.2."""
    if options.maximum == "TLSv1.3":
        options = replace(options, maximum="TLSv1.2")
    async with ground.connect() as conversation:
        session = ChosenSession(options)
        await begin_tls(ground, conversation, session)
        await settle(ground, conversation)
        return await _try(ground, conversation, session)


async def _try(ground: Ground, conversation: Conversation, session: ChosenSession) -> Renegotiated:
    session.begin_renegotiation()
    seconds = min(_SECONDS, ground.limits.handshake)
    try:
        async with step(Wording("the renegotiation"), seconds):
            await conversation.channel.handshake(session, implicit=implicit(ground))
    except Obstacle as obstacle:
        return _refused(obstacle, seconds)
    text = Wording("a second handshake was completed inside the first")
    return Renegotiated(accepted=True, evidence=text)


def _refused(obstacle: Obstacle, seconds: float) -> Renegotiated:
    """What a server does that does not renegotiate; raises `obstacle` where it tells nothing."""
    match obstacle.unknown.cause:
        case Cause.TLS_ALERT | Cause.TLS_ERROR:
            return Renegotiated(accepted=False, evidence=obstacle.unknown.reason)
        case Cause.DISCONNECTED:
            return Renegotiated(
                accepted=False, evidence=Wording("the server closed the connection")
            )
        case Cause.TIMEOUT:
            return Renegotiated(
                accepted=False,
                evidence=Wording(
                    "no answer to the request within {seconds} s", seconds=format(seconds, "g")
                ),
            )
    raise obstacle
