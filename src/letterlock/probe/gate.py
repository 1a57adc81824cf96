"""The governor at work: who wants to visit an address waits here for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.governor import Fate, Governor, Pace, Turn
from letterlock.probe.obstacle import Obstacle

_NEVER = float("inf")
_TOO_LATE = Wording("the server asks us to stay away for longer than this run may take")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    pace: Pace
    turn: asyncio.Future[Turn]
    deadline: float


class Gate:
    """Lets visits to one address begin as its governor allows, in the order asked, except that a
    port which has to wait holds up no other."""

    def __init__(self, governor: Governor) -> None:
        self.governor = governor
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiter] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER

    async def admit(self, pace: Pace, deadline: float = _NEVER) -> Turn:
        """Wait for a turn at the port of `pace`; it must be ended. Raises Obstacle as soon as it is
        known that none comes before the loop's time is `deadline`."""
        turn: asyncio.Future[Turn] = self._loop.create_future()
        self._waiting.append(_Waiter(pace, turn, deadline))
        self._let_go()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.end(turn.result(), Fate.VOID)
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
        wake = _NEVER
        still: list[_Waiter] = []
        address = self.governor.next_turn(now)
        for position, waiter in enumerate(self._waiting):
            if address is None:
                still += self._waiting[position:]
                break
            if waiter.turn.done():
                continue
            port = waiter.pace.next_turn(now)
            when = _NEVER if port is None else max(address, port)
            if when <= now:
                waiter.turn.set_result(self.governor.begin(waiter.pace, now))
                address = self.governor.next_turn(now)
            elif _NEVER > when > waiter.deadline:
                waiter.turn.set_exception(Obstacle(_TOO_LATE, Cause.THROTTLED))
            else:
                still.append(waiter)
                wake = min(wake, when)
        self._waiting = still
        self._call_at(wake)

    def _call_at(self, wake: float) -> None:
        if wake == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wake == _NEVER else self._loop.call_at(wake, self._wake)
        self._timer_at = wake

    def _wake(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self._let_go()
