"""From the point where TLS begins to a mail dialogue inside it."""

from __future__ import annotations

from contextlib import suppress

from letterlock.model.wording import Wording
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures.ground import Ground, implicit
from letterlock.probe.procedures.openssl import ChosenSession

#: How long a banner is waited for where nothing but manners turns on it.
_BANNER_SECONDS = 3.0


async def begin_tls(ground: Ground, conversation: Conversation, session: ChosenSession) -> None:
    """The handshake. Raises Obstacle; AlertReceived where the server said why."""
    async with step(Wording("the TLS handshake"), ground.limits.handshake):
        await conversation.channel.handshake(session, implicit=implicit(ground))


async def settle(ground: Ground, conversation: Conversation, seconds: float | None = None) -> None:
    """Make it ours to speak inside TLS, so that leaving says QUIT or LOGOUT there; on implicit TLS
    that takes the banner, within `seconds` or the limit. Raises Obstacle."""
    if not implicit(ground):
        await conversation.enter_tls()
        return
    longest = ground.limits.banner
    async with step(Wording("the banner"), longest if seconds is None else min(seconds, longest)):
        await conversation.banner()


async def settle_if_possible(ground: Ground, conversation: Conversation) -> None:
    """`settle` for the sake of a civil farewell, but not for long; TLS 1.3's tickets come before
    the banner, or with the farewell's answer."""
    with suppress(Obstacle):
        await settle(ground, conversation, _BANNER_SECONDS)
