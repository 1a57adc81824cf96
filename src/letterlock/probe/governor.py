"""A guest's manners towards one address: how many connections at once, how many a minute, and how
long to stay away after having been turned away. Policy only: no I/O, and the clock is handed in.

Two things keep a guest away. What the server *says* (421, 4xx, BYE) comes from one service and is
remembered for its port (`Pace`): Postfix counts a client's connections per service (anvil(8)). What
the network *does* (resets, silence, a refusal where there was an answer before) may be a firewall's
doing and is remembered for the whole address (`Governor`)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

#: A server that counts connections does so per minute: anvil_rate_time_unit (postconf(5)) and
#: Sendmail's ConnectionRateWindowSize are 60 s. One second more, since clocks are read at both ends
#: and anvil's has whole seconds.
WINDOW = 62.0
#: How many may be waiting for their banner at one port. As many as that are turned away together
#: where a limit is met that was not known.
UNGREETED = 2
#: A limit that lets fewer than this through may be the rest that an earlier run left over: in the
#: next window, one connection at a time, more is tried.
PLAUSIBLE = 10
#: Refusals one after the other, each after a longer pause, before we take no for an answer.
PATIENCE = 5
_PAUSE = 1.0
#: Refusals that are got over without a limit per minute being learnt from them.
_PASSING = 4
#: What a server that lets in one at a time may need to notice that the last one has left.
_GAP = 0.5
_LONGEST_PAUSE = 240.0


class Fate(Enum):
    """How a connection went, as far as manners go."""

    #: It was served, whatever came of the question.
    SERVED = "served"
    #: The server asked to come back later.
    TURNED_AWAY = "turned away"
    #: Reset, closed or unanswered, where it used to be served.
    CUT_OFF = "cut off"
    #: It never began, or ended for reasons of our own.
    VOID = "void"


@dataclass(slots=True, eq=False)
class Turn:
    """One connection, from being let go to its end. `level` is how many were open at its port when
    it began, itself included; `counted_until` when a limit per minute has forgotten it, None while
    it is not known that the server has counted it."""

    pace: Pace
    began: float
    level: int
    greeted: bool = False
    counted_until: float | None = None


class Pace:
    """One port: how it may be visited, from how it took the visits so far."""

    def __init__(self, ungreeted_most: int = UNGREETED) -> None:
        self._ungreeted_most = ungreeted_most
        self._at_once: int | None = None
        self._per_window: int | None = None
        #: Whether `_per_window` was met in a window that had only our own visits in it.
        self._sure = False
        self._not_before = 0.0
        self._gap = 0.0
        self._passed = 0
        self._ended_at = float("-inf")
        self._open = 0
        self._ungreeted = 0
        self._highest_served = 0
        self._recent: deque[Turn] = deque()
        self._refused_at = float("-inf")
        #: Times it was turned away or cut off since a visit was served.
        self.strikes = 0
        #: Visits in a row that were reset where the server should have spoken.
        self.resets = 0

    @property
    def ever_served(self) -> bool:
        return self._highest_served > 0

    @property
    def per_window(self) -> int | None:
        """The most in any WINDOW, where a refusal taught it."""
        return self._per_window

    def next_turn(self, now: float) -> float | None:
        """When the next visit may begin: `now`, a moment later, or None where another visit has to
        end or be greeted first."""
        if self._at_once is not None and self._open >= self._at_once:
            return None
        if self._ungreeted >= (1 if self.strikes else self._ungreeted_most):
            return None
        begin = max(self._not_before, self._ended_at + self._gap)
        if now < begin:
            return begin
        return now if self._per_window is None else self._within(self._per_window, now)

    def begin(self, now: float) -> Turn:
        self._open += 1
        self._ungreeted += 1
        turn = Turn(self, now, self._open)
        self._forget(now)
        self._recent.append(turn)
        return turn

    def greeted(self, turn: Turn, now: float) -> None:
        """The server lets this one in, and has counted it by now."""
        turn.greeted = True
        turn.counted_until = now + WINDOW
        self._ungreeted -= 1
        self._highest_served = max(self._highest_served, turn.level)
        if turn.began >= self._refused_at:
            self.strikes = 0
        if self._per_window is not None:
            self._per_window = max(self._per_window, self._served_lately())

    def end(self, turn: Turn, fate: Fate, now: float) -> None:
        self._open -= 1
        if not turn.greeted:
            self._ungreeted -= 1
        if turn.counted_until is None:
            turn.counted_until = now + WINDOW
        if fate is Fate.TURNED_AWAY:
            self._turned_away(turn, now)
        self._ended_at = now

    def _within(self, limit: int, now: float) -> float | None:
        self._forget(now)
        surplus = len(self._recent) - limit
        if surplus < 0 or self._may_try_more():
            return now
        ends = sorted(turn.counted_until for turn in self._recent if turn.counted_until is not None)
        return ends[surplus] if surplus < len(ends) else None

    def _may_try_more(self) -> bool:
        """Whether the limit learnt may be lower than the server's, and one more visit would tell:
        no other is open, and all that the server counts now began after the last refusal."""
        return (
            not self._sure
            and self._open == 0
            and all(turn.began > self._refused_at for turn in self._recent)
        )

    def _turned_away(self, turn: Turn, now: float) -> None:
        together = turn.began <= self._refused_at  # with the one before, not after it
        tried_more = self._per_window is not None and self._may_try_more()
        self._refused_at = now
        if together:
            return
        self.strikes += 1
        if self._may_be_passing:
            self._let_pass(turn, now)
            return
        served = self._served_lately()
        self._per_window = max(1, served)
        self._sure = tried_more or served >= PLAUSIBLE
        self._stay_away(now, _PAUSE if served else WINDOW)

    @property
    def _may_be_passing(self) -> bool:
        """Postfix says the same words for too many at once and for too many in a minute, and any
        server may have a bad moment. Only a second refusal on end, of one that came alone, is taken
        for a limit per minute, or the last of several; but where nobody was ever let in, the minute
        may have begun before us."""
        few = self.strikes == 1 and self._passed < _PASSING
        return few and self._per_window is None and self._highest_served > 0

    def _let_pass(self, turn: Turn, now: float) -> None:
        self._passed += 1
        if turn.level > 1:
            self._at_once = min(self._highest_served, turn.level - 1)
        elif turn.began - self._ended_at < _GAP:
            self._gap = _GAP
        self._stay_away(now, _PAUSE)

    def _served_lately(self) -> int:
        return sum(turn.greeted for turn in self._recent)

    def _stay_away(self, now: float, pause: float) -> None:
        """Twice as long at each refusal that follows another."""
        pause = min(pause * 2.0 ** (self.strikes - 1), _LONGEST_PAUSE)
        self._not_before = max(self._not_before, now + pause)

    def _forget(self, now: float) -> None:
        while self._recent and (ends := self._recent[0].counted_until) is not None and ends <= now:
            self._recent.popleft()


class Governor:
    """One address with all its ports. `at_once` is the most connections open at a time, `rate` the
    most begun per minute."""

    def __init__(self, at_once: int, rate: float | None = None) -> None:
        self._at_once = at_once
        self._between = 60.0 / rate if rate else 0.0
        self._open = 0
        self._next_by_rate = 0.0
        self._not_before = 0.0
        self._trouble_at = float("-inf")
        #: Times it was cut off since a visit was served.
        self.strikes = 0

    @property
    def at_once(self) -> int:
        return self._at_once

    def next_turn(self, now: float) -> float | None:
        """As `Pace.next_turn`, for the address as a whole."""
        if self._open >= self._at_once:
            return None
        return max(now, self._not_before, self._next_by_rate)

    def begin(self, pace: Pace, now: float) -> Turn:
        self._open += 1
        self._next_by_rate = max(now, self._next_by_rate) + self._between
        return pace.begin(now)

    def greeted(self, turn: Turn, now: float) -> None:
        if turn.greeted:
            return
        turn.pace.greeted(turn, now)
        if turn.began >= self._trouble_at:
            self.strikes = 0

    def end(self, turn: Turn, fate: Fate, now: float) -> None:
        self._open -= 1
        turn.pace.end(turn, fate, now)
        if fate is Fate.CUT_OFF:
            self._cut_off(turn, now)

    def _cut_off(self, turn: Turn, now: float) -> None:
        """Fewer at once, and a pause, twice as long at each that follows another."""
        together = turn.began <= self._trouble_at
        self._trouble_at = now
        if together:
            return
        self.strikes += 1
        turn.pace.strikes += 1
        self._at_once = max(1, self._at_once // 2)
        pause = min(_PAUSE * 2.0 ** (self.strikes - 1), _LONGEST_PAUSE)
        self._not_before = now + pause
