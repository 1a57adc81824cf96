"""What stops a visit, on its way to becoming an Unknown."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.wire.error import WireError


class Obstacle(Exception):  # noqa: N818 (a server's doing, not an error of ours)
    """Raised and caught within this room only."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.unknown = Unknown(reason, cause)


@asynccontextmanager
async def step(awaited: str, seconds: float, late: Cause = Cause.TIMEOUT) -> AsyncIterator[None]:
    """A step of at most `seconds` that waits for `awaited`; whatever stops it is an Obstacle,
    of the cause `late` where it is the time."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Obstacle(
            Wording(
                "timed out after {seconds} s waiting for {awaited}",
                seconds=format(seconds, "g"),
                awaited=awaited,
            ),
            late,
        ) from None
    except WireError as error:
        raise Obstacle(
            Wording("broken dialogue: {error}", error=error), Cause.BROKEN_DIALOGUE
        ) from None
    except EOFError:
        raise Obstacle(
            Wording(
                "the server closed the connection instead of sending {awaited}", awaited=awaited
            ),
            Cause.DISCONNECTED,
        ) from None
    except OSError as error:
        raise network_obstacle(error, Wording("waiting for {awaited}", awaited=awaited)) from None


_UNREACHABLE = {
    errno.ENETUNREACH: Wording("no route to the network"),
    errno.EHOSTUNREACH: Wording("no route to the host"),
    errno.ENETDOWN: Wording("the network is down"),
    errno.EHOSTDOWN: Wording("the host is down"),
    errno.EADDRNOTAVAIL: Wording("this machine has no address of that family"),
    errno.EAFNOSUPPORT: Wording("this machine does not speak that address family"),
    errno.EACCES: Wording("a local firewall forbids it"),
    errno.EPERM: Wording("a local firewall forbids it"),
}


def network_obstacle(error: OSError, doing: str) -> Obstacle:
    """The errors of connect(2) and recv(2) in words."""
    if error.errno == errno.ECONNREFUSED:
        return Obstacle(Wording("connection refused"), Cause.CONNECTION_REFUSED)
    if error.errno in _UNREACHABLE:
        return Obstacle(_UNREACHABLE[error.errno], Cause.UNREACHABLE)
    if isinstance(error, ConnectionError):
        return Obstacle(
            Wording("the server reset the connection while {doing}", doing=doing),
            Cause.DISCONNECTED,
        )
    return Obstacle(
        Wording("{error} while {doing}", error=error.strerror or error, doing=doing), Cause.OTHER
    )
