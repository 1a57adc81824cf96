"""How long and how much a server may take of us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one visit to one endpoint: seconds for each step as a whole, however its bytes
    trickle in, and bytes received in total. postscreen(8) holds its banner back for 6 s, others
    for longer, hence the 30 s."""

    connect: float = 10.0
    banner: float = 30.0
    reply: float = 30.0
    handshake: float = 15.0
    farewell: float = 2.0
    received: int = 1 << 20

    @classmethod
    def within(cls, seconds: float) -> Self:
        """The defaults, with no step longer than `seconds`; the banner may take all of them."""
        usual = cls()
        return cls(
            connect=min(usual.connect, seconds),
            banner=seconds,
            reply=min(usual.reply, seconds),
            handshake=min(usual.handshake, seconds),
            farewell=min(usual.farewell, seconds),
        )
