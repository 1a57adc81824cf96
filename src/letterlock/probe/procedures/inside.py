"""From the point where TLS begins to a mail dialogue inside it."""

from __future__ import annotations

from contextlib import suppress

from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures.ground import Ground, implicit
from letterlock.probe.procedures.openssl import ChosenSession

#: How long a banner inside TLS is waited for: there no postscreen(8) holds it back.
_BANNER_SECONDS = 3.0


async def begin_tls(ground: Ground, conversation: Conversation, session: ChosenSession) -> None:
    """The handshake. Raises Obstacle; AlertReceived where the server said why."""
    async with step("the TLS handshake", ground.limits.handshake):
        await conversation.channel.handshake(session, implicit=implicit(ground))


async def settle(ground: Ground, conversation: Conversation) -> None:
    """Make it ours to speak inside TLS, so that leaving says QUIT or LOGOUT there; on implicit TLS
    that takes the banner. Raises Obstacle."""
    if not implicit(ground):
        conversation.dialogue.enter_tls()
        return
    async with step("the banner", min(_BANNER_SECONDS, ground.limits.banner)):
        await conversation.banner()


async def settle_if_possible(ground: Ground, conversation: Conversation) -> None:
    """`settle` where nothing turns on it but a civil farewell, whose answer TLS 1.3's tickets come
    with."""
    with suppress(Obstacle):
        await settle(ground, conversation)
