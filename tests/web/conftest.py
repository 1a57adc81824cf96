"""The same tests on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from letterlock.web.store.database import Database, open_database
from letterlock.web.store.tables import METADATA
from tests.web.postgres import postgres


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with today's tables, to be copied."""
    folder = tmp_path_factory.mktemp("empty")
    open_database(folder, None).close()
    return folder / "letterlock.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        path = tmp_path / "checks.db"
        shutil.copy(request.getfixturevalue("empty_file"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_url")
    emptied = open_database(tmp_path, url)
    with emptied.write() as connection:
        names = ", ".join(each.name for each in METADATA.sorted_tables if each.name != "meta")
        connection.execute(text(f"TRUNCATE {names}"))
    emptied.close()
    return url


@pytest.fixture
def open_it(database_url: str, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the same database as often as it is called, as so many processes would."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(open_database(tmp_path, database_url))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
