"""Find all values of a list that a server supports, in its order, when each answer shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from letterlock.model.tls_facts import NOT_ASKED, Order
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording

Strike = Callable[[int], Iterable[int]]

ONE_ONLY = Unknown(Wording("there is only one: nothing to put in order"), Cause.NOT_APPLICABLE)
INCONSISTENT = Unknown(Wording("the server's choices contradict each other"))


class Ladder:
    """Offer everything; strike out what is picked; again, until there is nothing left.

    Who decides shows on the way. From the second hello on, what was found goes last instead of
    away. A server that follows the client then picks something new although its first pick is still
    on offer: the client decides. Then no hello is ever refused, each pick refutes all that stood
    before it, and a pick of something found refutes all that is left. A server that picks its first
    again has an order of its own (or nothing more): from there on, what was found is left away,
    each pick is the next in the server's order, and the end is a refusal.

    Invariants: `rest`, `found`, `refused` and `skipped` are disjoint and together the universe.
    `strike` names what goes with a value found (its class), by default nothing else. With
    `expect_server` the first pick is left away at once: what is picked then shows that the server
    decides if it stood before the first, and else the doubt is cleared as above."""

    def __init__(
        self,
        universe: Iterable[int],
        strike: Strike | None = None,
        *,
        expect_server: bool = False,
    ) -> None:
        self.rest = list(dict.fromkeys(universe))
        self.found: list[int] = []
        #: Offered and proven not to be accepted.
        self.refused: list[int] = []
        #: Not asked for one by one: of the class of something found.
        self.skipped: list[int] = []
        self.order: Order | None = None
        self.strict = False
        self._strike = strike
        self._expect_server = expect_server
        #: What stood before something picked, and lost: to a server that decides, if it is
        #: accepted after all.
        self._passed: set[int] = set()
        self._inconsistent = False
        self.focused = False

    @property
    def exhausted(self) -> bool:
        """Everything is found, refused or skipped."""
        return not self.rest

    @property
    def progress(self) -> tuple[int, int, bool]:
        """Differs once something was learnt."""
        return (len(self.rest), len(self.found), self.strict)

    @property
    def certain(self) -> bool:
        """Whether `offer` holds something that the server is known to accept."""
        return bool(self.found) and not self.strict

    @property
    def decided_by(self) -> Order | Unknown:
        if self._inconsistent:
            return INCONSISTENT
        if self.focused:
            return NOT_ASKED
        if self.order is None and self.exhausted and len(self.found) == 1:
            return ONE_ONLY
        return self.order or NOT_ASKED

    def offer(self) -> tuple[int, ...]:
        """What to offer next to learn most; not to be asked once `exhausted`."""
        return tuple(self.rest) if self.strict else self.everything()

    def everything(self) -> tuple[int, ...]:
        """What is left, then what was found: refused by no server that accepted any of it. While
        it is open who decides, the last found before the first: one of them will be picked."""
        found = self.found if self.order else reversed(self.found)
        return (*self.rest, *found)

    def rearrange(self, key: Callable[[int], object]) -> None:
        """Put what is left into another order; nothing that was learnt depends on it."""
        self.rest.sort(key=key)  # type: ignore[arg-type]

    def doubt(self, values: set[int]) -> None:
        """Put what is left of `values`, which are probably refused, before the others."""
        self.rest.sort(key=lambda value: value not in values)

    def focus(self, values: Iterable[int]) -> None:
        """From here on ask only whether any of `values` is accepted."""
        wanted = set(values)
        self.skipped += [value for value in self.rest if value not in wanted]
        self.rest = [value for value in self.rest if value in wanted]
        self.strict = self.focused = True

    def picked(self, value: int, offered: tuple[int, ...]) -> bool:
        """The server picked `value` from `offered`, which `offer` made (with nothing learnt
        since). False where that is impossible, and nothing is learnt."""
        if value in self.found and not self.strict:
            self._again(value)
            return True
        if value in self.rest and value in offered:
            self._new(value, offered)
            return True
        return False

    def seen(self, value: int) -> None:
        """The server accepts `value`; how it was offered tells nothing more."""
        if value in self.rest:
            self._take(value)
        elif value in self.skipped:
            self.skipped.remove(value)
            self.found.append(value)

    def refute(self, values: Iterable[int]) -> None:
        """None of `values` is accepted."""
        self._refute(tuple(values))

    def turned_down(self) -> None:
        """The last `offer` was refused, for no other reason than what it held."""
        if self.certain:
            self._inconsistent = True
            self.strict = True
            return
        self._refute(tuple(self.rest))

    def _again(self, value: int) -> None:
        if self.order is None and len(self.found) > 1 and not self._inconsistent:
            self.order = Order.CLIENT if value == self.found[-1] else Order.SERVER
            self.strict = self.order is Order.SERVER
            if not self.strict:
                self.found.remove(value)
                self.found.insert(0, value)
        if self.order is Order.SERVER:
            return
        if self.order is Order.CLIENT and value == self.found[0]:
            self._refute(tuple(self.rest))
            return
        self._inconsistent = self.order is Order.CLIENT
        self.strict = True

    def _new(self, value: int, offered: tuple[int, ...]) -> None:
        if self.found and not (self._inconsistent or self.focused or self.order):
            self._tell_order(value)
        before = offered[: offered.index(value)]
        if self.order is Order.CLIENT and not self.strict:
            self._refute(before)
        self._passed |= set(before)
        if self._expect_server and not self.found:
            self.strict = True
        self._take(value)

    def _tell_order(self, value: int) -> None:
        if not self.strict:
            self.order = Order.CLIENT
        elif value in self._passed or not self._expect_server:
            self.order = Order.SERVER
        else:
            self.strict = self._expect_server = False

    def _refute(self, values: tuple[int, ...]) -> None:
        gone = [value for value in values if value in self.rest]
        self.refused += gone
        self.rest = [value for value in self.rest if value not in gone]

    def _take(self, value: int) -> None:
        self.rest.remove(value)
        self.found.append(value)
        fellows = set(self._strike(value)) if self._strike else set()
        self.skipped += [each for each in self.rest if each in fellows]
        self.rest = [each for each in self.rest if each not in fellows]
