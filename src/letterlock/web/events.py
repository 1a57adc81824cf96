"""Those who listen to what is under way: one look at the database for all of them, twice a
second."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar

from letterlock.model.errors import UndeterminedError

_T = TypeVar("_T")
#: Seconds between looks; after how many a comment is sent, so that nobody on the way hangs up.
_EVERY = 0.5
_COMMENT = 15.0
#: Listeners, in all and of one client.
MOST = 500
MOST_OF_ONE = 10


class Listeners(Generic[_T]):
    """To be made within the event loop. `look` finds the present state of each of some ids, `over`
    says that a state is the last, `told` makes an event of one."""

    def __init__(
        self,
        look: Callable[[list[str]], Mapping[str, _T]],
        over: Callable[[_T], bool],
        told: Callable[[_T], bytes],
    ) -> None:
        self._look_at = look
        self._over = over
        self._told = told
        self._queues: defaultdict[str, set[asyncio.Queue[_T | None]]] = defaultdict(set)
        self._clients: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def has_room(self, client: str) -> bool:
        return self._clients.total() < MOST and self._clients[client] < MOST_OF_ONE

    async def listen(self, id: str, first: _T, client: str) -> AsyncIterator[bytes]:
        """The stream's bytes, until it is over, forgotten, or the service stops. None where many
        came at once, who each found room when they asked, and there is none for all."""
        if self._closed or not self.has_room(client):
            return
        queue: asyncio.Queue[_T | None] = asyncio.Queue()
        self._queues[id].add(queue)
        self._clients[client] += 1
        self._begin()
        try:
            yield self._told(first)
            last = first
            while not self._over(last):
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
                    yield self._told(now)
        finally:
            self._queues[id].discard(queue)
            if not self._queues[id]:
                del self._queues[id]
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
        while self._queues:
            try:
                wanted = list(self._queues)
                found = await asyncio.to_thread(self._look_at, wanted)
            except UndeterminedError:
                wanted = []
            for id in wanted:
                for queue in self._queues.get(id, ()):
                    queue.put_nowait(found.get(id))  # None: it is forgotten
            await asyncio.sleep(_EVERY)
