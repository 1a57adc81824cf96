"""A network with some delay: the seven mail ports of one throw-away system, seen from another."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.machine import Machine

_CHUNK = 65536


@contextmanager
def delayed(
    servers: Machine, seen_from: Machine, ports: tuple[int, ...], delay: float, *, connecting: bool
) -> Iterator[None]:
    """On 127.0.0.1 inside `seen_from` the ports of `servers` can be reached; every byte takes
    `delay` seconds each way; with `connecting` so do the three packets by which TCP connects."""
    loop = asyncio.new_event_loop()
    listeners = seen_from.call(
        lambda: [socket.create_server(("127.0.0.1", port), backlog=512) for port in ports]
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve(listener: socket.socket, port: int) -> asyncio.Server:
        async def pass_on(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            await _pass_on(servers, port, near, back, delay, 3 * delay if connecting else 0)

        return await asyncio.start_server(pass_on, sock=listener)

    begun = [
        asyncio.run_coroutine_threadsafe(serve(listener, port), loop).result()
        for listener, port in zip(listeners, ports, strict=True)
    ]
    try:
        yield
    finally:
        for server in begun:
            loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


async def _pass_on(
    servers: Machine,
    port: int,
    near: asyncio.StreamReader,
    back: asyncio.StreamWriter,
    delay: float,
    first: float,
) -> None:
    """The server sees the connection after `first` seconds; bytes sent before wait."""
    await asyncio.sleep(first)
    behind = await asyncio.to_thread(
        servers.call, lambda: socket.create_connection(("127.0.0.1", port))
    )
    far, on = await asyncio.open_connection(sock=behind)
    await asyncio.gather(_one_way(near, on, delay), _one_way(far, back, delay))


async def _one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    ends: asyncio.Future[None] = loop.create_future()
    try:
        while data := await source.read(_CHUNK):
            loop.call_later(delay, sink.write, data)
    except OSError:
        pass
    loop.call_later(delay, ends.set_result, None)
    await ends
    sink.close()
