"""Procedures put to a server without a driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.unknown import Unknown
from letterlock.probe.ask import ProcedureName, ProcedureResult, TlsOptions
from letterlock.probe.channel import Channel
from letterlock.probe.conversation import Conversation, dialogue_for
from letterlock.probe.guard import anywhere
from letterlock.probe.limits import Limits
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures import PROCEDURES
from tests.weak_servers import HOSTNAME

PATIENT = Limits(connect=60, banner=60, reply=60, handshake=60, farewell=0.5)


@dataclass(slots=True)
class Direct:
    """A Ground that connects at once and counts."""

    endpoint: Endpoint
    limits: Limits = field(default_factory=lambda: PATIENT)
    connections: int = 0

    @asynccontextmanager
    async def connect(self, *, in_clear: bool = False) -> AsyncIterator[Conversation]:
        async with step("the connection", self.limits.connect):
            channel = await Channel.open(self.endpoint, self.limits.received, anywhere)
        self.connections += 1
        dialogue = dialogue_for(self.endpoint.service.protocol, "client.example.com")
        conversation = Conversation(channel, dialogue, self.limits)
        try:
            if self.endpoint.service.tls is TlsMode.STARTTLS:
                await conversation.greeting()
                if not in_clear:
                    await conversation.starttls()
            yield conversation
        finally:
            await conversation.leave()


def offering(**chosen: object) -> TlsOptions:
    return TlsOptions(**({"sni": HOSTNAME} | chosen))  # type: ignore[arg-type]


def put(
    name: ProcedureName,
    endpoint: Endpoint,
    options: TlsOptions | None = None,
    limits: Limits = PATIENT,
) -> tuple[ProcedureResult | Unknown, int]:
    """The outcome, and how many connections it took."""
    ground = Direct(endpoint, limits)

    async def run() -> ProcedureResult | Unknown:
        try:
            return await PROCEDURES[name](ground, options or offering())
        except Obstacle as obstacle:
            return obstacle.unknown

    return asyncio.run(run()), ground.connections
