"""How a procedure comes by its connections."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from letterlock.model.service import Endpoint
from letterlock.probe.conversation import Conversation
from letterlock.probe.limits import Limits


class Visits(Protocol):
    """Fresh connections to one endpoint, each counted, governed, and left politely at the end of
    its `async with`: with QUIT or LOGOUT where it is our turn to speak, else dropped.

    One at a time: a visit may only begin when the one before has ended. To begin one raises
    Obstacle where the server does not let us come so far; inside it, Obstacle may be raised at
    will (`channel` and `conversation` do), and ends the procedure as Unknown. A procedure that is
    turned away is begun again from its first connection, later."""

    endpoint: Endpoint
    limits: Limits

    def to_tls(self) -> AbstractAsyncContextManager[Conversation]:
        """A connection on which the next bytes are a ClientHello: the dialogue has been brought to
        the server's consent, or, on implicit TLS, nothing has been said."""

    def in_the_clear(self) -> AbstractAsyncContextManager[Conversation]:
        """A connection on which the banner has come and the capabilities have been told, and it is
        our turn. On implicit TLS there is no such thing: RuntimeError."""
