"""One TCP connection, in the clear and then inside TLS, within an allowance of bytes."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from letterlock.model.service import Endpoint
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.guard import Guard
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.tls import Negotiated, TlsSession, looks_like_tls, not_tls

_CHUNK = 16384
#: A plain-text answer to a ClientHello is read to its first line end, this long at most.
_LINE_SECONDS = 2.0
_LINE_BYTES = 200
#: Our last bytes may take this long to leave.
_CLOSE_SECONDS = 1.0


class Channel:
    """The time limits are the caller's (`obstacle.step`). OSError and EOFError pass through it to
    that; the rest is raised as Obstacle."""

    def __init__(self, connected: socket.socket, allowance: int) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._allowance = allowance
        self._left = allowance
        self._session: TlsSession | None = None
        #: Whether the server reset the connection, rather than closed it.
        self.reset = False

    @classmethod
    async def open(cls, endpoint: Endpoint, allowance: int, guard: Guard) -> Self:
        """Connect, where `guard` lets us; `allowance` is how many bytes may be received in all."""
        if (reason := guard(endpoint.address)) is not None:
            raise Obstacle(reason, Cause.NOT_ADMITTED)
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        ours = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(ours, (endpoint.address, endpoint.port))
        except BaseException:
            ours.close()
            raise
        return cls(ours, allowance)

    @property
    def from_same_address(self) -> bool:
        """Whether our end of the connection has the server's address."""
        try:
            ours, theirs = self._socket.getsockname(), self._socket.getpeername()
        except OSError:
            return False
        return bool(ours[0] == theirs[0])

    @property
    def silent(self) -> bool:
        """Whether not one byte has come."""
        return self._left == self._allowance

    async def send(self, data: bytes) -> None:
        await self._write(self._session.encrypt(data) if self._session else data)

    async def receive(self) -> bytes:
        """At least one byte. Raises EOFError where the server has closed."""
        if self._session is None:
            return await self._read()
        data = self._session.decrypt(b"")
        while data == b"":
            data = self._session.decrypt(await self._read())
            await self._flush(self._session)
        if data is None:
            raise EOFError
        return data

    async def start_tls(self, session: TlsSession, *, implicit: bool) -> Negotiated:
        """Handshake as `session` offers; from then on the channel is inside TLS."""
        await self.handshake(session, implicit=implicit)
        return session.negotiated()

    async def handshake(self, session: TlsSession, *, implicit: bool) -> None:
        """Carry out the handshake that `session` has begun, its first or a renegotiation; from
        then on the channel is inside it."""
        complete = session.handshake(b"")
        await self._flush(session)
        data = b"" if complete else await self._read()
        if data and self._session is None and not looks_like_tls(data):
            raise not_tls(await self._first_line(data), implicit=implicit)
        while not complete:
            try:
                complete = session.handshake(data)
            finally:
                await self._flush(session)
            if not complete:
                data = await self._read()
        self._session = session

    async def close(self) -> None:
        """Say close_notify and drop the connection; never raises for what the server does."""
        try:
            if self._session is not None:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._write(self._session.close())
        except OSError:  # a time-out too
            pass
        finally:
            self._socket.close()

    async def _read(self) -> bytes:
        try:
            data = await self._loop.sock_recv(self._socket, _CHUNK)
        except ConnectionResetError:
            self.reset = True
            raise
        if not data:
            raise EOFError
        self._left -= len(data)
        if self._left < 0:
            raise Obstacle(
                Wording("the server sent more than {bytes} bytes", bytes=self._allowance),
                Cause.BROKEN_DIALOGUE,
            )
        return data

    async def _first_line(self, head: bytes) -> bytes:
        try:
            async with asyncio.timeout(_LINE_SECONDS):
                while b"\n" not in head and len(head) < _LINE_BYTES:
                    head += await self._read()
        except (TimeoutError, EOFError, OSError, Obstacle):
            return head[:_LINE_BYTES]
        return head[:_LINE_BYTES]

    async def _flush(self, session: TlsSession) -> None:
        outgoing = session.outgoing()
        if outgoing:
            await self._write(outgoing)

    async def _write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)
