"""Checks from being asked for to their report. A worker has a running check on a lease, which it
renews; what a worker that died has left is begun again by another, once, then given up."""

from __future__ import annotations

import re
import secrets
import string
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from letterlock.model.wording import Wording
from letterlock.web.store.database import Database
from letterlock.web.store.tables import CHECKS, REPORTS, VISITS

#: 12 characters of these are 71 bits.
_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 12
#: Nothing else is asked for: PostgreSQL fails for a NUL instead of finding nothing.
_ID = re.compile(f"[{_LETTERS}]{{{_ID_LENGTH}}}")
#: Seconds that a worker may be silent; how often a check is begun at most.
LEASE = 30.0
MOST_ATTEMPTS = 2
#: Seconds after which a check is given up, however alive its worker is.
LONGEST = 1200.0
#: Seconds for which visits are remembered, longer than any window of them.
_VISITS_KEPT = 7200.0
_STOPPED = Wording("the service was stopped while it ran")
_TOO_LONG = Wording("it took too long and was given up")


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        return self in (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Check:
    """A check as the database has it; times are seconds since the epoch, `progress` is JSON or
    empty. `error` is there where it failed, `grade` and `worst` (a severity) where it is done."""

    id: str
    target: str
    subject: str
    options: str
    state: State
    created: float
    started: float | None
    finished: float | None
    attempts: int
    progress: str
    error: str | None
    determined: bool | None
    grade: str | None
    worst: str | None
    client: str = ""


@dataclass(frozen=True, slots=True)
class New:
    """What is asked for; `digest` is the same for the same question to the same target."""

    target: str
    subject: str
    options: str
    digest: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Caps:
    """How much is let in: checks that wait; `window` seconds in which a client and a subject may
    have so many begun; `reuse` seconds for which a result serves for the same question."""

    waiting: int = 100
    per_client: int = 30
    per_client_at_once: int = 4
    per_subject: int = 12
    window: float = 3600.0
    reuse: float = 300.0


class Reason(StrEnum):
    """Why nothing more is let in."""

    FULL = "full"
    CLIENT = "client"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """`retry_after` is seconds."""

    reason: Reason
    retry_after: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended: with a report, or with an error."""

    report: bytes | None = None
    error: str | None = None
    determined: bool | None = None
    grade: str | None = None
    worst: str | None = None


_COLUMNS = tuple(CHECKS.c[name] for name in Check.__dataclass_fields__)


def new_id() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))


class Checks:
    """`clock` gives seconds since the epoch; `lease` is for how long a worker may be silent."""

    def __init__(self, database: Database, lease: float = LEASE) -> None:
        self._database = database
        self.lease = lease
        self.clock = time.time

    # --- asked for

    def admit(self, new: New, caps: Caps) -> Check | TurnedAway:
        """The check that answers the question: one of the last minutes, or a new one, as far as
        there is room."""
        now = self.clock()
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                # Counting and adding are one step: only one at a time.
                connection.execute(select(func.pg_advisory_xact_lock(0x6C6C71)))
            known = _reusable(connection, new.digest, now - caps.reuse)
            if known is not None:
                return known
            refusal = _room(connection, new, caps, now)
            return refusal or inserted(connection, new, now)

    def add(self, new: New) -> Check:
        """For our own purposes: it always gets in."""
        with self._database.write() as connection:
            return inserted(connection, new, self.clock())

    # --- read

    def find(self, id: str) -> Check | None:
        return self.several([id]).get(id)

    def report(self, id: str) -> bytes | None:
        """What `finish` was given."""
        with self._database.read() as connection:
            found = connection.execute(
                select(REPORTS.c.document).where(REPORTS.c.check_id == id)
            ).scalar()
        return zlib.decompress(found) if found is not None else None

    def several(self, ids: list[str]) -> dict[str, Check]:
        """Those that there are, whatever else is asked for."""
        wanted = CHECKS.c.id.in_([id for id in ids if _ID.fullmatch(id)])
        with self._database.read() as connection:
            rows = connection.execute(select(*_COLUMNS).where(wanted)).all()
        return {row.id: _check(row) for row in rows}

    def history(self, subject: str, most: int, before: float | None = None) -> list[Check]:
        """The finished ones of a host or domain, latest first; only those created `before`."""
        wanted = and_(CHECKS.c.subject == subject, CHECKS.c.state == State.DONE)
        if before is not None:
            wanted = and_(wanted, CHECKS.c.created < before)
        order = CHECKS.c.created.desc()
        with self._database.read() as connection:
            rows = connection.execute(
                select(*_COLUMNS).where(wanted).order_by(order).limit(most)
            ).all()
        return [_check(row) for row in rows]

    def counts(self) -> Mapping[State, int]:
        """How many there are in each state."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(CHECKS.c.state, func.count()).group_by(CHECKS.c.state)
            ).all()
        return {State(state): int(count) for state, count in rows}

    # --- worked on

    def claim(self, worker: str) -> Check | None:
        """The one that has waited longest, now this worker's."""
        now = self.clock()
        with self._database.write() as connection:
            waiting = (
                select(CHECKS.c.id)
                .where(CHECKS.c.state == State.QUEUED)
                .order_by(CHECKS.c.created, CHECKS.c.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            id = connection.execute(waiting).scalar()
            if id is None:
                return None
            connection.execute(
                update(CHECKS)
                .where(CHECKS.c.id == id)
                .values(
                    state=State.RUNNING,
                    worker=worker,
                    lease=now + self.lease,
                    started=now,
                    attempts=CHECKS.c.attempts + 1,
                )
            )
            row = connection.execute(select(*_COLUMNS).where(CHECKS.c.id == id)).one()
        return _check(row)

    def keep(self, worker: str) -> None:
        """The worker lives: its leases are renewed."""
        lease = self.clock() + self.lease
        with self._database.write() as connection:
            connection.execute(
                update(CHECKS)
                .where(CHECKS.c.worker == worker, CHECKS.c.state == State.RUNNING)
                .values(lease=lease)
            )

    def note(self, check: Check, worker: str, progress: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(CHECKS).where(*_ours(check, worker)).values(progress=progress)
            )

    def finish(self, check: Check, worker: str, outcome: Outcome) -> bool:
        """False where the check is not this worker's any more: its lease was over, and somebody
        else's answer counts."""
        state = State.FAILED if outcome.report is None else State.DONE
        with self._database.write() as connection:
            changed = connection.execute(
                update(CHECKS)
                .where(*_ours(check, worker))
                .values(
                    state=state,
                    finished=self.clock(),
                    worker=None,
                    lease=None,
                    error=outcome.error,
                    determined=outcome.determined,
                    grade=outcome.grade,
                    worst=outcome.worst,
                )
            ).rowcount
            if changed and outcome.report is not None:
                packed = zlib.compress(outcome.report, 6)
                connection.execute(insert(REPORTS).values(check_id=check.id, document=packed))
        return bool(changed)

    def give_back(self, worker: str) -> None:
        """The worker stops in order: what it has not finished waits again, as if never begun."""
        with self._database.write() as connection:
            connection.execute(
                update(CHECKS)
                .where(CHECKS.c.worker == worker, CHECKS.c.state == State.RUNNING)
                .values(
                    state=State.QUEUED,
                    worker=None,
                    lease=None,
                    started=None,
                    attempts=CHECKS.c.attempts - 1,
                    progress="",
                )
            )

    def sweep(self) -> None:
        """See to those whose worker is silent, and to those that take too long."""
        now = self.clock()
        silent = and_(CHECKS.c.state == State.RUNNING, CHECKS.c.lease < now)
        again = and_(silent, CHECKS.c.attempts < MOST_ATTEMPTS)
        endless = and_(CHECKS.c.state == State.RUNNING, CHECKS.c.started < now - LONGEST)
        free: dict[str, Any] = {"worker": None, "lease": None}
        over: dict[str, Any] = {"state": State.FAILED, "finished": now, **free}
        with self._database.write() as connection:
            connection.execute(update(CHECKS).where(endless).values(error=_TOO_LONG, **over))
            connection.execute(
                update(CHECKS).where(again).values(state=State.QUEUED, progress="", **free)
            )
            connection.execute(update(CHECKS).where(silent).values(error=_STOPPED, **over))

    def prune(self, age: float) -> int:
        """Forget what was finished `age` seconds ago; how many."""
        now = self.clock()
        with self._database.write() as connection:
            old = select(CHECKS.c.id).where(CHECKS.c.finished < now - age)
            connection.execute(delete(REPORTS).where(REPORTS.c.check_id.in_(old)))
            gone = connection.execute(delete(CHECKS).where(CHECKS.c.finished < now - age))
            connection.execute(delete(VISITS).where(VISITS.c.at < now - _VISITS_KEPT))
        return int(gone.rowcount)

    # --- addresses

    def visit(self, id: str, address: str, most: int, window: float) -> bool:
        """Whether the check may go there: `most` checks in `window` seconds may, under whatever
        names. Asking again is no further visit."""
        now = self.clock()
        there = and_(VISITS.c.address == address, VISITS.c.at > now - window)
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(0x6C6C76)))
            seen = connection.execute(select(VISITS.c.check_id).where(there)).scalars().all()
            if id in seen:
                return True
            if len(seen) >= most:
                return False
            connection.execute(
                delete(VISITS).where(VISITS.c.check_id == id, VISITS.c.address == address)
            )
            connection.execute(insert(VISITS).values(check_id=id, address=address, at=now))
        return True


