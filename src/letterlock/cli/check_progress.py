"""How far `check` is: a bar on standard error, on a terminal, for what lasts over a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from letterlock.model.facts import EndpointFacts

_QUIET_SECONDS = 1.0


@contextmanager
def visits(target: str, total: int) -> Iterator[Callable[[EndpointFacts], None]]:
    """Give a function to be told of each of `total` visits as it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _facts: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    bar = Progress(*columns, TextColumn("{task.fields[last]}"), console=console, transient=True)
    task = bar.add_task(target, total=total, last="")

    def note(facts: EndpointFacts) -> None:
        bar.update(task, advance=1, last=f"{facts.endpoint.service.name} at {facts.endpoint}")

    with _shown_later(bar):
        yield note


@contextmanager
def _shown_later(bar: Progress) -> Iterator[None]:
    timer = threading.Timer(_QUIET_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
