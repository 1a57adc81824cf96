"""One TCP connection, in the clear and then inside TLS, within an allowance of bytes."""

from __future__ import annotations

import asyncio
from typing import Self

from letterlock.model.service import Endpoint
from letterlock.model.unknown import Cause
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

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowance: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._allowance = allowance
        self._left = allowance
        self._session: TlsSession | None = None

    @classmethod
    async def open(cls, endpoint: Endpoint, allowance: int) -> Self:
        """Connect; `allowance` is how many bytes may be received in all."""
        reader, writer = await asyncio.open_connection(
            endpoint.address, endpoint.port, limit=_CHUNK
        )
        return cls(reader, writer, allowance)

    @property
    def from_same_address(self) -> bool:
        """Whether our end of the connection has the server's address."""
        ours, theirs = (self._writer.get_extra_info(end) for end in ("sockname", "peername"))
        return bool(ours and theirs and ours[0] == theirs[0])

    @property
    def silent(self) -> bool:
        """Whether not one byte has come."""
        return self._left == self._allowance

    async def send(self, data: bytes) -> None:
        self._writer.write(self._session.encrypt(data) if self._session else data)
        await self._writer.drain()

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

    async def start_tls(self, name: str, *, implicit: bool) -> Negotiated:
        """Handshake with `name` as SNI; from then on the channel is inside TLS."""
        session = TlsSession(name)
        complete = session.handshake(b"")
        await self._flush(session)
        head = await self._read()
        if not looks_like_tls(head):
            raise not_tls(await self._first_line(head), implicit=implicit)
        data = head
        while True:
            try:
                complete = session.handshake(data)
            finally:
                await self._flush(session)
            if complete:
                self._session = session
                return session.negotiated()
            data = await self._read()

    async def close(self) -> None:
        """Say close_notify and drop the connection; never raises for what the server does."""
        try:
            if self._session is not None:
                self._writer.write(self._session.close())
            self._writer.close()
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, RuntimeError):
            self._writer.transport.abort()

    def abort(self) -> None:
        """Drop the connection at once, unsent bytes with it."""
        self._writer.transport.abort()

    async def _read(self) -> bytes:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise EOFError
        self._left -= len(data)
        if self._left < 0:
            raise Obstacle(
                f"the server sent more than {self._allowance} bytes", Cause.BROKEN_DIALOGUE
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
            self._writer.write(outgoing)
            await self._writer.drain()
