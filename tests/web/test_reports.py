"""What was rendered of reports is kept, as much as there is room for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from letterlock.model.errors import InputError
from letterlock.report.facts_document import written
from letterlock.web import service
from letterlock.web.service import Reports
from letterlock.web.store.checks import Checks
from letterlock.web.store.database import Database, open_database

READERS = 8


class Counted(Checks):
    """Has the same report of whatever is asked for, once `go` is set; counts."""

    document: bytes | None = written(())
    asked = 0

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.go = threading.Event()

    def report(self, _id: str) -> bytes | None:
        self.asked += 1
        assert self.go.wait(60)
        return self.document


@pytest.fixture
def checks(tmp_path: Path) -> Iterator[Counted]:
    database = open_database(tmp_path, None)
    yield Counted(database)
    database.close()


def test_a_hundred_who_come_at_once_have_it_made_once(checks: Counted) -> None:
    reports = Reports(checks)
    with ThreadPoolExecutor(READERS) as pool:
        begun = threading.Barrier(READERS)
        readers = [
            pool.submit(lambda: (begun.wait(60), reports.json("a"))[1]) for _ in range(READERS)
        ]
        checks.go.set()
        assert len({each.result(60) for each in readers}) == 1
    assert checks.asked == 1


def test_where_it_could_not_be_made_it_is_tried_again(checks: Counted) -> None:
    checks.go.set()
    reports = Reports(checks)
    checks.document = None
    with pytest.raises(InputError, match="has no report"):
        reports.json("a")
    checks.document = written(())
    assert reports.json("a")


def test_what_was_not_read_for_longest_goes_first(
    checks: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.go.set()
    reports = Reports(checks)
    size = len(reports.json("a"))
    monkeypatch.setattr(service, "_KEPT", 2 * size + 10)
    reports.keep_page("b", "page", "x" * size)
    reports.confirm("b")
    assert reports.page("b", "page")
    reports.json("a")
    reports.json("c")
    assert reports.page("b", "page") is None
    reports.json("a")
    assert checks.asked == 2
    reports.keep_page("b", "page", "x" * size)
    reports.confirm("b")
    assert reports.page("b", "page")
    reports.json("d")
    assert reports.page("b", "page"), "read since"
