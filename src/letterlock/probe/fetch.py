"""One HTTP exchange with a stranger's server: so many bytes, so many seconds, and no more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from letterlock.model.errors import UndeterminedError
from letterlock.probe.guard import Guard, admitted, anywhere

if TYPE_CHECKING:
    import httpx2
    from httpcore2 import SOCKET_OPTION, AsyncNetworkStream

#: Seconds, for any one step of it.
_STEP = 5.0
_SCHEMES = ("http://", "https://")
#: Where there is a guard, it is the web that is gone to.
_PORTS = (80, 443)


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `largest` bytes within `longest` seconds in all, `redirects` followed."""

    largest: int
    longest: float
    redirects: int = 0


def fetchable(url: str) -> bool:
    return url.lower().startswith(_SCHEMES)


def fetch(
    url: str,
    bounds: Bounds,
    *,
    post: bytes | None = None,
    kind: str = "",
    guard: Guard = anywhere,
) -> bytes:
    """What an http or https URL gives to GET, or to POST of `post`, whose media type is `kind`. For
    a thread without an event loop. Each name on the way, redirects included, is resolved once, and
    connected to as resolved where `guard` lets us.

    Raises UndeterminedError when it cannot be had, saying why."""
    if not fetchable(url):
        raise UndeterminedError(f"{url} is no http address")
    return asyncio.run(_fetch(url, bounds, post, kind, guard))


async def _fetch(url: str, bounds: Bounds, post: bytes | None, kind: str, guard: Guard) -> bytes:
    import httpx2

    try:
        async with asyncio.timeout(bounds.longest):
            return await _exchange(url, bounds, post, kind, guard)
    except TimeoutError:
        raise UndeterminedError(f"{url} takes longer than {bounds.longest:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UndeterminedError(f"{url} cannot be fetched ({reason})") from error


async def _exchange(url: str, bounds: Bounds, post: bytes | None, kind: str, guard: Guard) -> bytes:
    import httpx2

    headers = {"Accept-Encoding": "identity"} | ({"Content-Type": kind} if kind else {})
    client = httpx2.AsyncClient(
        timeout=_STEP,
        follow_redirects=bounds.redirects > 0,
        max_redirects=bounds.redirects,
        transport=None if guard is anywhere else _guarded(guard),
    )
    received = bytearray()
    method = "GET" if post is None else "POST"
    async with client, client.stream(method, url, headers=headers, content=post) as response:
        response.raise_for_status()
        async for part in response.aiter_raw():  # not decoded: a few bytes could become many
            received += part
            if len(received) > bounds.largest:
                raise UndeterminedError(f"{url} gives more than {bounds.largest // 1024} KiB")
    return bytes(received)


def _guarded(guard: Guard) -> httpx2.AsyncHTTPTransport:
    """Goes only where the guard lets it; no proxy of the environment, which would go itself."""
    import httpcore2
    import httpx2

    class Backend(httpcore2.AnyIOBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[SOCKET_OPTION] | None = None,
        ) -> AsyncNetworkStream:
            address = await _resolved(host, port, guard)
            return await super().connect_tcp(address, port, timeout, local_address, socket_options)

    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    pool = transport._pool
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=pool._ssl_context, network_backend=Backend()
    )
    return transport


async def _resolved(host: str, port: int, guard: Guard) -> str:
    """The first address that is admitted. Raises UndeterminedError where there is none."""
    if port not in _PORTS:
        raise UndeterminedError(f"port {port} of {host} is not gone to")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    return admitted(addresses, guard)[0]
