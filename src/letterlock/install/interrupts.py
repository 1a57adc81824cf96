"""SIGINT, SIGTERM and SIGHUP as an orderly way back instead of an end in the middle."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from letterlock.model.errors import RefusedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked to stop. Not an Exception, so that nothing on the way takes it for a fault
    of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(f"interrupted by {name}")


class StoppedError(RefusedError):
    """Nothing was changed, or all was rolled back, because a signal asked to stop. Who has more to
    do leaves it."""


class Interrupts:
    """Raises Interrupted at most once, and never again after `shelter`."""

    def __init__(self) -> None:
        self._sheltered = False

    def shelter(self) -> None:
        """From here on signals are ignored: what is under way ends by itself, soon."""
        self._sheltered = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if not self._sheltered:
            # Sheltered before raising: a second signal must not break the way back.
            self._sheltered = True
            raise Interrupted(signal.Signals(number).name)


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handle the signals for the time of a run. One that was ignored stays so (nohup(1)); outside
    the main thread, where Python has no handlers, nothing changes."""
    control = Interrupts()
    former = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                former[number] = signal.signal(number, control.handle)
    try:
        yield control
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
