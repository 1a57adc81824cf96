"""TLS between a socket and the dialogue: what a client does not read, or sends and nobody reads, is
bounded."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from letterlock.listen.certificates import contexts
from letterlock.listen.seen import SeenTls
from letterlock.listen.tls import MAX_UNSENT, TlsProtocol
from letterlock.model.listening import Trap
from tests.listen.running import careless, good

_CONTEXT = contexts({Trap.GOOD: good()})[Trap.GOOD]


class _Dialogue(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost.set()


class _Ends:
    """Both, after the handshake."""

    def __init__(
        self,
        dialogue: _Dialogue,
        tls: TlsProtocol,
        reader: asyncio.StreamReader,
        ours: ssl.SSLSocket,
    ) -> None:
        self.dialogue = dialogue
        self.tls = tls
        self.reader = reader
        self.client = ours


@asynccontextmanager
async def connected() -> AsyncIterator[_Ends]:
    theirs, ours = socket.socketpair()
    loop = asyncio.get_running_loop()
    below, _ = await loop.create_connection(asyncio.Protocol, sock=theirs)
    dialogue, reader = _Dialogue(), asyncio.StreamReader(limit=1001)
    tls = TlsProtocol(below, dialogue, _CONTEXT, reader, SeenTls())
    reader.set_transport(tls.transport)
    below.set_protocol(tls)
    client = await asyncio.to_thread(careless().wrap_socket, ours)
    assert await tls.handshake
    with client:
        yield _Ends(dialogue, tls, reader, client)
    await asyncio.wait_for(dialogue.lost.wait(), 60)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.01)


def test_who_reads_nothing_is_let_go() -> None:
    async def told() -> None:
        async with connected() as ends:
            ends.tls.transport.write(b"x" * MAX_UNSENT)
            assert not ends.tls.transport.is_closing(), "the kernel takes some of it"
            ends.tls.transport.write(b"x" * 2 * MAX_UNSENT)
            assert ends.tls.transport.is_closing()
            await asyncio.wait_for(ends.dialogue.lost.wait(), 60)
            ends.tls.transport.write(b"nobody is there")

    asyncio.run(told())


def test_of_what_nobody_reads_little_is_taken() -> None:
    async def told() -> None:
        async with connected() as ends:
            sending = asyncio.create_task(asyncio.to_thread(ends.client.sendall, b"y" * 2**23))
            await until(lambda: not ends.tls.transport.is_reading())
            read = 0
            while read < 2**23:
                assert len(ends.reader._buffer) < 2**20  # type: ignore[attr-defined]
                read += len(await ends.reader.read(2**16))
            await sending
            assert ends.tls.transport.is_reading()

    asyncio.run(told())
