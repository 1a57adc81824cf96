"""The governor against servers that count, in a time of our own making."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from letterlock.probe.governor import PATIENCE, UNGREETED, Fate, Governor, Pace, Turn


@dataclass
class Anvil:
    """Postfix's anvil(8): a window begins with the first connection after the last has ended, and
    counts those turned away too. `taken` is what somebody before us has used up of it."""

    per_unit: int
    taken: int = 0
    unit: float = 60
    _start: float = -30

    def lets_in(self, now: float, _open: int) -> bool:
        if self._start + self.unit < now:
            self._start, self.taken = now, 0
        self.taken += 1
        return self.taken <= self.per_unit


@dataclass
class Doorman:
    """Lets in so many at a time, and notices late that somebody has left."""

    at_once: int
    lag: float = 0
    _left: list[float] = field(default_factory=list)

    def lets_in(self, now: float, inside: int) -> bool:
        lingering = sum(left + self.lag > now for left in self._left)
        return inside + lingering < self.at_once

    def left(self, now: float) -> None:
        self._left.append(now)


@dataclass
class Stay:
    """What came of some visits."""

    seconds: float
    refused: int
    most_at_once: int


class Round:
    """Makes visits as the gate does: as many as may begin, as soon as they may. The server decides
    after 10 ms, a visit takes 20 ms more."""

    def __init__(self, server: Anvil | Doorman, visits: int, governor: Governor) -> None:
        self.server = server
        self.governor = governor
        self.pace = Pace()
        self.left = visits
        self.open = self.inside = 0
        self.stay = Stay(0, 0, 0)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.number = count()

    @property
    def now(self) -> float:
        return self.stay.seconds

    def run(self) -> Stay:
        while self.left or self.events:
            when = self.next_turn() if self.left else None
            if when is not None and when <= self.now:
                self.begin()
            elif when is not None and (not self.events or when < self.events[0][0]):
                self.stay.seconds = when
            else:
                self.stay.seconds, _, action = heapq.heappop(self.events)
                action()
        return self.stay

    def next_turn(self) -> float | None:
        address, port = self.governor.next_turn(self.now), self.pace.next_turn(self.now)
        return None if address is None or port is None else max(address, port)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.number), action))

    def begin(self) -> None:
        turn = self.governor.begin(self.pace, self.now)
        self.left -= 1
        self.open += 1
        self.stay.most_at_once = max(self.stay.most_at_once, self.open)
        self.later(0.01, lambda: self.decide(turn))

    def decide(self, turn: Turn) -> None:
        if self.server.lets_in(self.now, self.inside):
            self.inside += 1
            self.governor.greeted(turn, self.now)
            self.later(0.02, lambda: self.leave(turn))
            return
        self.open -= 1
        self.stay.refused += 1
        self.left += 1
        self.governor.end(turn, Fate.TURNED_AWAY, self.now)

    def leave(self, turn: Turn) -> None:
        self.open -= 1
        self.inside -= 1
        if isinstance(self.server, Doorman):
            self.server.left(self.now)
        self.governor.end(turn, Fate.SERVED, self.now)


def visit(
    server: Anvil | Doorman, visits: int, at_once: int = 6, rate: float | None = None
) -> Stay:
    return Round(server, visits, Governor(at_once, rate)).run()


def test_nobody_counts() -> None:
    stay = visit(Anvil(1000), 115)
    assert stay.refused == 0
    assert stay.seconds < 3
    assert stay.most_at_once > UNGREETED


@pytest.mark.parametrize("at_once", [2, 6])
def test_thirty_a_minute(at_once: int) -> None:
    """Issue 3: a full depth completes with at most three refused, by pacing."""
    stay = visit(Anvil(30), 115, at_once)
    assert stay.refused <= 3
    assert 3 * 60 < stay.seconds < 3 * 63


def test_within_the_limit_nothing_is_refused() -> None:
    assert visit(Anvil(30), 30).refused == 0


def test_an_earlier_run_has_used_up_some_of_it() -> None:
    stay = visit(Anvil(30, taken=12), 115)
    assert stay.refused <= 3
    assert stay.seconds < 7 * 63


def test_an_earlier_run_has_used_up_most_of_it() -> None:
    """What was left is not taken for the limit."""
    stay = visit(Anvil(30, taken=26), 115)
    assert stay.refused <= 5
    assert stay.seconds < 6 * 63


def test_an_earlier_run_has_used_up_all_of_it() -> None:
    stay = visit(Anvil(30, taken=30), 90)
    assert stay.refused <= 5
    assert stay.seconds < 6 * 63


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_narrow_limit_is_learnt_and_kept(limit: int) -> None:
    stay = visit(Anvil(limit), 5 * limit)
    assert stay.refused <= 6
    assert stay.seconds < 9 * 63


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_too_many_at_once_is_not_taken_for_too_many_a_minute(at_once: int) -> None:
    stay = visit(Doorman(at_once), 115)
    assert stay.refused <= 4
    assert stay.seconds < 30


def test_one_at_a_time_and_slow_to_notice() -> None:
    stay = visit(Doorman(1, lag=0.3), 40)
    assert stay.refused <= 5
    assert stay.seconds < 60


def test_so_many_a_minute_as_the_user_says() -> None:
    stay = visit(Anvil(30), 60, rate=29)
    assert stay.refused == 0
    assert 120 < stay.seconds < 130


# --- what the network does


def cut_off(governor: Governor, pace: Pace, now: float) -> None:
    governor.end(governor.begin(pace, now), Fate.CUT_OFF, now)


def test_fewer_at_once_and_ever_longer_pauses() -> None:
    governor, pace, other = Governor(6), Pace(), Pace()
    pauses, now = [], 0.0
    for _ in range(PATIENCE):
        cut_off(governor, pace, now)
        then = governor.next_turn(now)
        assert then is not None
        pauses.append(then - now)
        now = then
    assert pauses == [1, 2, 4, 8, 16]
    assert governor.at_once == 1
    assert governor.strikes == pace.strikes == PATIENCE
    assert other.strikes == 0
    turn = governor.begin(other, now)
    governor.greeted(turn, now)
    assert (governor.strikes, pace.strikes) == (0, PATIENCE)


def test_several_cut_off_together_are_one_time() -> None:
    governor, pace = Governor(6), Pace(6)
    turns = [governor.begin(pace, 0.0) for _ in range(6)]
    for turn in turns:
        governor.end(turn, Fate.CUT_OFF, 1.0)
    assert governor.strikes == 1
    assert governor.at_once == 3
    assert governor.next_turn(1.0) == 2.0


def test_one_port_has_to_wait_and_another_has_not() -> None:
    governor, tired, fresh = Governor(6), Pace(), Pace()
    governor.end(governor.begin(tired, 0.0), Fate.TURNED_AWAY, 0.0)
    assert (tired.next_turn(0.0) or 0) > 1
    assert fresh.next_turn(0.0) == governor.next_turn(0.0) == 0.0
