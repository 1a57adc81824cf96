"""Faults known and faults seen: what is new, what is over, what stays. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from letterlock.watch.fault import Fault, Key
from letterlock.watch.look import Look

#: A fault that comes back within this time of its end comes and goes: its return is told, and its
#: next end only once it has stayed away for as long.
CALM = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """A fault that was told. `since` is when it was first seen; `absent` since when it is not seen
    any more, `over` when that was told; `returned`: it comes and goes."""

    fault: Fault
    since: datetime
    absent: datetime | None = None
    over: datetime | None = None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """`known` is all that is to be remembered; `began`, `back` and `over` are to be told."""

    known: tuple[Known, ...] = ()
    began: tuple[Known, ...] = ()
    back: tuple[Known, ...] = ()
    over: tuple[Known, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.began or self.back or self.over)

    @property
    def open(self) -> tuple[Known, ...]:
        """What is wrong, or was when it was last seen."""
        return tuple(each for each in self.known if each.over is None)


def compare(before: dict[Key, Known], look: Look) -> Changes:
    """What a look changes. What it could not see stays as it was."""
    faults = look.faults
    known: list[Known] = []
    began: list[Known] = []
    back: list[Known] = []
    over: list[Known] = []
    for key, fault in faults.items():
        old = before.get(key)
        now = _seen(old, fault, look.at)
        known.append(now)
        if old is None:
            began.append(now)
        elif old.over is not None:
            (back if now.returned else began).append(now)
    for key, old in before.items():
        if key in faults:
            continue
        left = _unseen(old, look)
        if left is None:
            continue
        known.append(left)
        if left.over is not None and old.over is None:
            over.append(left)
    return Changes(tuple(known), tuple(began), tuple(back), tuple(over))


def _seen(old: Known | None, fault: Fault, at: datetime) -> Known:
    if old is None:
        return Known(fault, at)
    if old.over is None:
        return replace(old, fault=fault, absent=None)
    if at - old.over >= CALM:
        return Known(fault, at)
    return Known(fault, at, returned=True)


def _unseen(old: Known, look: Look) -> Known | None:
    """None: over for so long that it is forgotten."""
    if old.over is not None:
        return old if look.at - old.over < CALM else None
    if not look.sees(old.fault.key):
        return old
    absent = old.absent or look.at
    if old.returned and look.at - absent < CALM:
        return replace(old, absent=absent)
    return replace(old, absent=absent, over=look.at)
