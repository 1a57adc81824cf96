"""How far `check` is: a bar on standard error, on a terminal, for what lasts over a second."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from letterlock.report.escape import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from letterlock.check.run import Progress
    from letterlock.model.service import Endpoint

_QUIET_SECONDS = 1.0


class Bar:
    """Counts the ports that are finished; tells which one was heard of last, and how often any
    was."""

    def __init__(self, bar: RichProgress | None, title: str) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task(title, total=None, last="")
        self._finished: set[Endpoint] = set()
        self._steps = 0

    def note(self, progress: Progress) -> None:
        if self._bar is None or self._task is None:
            return
        self._steps += 1
        if progress.finished:
            self._finished.add(progress.endpoint)
        last = f"{progress.endpoint.service.name} at {progress.endpoint}, {self._steps} answers"
        self._bar.update(
            self._task, completed=len(self._finished), total=progress.endpoints, last=last
        )

    def note_elsewhere(self, finished: int, endpoints: int, last: str) -> None:
        """The same, as a letterlock elsewhere tells it."""
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=finished, total=endpoints or None, last=printable(last[:80])
            )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Out of the way of what is printed meanwhile."""
        shown = self._bar is not None and self._bar.live.is_started
        if self._bar is not None and shown:
            self._bar.stop()
        yield
        if self._bar is not None and shown:
            self._bar.start()


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """Shown from the second second on, where standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(None, title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    bar = Progress(*columns, TextColumn("{task.fields[last]}"), console=console, transient=True)
    with _shown_later(bar):
        yield Bar(bar, title)


@contextmanager
def _shown_later(bar: RichProgress) -> Iterator[None]:
    timer = threading.Timer(_QUIET_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
