"""Monitors from being due to being told of. However many workers look: each check is begun once,
judged once, and each message is with one of them at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from letterlock.web.store.checks import Check, Checks, New, State, inserted
from letterlock.web.store.database import Database
from letterlock.web.store.tables import CHECKS, MESSAGES, MONITORS

#: Monitors' checks under way at once: strangers' wait in the same queue.
UNDER_WAY = 5
#: Seconds for which a message is with the worker that tells it: longer than any channel takes; and
#: after which one that was not taken is tried again.
_TELLING, _AGAIN = 180.0, 60.0
#: Seconds for which a message is tried.
_STALE = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Monitored:
    """A monitor as the database has it. Times are seconds since the epoch; `last` is the id of its
    last check with a report, `error` says why a later one had none."""

    title: str
    due: float
    check_id: str | None
    last: str | None
    looked: float | None
    error: str | None
    memory: str
    certificates: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a check: `certificates` None leaves those known, `message` None tells nobody."""

    memory: str
    certificates: str | None = None
    error: str | None = None
    message: bytes | None = None


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    channel: str
    document: bytes


_COLUMNS = [MONITORS.c[name] for name in Monitored.__slots__]


class Monitors:
    """`clock` gives seconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = time.time

    def keep_only(self, questions: Mapping[str, New], channels: Iterable[str]) -> None:
        """Those there are, by title; what is known of others, and what waits for a channel that is
        none any more, is forgotten. A monitor whose question is another begins anew."""
        now = self.clock()
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                # Two that begin at once would add the same.
                connection.execute(select(func.pg_advisory_xact_lock(0x6C6C6E)))
            rows = connection.execute(select(MONITORS.c.title, MONITORS.c.digest)).all()
            same = {
                title for title, digest in rows
                if title in questions and questions[title].digest == digest
            }  # fmt: skip
            connection.execute(delete(MONITORS).where(MONITORS.c.title.not_in(same)))
            for title, new in questions.items():
                if title not in same:
                    connection.execute(
                        insert(MONITORS).values(
                            title=title, digest=new.digest, due=now, memory="", certificates=""
                        )
                    )
            connection.execute(delete(MESSAGES).where(MESSAGES.c.channel.not_in(list(channels))))

    def all(self) -> dict[str, Monitored]:
        with self._database.read() as connection:
            rows = connection.execute(select(*_COLUMNS)).all()
        return {row.title: Monitored(**row._mapping) for row in rows}

    def begin(self, questions: Mapping[str, New], every: Mapping[str, float]) -> list[Check]:
        """A check of each that is due and has none under way, as far as there is room. One that
        was missed is not made up for."""
        now = self.clock()
        begun = []
        with self._database.write() as connection:
            busy = connection.execute(
                select(func.count()).where(MONITORS.c.check_id.is_not(None))
            ).scalar_one()
            due = (
                select(MONITORS.c.title, MONITORS.c.digest)
                .where(MONITORS.c.due <= now, MONITORS.c.check_id.is_(None))
                .order_by(MONITORS.c.due)
                .limit(max(0, UNDER_WAY - busy))
                .with_for_update(skip_locked=True)
            )
            for title, digest in connection.execute(due).all():
                new = questions.get(title)
                if new is None or new.digest != digest:  # a worker with another file
                    continue
                check = inserted(connection, new, now)
                connection.execute(
                    update(MONITORS)
                    .where(MONITORS.c.title == title)
                    .values(check_id=check.id, due=now + every[title])
                )
                begun.append(check)
        return begun

    def over(self) -> list[tuple[Monitored, Check | None]]:
        """Those whose check has ended, with it; None: it is forgotten already."""
        ended = or_(CHECKS.c.id.is_(None), CHECKS.c.state.in_([State.DONE, State.FAILED]))
        joined = MONITORS.outerjoin(CHECKS, CHECKS.c.id == MONITORS.c.check_id)
        with self._database.read() as connection:
            rows = connection.execute(
                select(*_COLUMNS).select_from(joined).where(MONITORS.c.check_id.is_not(None), ended)
            ).all()
        found = [Monitored(**row._mapping) for row in rows]
        checks = Checks(self._database).several([each.check_id or "" for each in found])
        return [(each, checks.get(each.check_id or "")) for each in found]

    def conclude(
        self, monitor: Monitored, check: Check | None, judged: Judged, channels: Iterable[str]
    ) -> bool:
        """What is known and what is to be told, in one step: a kill after it tells late, or twice,
        and never not. False where another worker has."""
        now = self.clock()
        values: dict[str, Any] = {"check_id": None, "memory": judged.memory, "error": judged.error}
        if check is not None:
            values["looked"] = check.finished
            if check.state is State.DONE:
                values["last"] = check.id
        if judged.certificates is not None:
            values["certificates"] = judged.certificates
        with self._database.write() as connection:
            changed = connection.execute(
                update(MONITORS)
                .where(MONITORS.c.title == monitor.title, MONITORS.c.check_id == monitor.check_id)
                .values(values)
            ).rowcount
            if changed and judged.message is not None:
                for channel in channels:
                    connection.execute(
                        insert(MESSAGES).values(
                            channel=channel, created=now, not_before=now, document=judged.message
                        )
                    )
        return bool(changed)

    # --- messages

    def take(self, channel: str) -> Message | None:
        """The channel's oldest, where nobody is telling it and it is not to wait: those of a
        channel keep their order."""
        now = self.clock()
        with self._database.write() as connection:
            first = (
                select(MESSAGES.c.id, MESSAGES.c.not_before, MESSAGES.c.document)
                .where(MESSAGES.c.channel == channel)
                .order_by(MESSAGES.c.id)
                .limit(1)
                .with_for_update()
            )
            row = connection.execute(first).first()
            if row is None or row.not_before > now:
                return None
            connection.execute(
                update(MESSAGES).where(MESSAGES.c.id == row.id).values(not_before=now + _TELLING)
            )
        return Message(row.id, channel, row.document)

    def told(self, message: Message) -> None:
        with self._database.write() as connection:
            connection.execute(delete(MESSAGES).where(MESSAGES.c.id == message.id))

    def not_told(self, message: Message) -> None:
        """It is tried again, for days; what is older than that is no news."""
        now = self.clock()
        with self._database.write() as connection:
            connection.execute(
                delete(MESSAGES).where(
                    MESSAGES.c.id == message.id, MESSAGES.c.created < now - _STALE
                )
            )
            connection.execute(
                update(MESSAGES).where(MESSAGES.c.id == message.id).values(not_before=now + _AGAIN)
            )
