"""What who runs the service asks of the database: what is under way, and to forget somebody."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select

from letterlock.web.store.checks import Check, Checks, State
from letterlock.web.store.database import Database
from letterlock.web.store.tables import CHECKS, MESSAGES

#: Checks of each state that are named.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Busy:
    """A worker that has checks under way, so many; until when its lease is."""

    name: str
    checks: int
    lease: float


@dataclass(frozen=True, slots=True)
class Pending:
    """Messages that a channel has not taken yet, and when the oldest was written."""

    channel: str
    messages: int
    oldest: float


class Administration:
    """Times are seconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- forgotten

    def forget_check(self, id: str) -> bool:
        """False where there is none. What a worker still finds out is written nowhere:
        `Checks.finish` finds no check of its own."""
        if Checks(self._database).find(id) is None:
            return False
        return self._forget(CHECKS.c.id == id) > 0

    def forget_subject(self, subject: str) -> int:
        """All checks of a host or domain, in whatever state; how many there were."""
        return self._forget(CHECKS.c.subject == subject)

    def _forget(self, which: ColumnElement[bool]) -> int:
        """With their reports, which go with them (tables.REPORTS). Visits stay for their two
        hours: without them a target could be looked at as often as it is forgotten."""
        with self._database.write() as connection:
            return int(connection.execute(delete(CHECKS).where(which)).rowcount)

    # --- under way

    def under_way(self, state: State) -> list[Check]:
        """Those that wait or run, the oldest first, as many as somebody reads."""
        wanted = select(CHECKS.c.id).where(CHECKS.c.state == state)
        with self._database.read() as connection:
            rows = connection.execute(
                wanted.order_by(CHECKS.c.created, CHECKS.c.id).limit(_MOST)
            ).scalars()
            ids = list(rows)
        found = Checks(self._database).several(ids)
        return [found[id] for id in ids if id in found and found[id].state is state]

    def busy(self) -> list[Busy]:
        """One that has nothing to do is not known here."""
        wanted = select(CHECKS.c.worker, func.count(), func.max(CHECKS.c.lease))
        running = wanted.where(CHECKS.c.state == State.RUNNING).group_by(CHECKS.c.worker)
        with self._database.read() as connection:
            return [Busy(*row) for row in connection.execute(running.order_by(CHECKS.c.worker))]

    def pending(self) -> list[Pending]:
        wanted = select(MESSAGES.c.channel, func.count(), func.min(MESSAGES.c.created))
        with self._database.read() as connection:
            rows = connection.execute(wanted.group_by(MESSAGES.c.channel).order_by("channel"))
            return [Pending(*row) for row in rows]