def _ours(check: Check, worker: str) -> tuple[Any, ...]:
    """An attempt that was begun anew is another, even by the same worker."""
    return (
        CHECKS.c.id == check.id,
        CHECKS.c.worker == worker,
        CHECKS.c.state == State.RUNNING,
        CHECKS.c.attempts == check.attempts,
    )


def _check(row: Row[Any]) -> Check:
    values = dict(row._mapping)
    return Check(**{**values, "state": State(values["state"])})


def inserted(connection: Connection, new: New, now: float) -> Check:
    """A check that waits, as a part of a transaction."""
    id = new_id()
    connection.execute(
        insert(CHECKS).values(
            id=id,
            target=new.target,
            subject=new.subject,
            options=new.options,
            digest=new.digest,
            client=new.client,
            state=State.QUEUED,
            created=now,
            attempts=0,
            progress="",
        )
    )
    return _check(connection.execute(select(*_COLUMNS).where(CHECKS.c.id == id)).one())


def _reusable(connection: Connection, digest: str, since: float) -> Check | None:
    """One that is under way, or was done lately. What failed may be tried again."""
    row = connection.execute(
        select(*_COLUMNS)
        .where(
            CHECKS.c.digest == digest,
            CHECKS.c.created > since,
            CHECKS.c.state != State.FAILED,
        )
        .order_by(CHECKS.c.created.desc())
        .limit(1)
    ).first()
    return _check(row) if row is not None else None


def _room(connection: Connection, new: New, caps: Caps, now: float) -> TurnedAway | None:
    since = now - caps.window
    unfinished = CHECKS.c.state.in_([State.QUEUED, State.RUNNING])
    if _count(connection, CHECKS.c.state == State.QUEUED) >= caps.waiting:
        return TurnedAway(Reason.FULL, 30)
    if _count(connection, CHECKS.c.client == new.client, unfinished) >= caps.per_client_at_once:
        return TurnedAway(Reason.CLIENT, 15)
    for column, value, most, reason in (
        (CHECKS.c.client, new.client, caps.per_client, Reason.CLIENT),
        (CHECKS.c.subject, new.subject, caps.per_subject, Reason.SUBJECT),
    ):
        recent = (column == value, CHECKS.c.created > since)
        if _count(connection, *recent) >= most:
            oldest = connection.execute(select(func.min(CHECKS.c.created)).where(*recent)).scalar()
            wait = int(max(1.0, (oldest or now) + caps.window - now)) + 1
            return TurnedAway(reason, wait)
    return None


def _count(connection: Connection, *where: Any) -> int:
    return int(
        connection.execute(select(func.count()).select_from(CHECKS).where(*where)).scalar_one()
    )
