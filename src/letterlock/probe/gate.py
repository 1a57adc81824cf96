"""The governor at work: who wants to visit an address waits here for its turn."""

from __future__ import annotations

import asyncio

from letterlock.probe.governor import Fate, Governor, Pace, Turn


class Gate:
    """Lets visits to one address begin as its governor allows, in the order asked, except that a
    port which has to wait holds up no other."""

    def __init__(self, governor: Governor) -> None:
        self.governor = governor
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Pace, asyncio.Future[Turn]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    async def admit(self, pace: Pace) -> Turn:
        """Wait for a turn at the port of `pace`; it must be ended."""
        waiter: asyncio.Future[Turn] = self._loop.create_future()
        self._waiting.append((pace, waiter))
        self._let_go()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.end(waiter.result(), Fate.VOID)
            raise

    def greeted(self, turn: Turn) -> None:
        self.governor.greeted(turn, self._loop.time())
        self._let_go()

    def end(self, turn: Turn, fate: Fate) -> None:
        self.governor.end(turn, fate, self._loop.time())
        self._let_go()

    def _let_go(self) -> None:
        """Give a turn to everyone who may have one now, and see to being called again in time."""
        if not self._waiting:
            return
        now = self._loop.time()
        wake = float("inf")
        still: list[tuple[Pace, asyncio.Future[Turn]]] = []
        for pace, waiter in self._waiting:
            if waiter.done():
                continue
            when = self._next_turn(pace, now)
            if when <= now:
                waiter.set_result(self.governor.begin(pace, now))
            else:
                still.append((pace, waiter))
                wake = min(wake, when)
        self._waiting = still
        self._call_at(wake)

    def _next_turn(self, pace: Pace, now: float) -> float:
        """The later of what the address and the port allow; infinity where an event has to come
        first."""
        address, port = self.governor.next_turn(now), pace.next_turn(now)
        return float("inf") if address is None or port is None else max(address, port)

    def _call_at(self, wake: float) -> None:
        if wake == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wake == float("inf") else self._loop.call_at(wake, self._wake)
        self._timer_at = wake

    def _wake(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self._let_go()
