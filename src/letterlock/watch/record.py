"""What the watch remembers: faults told, messages not handed over yet, what was served when.

One SQLite file in letterlock's own folder. Only changes are rows, and the oldest go first where
there are too many. SQLite itself keeps a killed run from leaving half of one behind.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from letterlock.model.errors import RefusedError
from letterlock.model.finding import Severity
from letterlock.watch.changes import Changes, Known
from letterlock.watch.fault import Key
from letterlock.watch.look import Look, Place
from letterlock.watch.rows import (
    SCHEMA,
    VERSION,
    Event,
    ServedRow,
    Waiting,
    as_text,
    as_time,
    event_row,
    known_of,
    known_row,
    served_of,
    served_row,
)

#: Rows kept of each history, and messages kept for one channel.
MOST_ROWS = 20_000
MOST_MESSAGES = 1_000
_BUSY_SECONDS = 10


class Record:
    """The database, open. `note` is what there is to say about how it was found, else empty."""

    def __init__(self, connection: sqlite3.Connection, note: str = "") -> None:
        self._db = connection
        self.note = note

    @classmethod
    def open(cls, file: Path) -> Record:
        """Open it, or make it; one that is damaged is put aside and begun anew. Where there can be
        none (a full disk, a read-only one) it is in memory, and `note` says so."""
        try:
            return cls(_opened(file))
        except sqlite3.OperationalError as error:
            return cls._in_memory(file, error)
        except sqlite3.DatabaseError as error:
            return cls._begun_anew(file, error)

    @classmethod
    def _begun_anew(cls, file: Path, error: sqlite3.Error) -> Record:
        try:
            aside = _put_aside(file)
            note = f"{file}: is damaged ({error}): put aside as {aside.name}, and begun anew"
            return cls(_opened(file), note)
        except (OSError, sqlite3.Error) as worse:
            return cls._in_memory(file, worse)

    @classmethod
    def _in_memory(cls, file: Path, error: Exception) -> Record:
        why = error.strerror if isinstance(error, OSError) else str(error)
        note = f"{file}: cannot be written ({why}): what is told now is not remembered"
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            # As it was when it was last closed: what was told then is not told again.
            with contextlib.closing(
                sqlite3.connect(_address(file, "immutable=1"), uri=True)
            ) as old:
                _check_version(old)
                old.backup(connection)
        except sqlite3.Error:
            connection.close()
            connection = _with_schema(sqlite3.connect(":memory:", isolation_level=None))
        return cls(connection, note)

    @classmethod
    def existing(cls, file: Path) -> Record | None:
        """To read what there is, changing nothing; None where no run was yet. Raises RefusedError
        where it cannot be read."""
        if not file.exists():
            return None
        try:
            connection = sqlite3.connect(_address(file, "mode=ro"), uri=True)
            _check_version(connection)
        except sqlite3.Error as error:
            raise RefusedError(
                f"{file}: cannot be read ({error})", remedy="the next letterlock watch run mends it"
            ) from error
        return cls(connection)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    # --- what is known

    def known(self) -> dict[Key, Known]:
        """Every fault that was told and not forgotten."""
        rows = self._db.execute(
            "SELECT source, id, place, about, severity, title, evidence, remedy,"
            " since, absent, over, returned FROM fault"
        )
        found = (known_of(row) for row in rows)
        return {each.fault.key: each for each in found}

    def waiting(self, channel: str | None = None) -> tuple[Waiting, ...]:
        """Messages to hand over, oldest first."""
        rows = self._db.execute(
            "SELECT n, at, channel, contents, attempts, reason FROM message"
            " WHERE ?1 IS NULL OR channel = ?1 ORDER BY n",
            (channel,),
        )
        return tuple(Waiting(n, as_time(at), *rest) for n, at, *rest in rows)

    def served(self) -> tuple[ServedRow, ...]:
        """What was served when, oldest first."""
        rows = self._db.execute(
            "SELECT server, address, port, name, key_type, sha256, subject, dns_names,"
            " not_before, not_after, since, until FROM served ORDER BY n"
        )
        return tuple(served_of(row) for row in rows)

    def events(self) -> tuple[Event, ...]:
        """Faults begun and over, oldest first."""
        rows = self._db.execute(
            "SELECT at, what, id, place, about, severity, evidence FROM event ORDER BY n"
        )
        return tuple(
            Event(as_time(at), what, id, place, about, Severity(severity), evidence)
            for at, what, id, place, about, severity, evidence in rows
        )

    # --- what becomes known

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. Raises sqlite3.Error."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def remember(self, look: Look, changes: Changes) -> None:
        """Within a transaction: the faults, their history, and what is served."""
        self._db.execute("DELETE FROM fault")
        self._db.executemany(
            "INSERT INTO fault VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [known_row(each) for each in changes.known],
        )
        told = (("began", changes.began), ("back", changes.back), ("over", changes.over))
        self._db.executemany(
            "INSERT INTO event (at, what, id, place, about, severity, evidence)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [event_row(look.at, what, each.fault) for what, some in told for each in some],
        )
        self._remember_served(look)
        self._db.execute(
            "DELETE FROM event WHERE n <= (SELECT max(n) FROM event) - ?", (MOST_ROWS,)
        )
        self._db.execute(
            "DELETE FROM served WHERE until IS NOT NULL AND n <= (SELECT max(n) FROM served) - ?",
            (MOST_ROWS,),
        )

    def put_out(self, at: datetime, channel: str, contents: bytes) -> None:
        """Within a transaction: a message for a channel, kept until it is handed over."""
        self._db.execute(
            "INSERT INTO message (at, channel, contents, attempts, reason) VALUES (?, ?, ?, 0, '')",
            (as_text(at), channel, contents),
        )
        self._db.execute(
            "DELETE FROM message WHERE channel = ?1 AND n NOT IN"
            " (SELECT n FROM message WHERE channel = ?1 ORDER BY n DESC LIMIT ?2)",
            (channel, MOST_MESSAGES),
        )

    def handed_over(self, message: Waiting) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM message WHERE n = ?", (message.number,))

    def not_handed_over(self, message: Waiting, reason: str) -> None:
        with self.transaction():
            self._db.execute(
                "UPDATE message SET attempts = attempts + 1, reason = ? WHERE n = ?",
                (reason, message.number),
            )

    def keep_only(self, channels: Sequence[str]) -> None:
        """Within a transaction: drop messages for channels that are not set any more."""
        marks = ", ".join("?" * len(channels))
        self._db.execute(
            f"DELETE FROM message WHERE channel NOT IN ({marks})",  # noqa: S608 only ? marks
            tuple(channels),
        )

    def _remember_served(self, look: Look) -> None:
        open_rows: dict[Place, dict[str, int]] = {}
        for n, *place, sha256 in self._db.execute(
            "SELECT n, server, address, port, name, key_type, sha256 FROM served"
            " WHERE until IS NULL"
        ):
            open_rows.setdefault(Place(*place), {})[sha256] = n
        for place, leaves in look.served:
            before = open_rows.get(place, {})
            now = {leaf.sha256: leaf for leaf in leaves}
            self._db.executemany(
                "UPDATE served SET until = ? WHERE n = ?",
                [(as_text(look.at), n) for sha256, n in before.items() if sha256 not in now],
            )
            self._db.executemany(
                "INSERT INTO served (server, address, port, name, key_type, sha256, subject,"
                " dns_names, not_before, not_after, since)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    served_row(place, leaf, look.at)
                    for sha256, leaf in now.items()
                    if sha256 not in before
                ],
            )


def _opened(file: Path) -> sqlite3.Connection:
    """Raises sqlite3.OperationalError where there is no room or no right, sqlite3.DatabaseError
    for what is no database of ours."""
    # Its first byte is readable by its owner alone; SQLite gives the same mode to what it puts
    # beside it.
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            return _with_schema(connection)
        _check_version(connection)
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise sqlite3.DatabaseError(f"its version is {version}, not {VERSION}")


def _with_schema(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    return connection


def _put_aside(file: Path) -> Path:
    aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    # One is enough to look at.
    for older in file.parent.glob(f"{file.name}.damaged-*"):
        older.unlink()
    file.rename(aside)
    return aside


def _address(file: Path, how: str) -> str:
    """SQLite's URI for it, sqlite.org/uri.html."""
    return f"{file.absolute().as_uri()}?{how}"
