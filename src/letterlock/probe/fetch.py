"""One HTTP exchange with a stranger's server: so many bytes, so many seconds, and no more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from letterlock.model.errors import UndeterminedError

#: Seconds, for any one step of it.
_STEP = 5.0
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `largest` bytes within `longest` seconds in all, `redirects` followed."""

    largest: int
    longest: float
    redirects: int = 0


def fetchable(url: str) -> bool:
    return url.lower().startswith(_SCHEMES)


def fetch(url: str, bounds: Bounds, *, post: bytes | None = None, kind: str = "") -> bytes:
    """What an http or https URL gives to GET, or to POST of `post`, whose media type is `kind`. For
    a thread without an event loop.

    Raises UndeterminedError when it cannot be had, saying why."""
    if not fetchable(url):
        raise UndeterminedError(f"{url} is no http address")
    return asyncio.run(_fetch(url, bounds, post, kind))


async def _fetch(url: str, bounds: Bounds, post: bytes | None, kind: str) -> bytes:
    import httpx2

    try:
        async with asyncio.timeout(bounds.longest):
            return await _exchange(url, bounds, post, kind)
    except TimeoutError:
        raise UndeterminedError(f"{url} takes longer than {bounds.longest:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UndeterminedError(f"{url} cannot be fetched ({reason})") from error


async def _exchange(url: str, bounds: Bounds, post: bytes | None, kind: str) -> bytes:
    import httpx2

    headers = {"Accept-Encoding": "identity"} | ({"Content-Type": kind} if kind else {})
    client = httpx2.AsyncClient(
        timeout=_STEP, follow_redirects=bounds.redirects > 0, max_redirects=bounds.redirects
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
