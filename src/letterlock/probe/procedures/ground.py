"""What the driver lays before a procedure: connections, as many as the Ask's weight allows."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from letterlock.model.service import Endpoint, TlsMode
from letterlock.probe.conversation import Conversation
from letterlock.probe.limits import Limits


class Ground(Protocol):
    """An endpoint that a procedure may connect to.

    `connect` opens one more connection and counts it; it is entered with the mail dialogue at the
    point where TLS begins (STARTTLS agreed to, or the connection just made on an implicit-TLS
    port) or, with `in_clear`, with banner and capabilities read and ours to speak. Leaving it is
    `Conversation.leave()`: QUIT or LOGOUT where it is our turn, else the connection is dropped.
    Raises Obstacle where there is no such point to be had."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def limits(self) -> Limits: ...

    def connect(self, *, in_clear: bool = False) -> AbstractAsyncContextManager[Conversation]: ...


def implicit(ground: Ground) -> bool:
    """Whether TLS begins with the first byte there."""
    return ground.endpoint.service.tls is TlsMode.IMPLICIT
