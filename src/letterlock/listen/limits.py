"""How much of us a client, and all of them together, may have."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds. `session`, `idle` and `handshake` are seconds; a message's `size` is in bytes, and of
    it nothing is kept in memory but the line at hand."""

    connections: int = 100
    #: Of one IPv4 address, or one /64 of IPv6, at once.
    per_client: int = 10
    session: float = 300
    idle: float = 60
    handshake: float = 30
    size: int = 1_048_576
    #: Of one command, in a session (MAIL, RCPT, EHLO, …).
    commands: int = 50
    #: 5xx replies in a session.
    errors: int = 20
    #: Visits that are remembered for the sheets, and as many again of those without a recipient of
    #: the test, with which strangers could push out the others; the oldest go first.
    remembered: int = 2_000


def client_of(address: str) -> str:
    """Whose connections are counted together: an IPv6 user has a /64."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class Gate:
    """Counts who is in."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: Counter[str] = Counter()

    def enter(self, address: str) -> str | None:
        """Let a client in; else why not."""
        client = client_of(address)
        if self._inside.total() >= self._limits.connections:
            return "too many connections"
        if self._inside[client] >= self._limits.per_client:
            return "too many connections from your address"
        self._inside[client] += 1
        return None

    def leave(self, address: str) -> None:
        client = client_of(address)
        self._inside[client] -= 1
        if self._inside[client] <= 0:
            del self._inside[client]
