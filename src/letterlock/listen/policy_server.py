"""The MTA-STS trap's policy over HTTPS (RFC 8461 section 3.3): one file, nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from OpenSSL import SSL

from letterlock.listen.limits import Gate
from letterlock.listen.seen import SeenTls
from letterlock.listen.tls import TlsProtocol
from letterlock.model.listening import PolicyFetch

_REQUEST = re.compile(rb"GET /\.well-known/mta-sts\.txt HTTP/1\.[01]\r\n")
_LARGEST_REQUEST = 8192


@dataclass(frozen=True, slots=True)
class PolicyHouse:
    """What the fetches have in common; `tell` is called with each that was answered with the
    policy. `patience` is in seconds, for all of one."""

    policy: str
    context: SSL.Context
    gate: Gate
    tell: Callable[[PolicyFetch], None]
    patience: float


class PolicySession(asyncio.Protocol):
    """One connection: TLS, one request, one answer."""

    def __init__(self, house: PolicyHouse) -> None:
        self._house = house
        self._address: str | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a socket's transport is needed")
        address = str((transport.get_extra_info("peername") or ("::",))[0])
        if self._house.gate.enter(address):
            transport.abort()
            return
        self._address = address
        reader = asyncio.StreamReader(limit=_LARGEST_REQUEST)
        tls = TlsProtocol(transport, self, self._house.context, reader, SeenTls())
        reader.set_transport(tls.transport)
        transport.set_protocol(tls)
        self._task = asyncio.get_running_loop().create_task(self._serve(transport, tls, reader))

    def connection_lost(self, _error: Exception | None) -> None:
        if self._address is not None:
            self._house.gate.leave(self._address)
        if self._task is not None:
            self._task.cancel()

    async def _serve(
        self, raw: asyncio.Transport, tls: TlsProtocol, reader: asyncio.StreamReader
    ) -> None:
        with suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(self._house.patience):
                if not await tls.handshake:
                    return
                request = await reader.readuntil(b"\r\n\r\n")
                fine = _REQUEST.match(request) is not None
                tls.transport.write(_answer(self._house.policy if fine else None))
                tls.transport.close()
                if fine and self._address is not None:
                    self._house.tell(PolicyFetch(datetime.now(UTC), self._address))
                return
        raw.abort()


def _answer(policy: str | None) -> bytes:
    status = "404 Not Found" if policy is None else "200 OK"
    body = (policy or "nothing but the policy is here\n").encode("ascii")
    head = (
        f"HTTP/1.1 {status}", "Content-Type: text/plain", f"Content-Length: {len(body)}",
        "Connection: close", "", "",
    )  # fmt: skip
    return "\r\n".join(head).encode("ascii") + body
