"""Between the listener and the page of `serve`: which tests take mail, and who came. Database and
network do not wait for each other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import typer

from letterlock.listen.addresses import Recipients
from letterlock.listen.limits import client_of
from letterlock.model.errors import UndeterminedError
from letterlock.model.listening import Visit
from letterlock.report.listening_document import written
from letterlock.web.store.database import Database, demand_sendings, joined_database
from letterlock.web.store.sendings import SIGN, Arrival, Sendings

#: Seconds between looks for new tests; visits that wait where the database is away.
_EVERY = 0.5
_MOST_WAITING = 2_000


class PageTests:
    """The tests that a page begins. Made before privileges are dropped; `begin` and all after are
    done by who is left."""

    def __init__(self, data: Path, url: str | None, recipients: Recipients, domain: str) -> None:
        """Raises InputError."""
        self._database: Database = joined_database(data, url)
        self._sendings = Sendings(self._database)
        self._recipients = recipients
        self._domain = domain
        self._waiting: deque[Visit] = deque(maxlen=_MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._signed = float("-inf")
        self._away = False

    def begin(self) -> None:
        """Raises InputError, UndeterminedError."""
        demand_sendings(self._database)
        self._look()
        self._thread.start()

    def visit(self, visit: Visit) -> None:
        """It is written down by and by."""
        self._waiting.append(visit)

    def end(self) -> int:
        """With all that came; how many visits could not be written down."""
        self._stopping.set()
        self._thread.join()
        self._tried(self._last)
        self._database.close()
        return len(self._waiting)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY):
            self._tried(self._look)

    def _look(self) -> None:
        self._recipients.also(self._sendings.open())
        if time.monotonic() - self._signed >= SIGN:
            self._sendings.sign(self._domain)
            self._signed = time.monotonic()
        self._write()

    def _last(self) -> None:
        self._write()
        self._sendings.unsign()

    def _write(self) -> None:
        while self._waiting:
            visit = self._waiting.popleft()
            try:
                self._sendings.note(_arrival(visit))
            except UndeterminedError:
                self._waiting.appendleft(visit)
                raise

    def _tried(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._away = False
        except UndeterminedError as error:
            if not self._away:
                typer.echo(f"letterlock: {error}; visits wait", err=True)
            self._away = True


def _arrival(visit: Visit) -> Arrival:
    digests = tuple(dict.fromkeys(digest for _, digest in visit.recipients))
    return Arrival(visit.at.timestamp(), client_of(visit.address), digests, written(visit))
