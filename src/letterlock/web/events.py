"""Those who listen to checks: one look at the database for all of them, twice a second."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

from letterlock.model.errors import UndeterminedError
from letterlock.web.api_types import event
from letterlock.web.store.checks import Check, Checks

#: Seconds between looks; after how many a comment is sent, so that nobody on the way hangs up.
_EVERY = 0.5
_COMMENT = 15.0
#: Listeners, in all and of one client.
MOST = 500
MOST_OF_ONE = 10


class Listeners:
    """To be made within the event loop."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._queues: defaultdict[str, set[asyncio.Queue[Check | None]]] = defaultdict(set)
        self._clients: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def has_room(self, client: str) -> bool:
        return self._clients.total() < MOST and self._clients[client] < MOST_OF_ONE

    async def listen(self, check: Check, client: str) -> AsyncIterator[bytes]:
        """The stream's bytes, until the check is over or the service stops."""
        queue: asyncio.Queue[Check | None] = asyncio.Queue()
        self._queues[check.id].add(queue)
        self._clients[client] += 1
        self._begin()
        try:
            yield _told(check)
            last = check
            while not last.state.over:
                try:
                    async with asyncio.timeout(_COMMENT):
                        now = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if now is None:
                    return
                if now != last:
                    last = now
                    yield _told(now)
        finally:
            self._queues[check.id].discard(queue)
            if not self._queues[check.id]:
                del self._queues[check.id]
            self._clients[client] -= 1
            self._clients += Counter()

    def close(self) -> None:
        """Everybody is sent home."""
        self._closed = True
        for queues in self._queues.values():
            for queue in queues:
                queue.put_nowait(None)

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while self._queues and not self._closed:
            try:
                found = await asyncio.to_thread(self._checks.several, list(self._queues))
            except UndeterminedError:
                found = {}
            for id, check in found.items():
                for queue in self._queues.get(id, ()):
                    queue.put_nowait(check)
            await asyncio.sleep(_EVERY)


def _told(check: Check) -> bytes:
    name = b"over" if check.state.over else b"state"
    return b"event: " + name + b"\ndata: " + event(check) + b"\n\n"
