"""One database, whichever it is: opened, brought to today's tables, written to in transactions."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from letterlock.model.errors import InputError, UndeterminedError

_FILE = "letterlock.db"
#: Seconds that a writer waits for another one.
_PATIENCE = 20
#: A number of our own for the lock that one migration at a time holds (PostgreSQL).
_MIGRATING = 0x6C6C6D
_WRITE = "letterlock_write"


class Database:
    """May be used by several threads, each with connections of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One state of the database. Raises UndeterminedError where it cannot be had."""
        with _telling(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """All of it or nothing; nobody else writes in between (SQLite), or to the same rows."""
        with (
            _telling(),
            self.engine.connect().execution_options(**{_WRITE: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        self.engine.dispose()


def open_database(folder: Path, url: str | None) -> Database:
    """That of `url`, by default a file in `folder`, which is made; its tables are brought up to
    date. Raises InputError for a URL that is none or names a database we have no driver for, a
    folder that cannot be written and a database of a newer letterlock; UndeterminedError where it
    does not answer. No message has a password in it."""
    place = _url(url) if url else _file(folder)
    database = Database(_engine(place))
    try:
        with database.write() as connection:
            _migrate(connection)
    except BaseException:
        database.close()
        raise
    return database


def joined_database(folder: Path, url: str | None) -> Database:
    """That of a service, for who works beside it: nothing is made or brought up to date, and not
    gone to before `demand_sendings`. Raises InputError for a URL as `open_database` does."""
    return Database(_engine(_url(url) if url else _sqlite(folder)))


def demand_sendings(database: Database) -> None:
    """Raises InputError where the service has not made its tables yet, or its file is not ours to
    write to; UndeterminedError where it does not answer."""
    if database.is_sqlite:
        file = str(database.engine.url.database)
        if not os.access(file, os.R_OK | os.W_OK):
            raise InputError(
                f"{file} is not there, or not ours to write to",
                remedy="begin letterlock serve first; take its user (--user)",
            )
    with database.read() as connection:
        if not inspect(connection).has_table("sendings"):
            raise InputError(
                "the database has no sending tests", remedy="begin today's letterlock serve first"
            )


def _sqlite(folder: Path) -> URL:
    return URL.create("sqlite", database=str(folder / _FILE))


def _file(folder: Path) -> URL:
    """Ours alone: reports tell who looked at what."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / _FILE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
        os.close(descriptor)
    except OSError as error:
        raise InputError(
            f"--data {folder} cannot be used: {error.strerror}",
            remedy="name a folder that may be written to",
        ) from None
    return _sqlite(folder)


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InputError(
            "--database is not a URL", remedy="such as postgresql://user@host/letterlock"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("postgresql", "sqlite"):
        raise InputError(
            f"--database names {url.get_backend_name()}", remedy="PostgreSQL or SQLite is taken"
        )
    if url.get_backend_name() == "sqlite" and not url.database:
        raise InputError("--database names no file", remedy="such as sqlite:////srv/checks.db")
    return url


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            # Connections to a file are cheap, and one kept is one more that may hold a lock.
            engine = create_engine(url, connect_args={"timeout": _PATIENCE}, poolclass=NullPool)
            _prepare_sqlite(engine)
            return engine
        arguments = {"connect_timeout": 10, "application_name": "letterlock"}
        return create_engine(url, pool_pre_ping=True, pool_size=10, connect_args=arguments)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"--database cannot be used: {error}", remedy="pip install 'letterlock[serve]'"
        ) from None


def _prepare_sqlite(engine: Engine) -> None:
    """Transactions as SQLite has them, not as Python's driver guesses them: a writer says so when
    it begins, so that it waits for its turn instead of failing in the middle."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
    config = Config()
    config.set_main_option("script_location", "letterlock.web.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise InputError(
            f"the database is not one of this letterlock ({error})",
            remedy="upgrade letterlock, or name another --data or --database",
        ) from None


@contextmanager
def _telling() -> Iterator[None]:
    """What the database says, without the statement and its values."""
    try:
        yield
    except OperationalError as error:
        said = " ".join(str(error.orig).split()) or type(error.orig).__name__
        raise UndeterminedError(f"the database does not answer: {said}") from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UndeterminedError("the database has closed the connection") from None
        raise
