"""Sending tests in the store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, make_url, select, text

from letterlock.cli.listen_page import PageTests
from letterlock.listen.addresses import Names, Recipients, digest
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.listening import Trap
from letterlock.report.listening_document import read
from letterlock.web.store import sendings
from letterlock.web.store.checks import Reason, TurnedAway
from letterlock.web.store.database import (
    Database,
    demand_sendings,
    joined_database,
    open_database,
)
from letterlock.web.store.sendings import (
    GONE,
    Arrival,
    Bounds,
    Progress,
    Sending,
    Sendings,
)
from letterlock.web.store.tables import ARRIVALS
from tests.listen.test_sheets import visit

Open = Callable[[], Database]
ONE, TWO = "1" * 32, "2" * 32
BOUNDS = Bounds()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """Page and listener, with connections and clocks of their own that agree."""

    def __init__(self, open_it: Open) -> None:
        self.clock = Clock()
        self.database = open_it()
        self.page, self.listener = Sendings(self.database), Sendings(open_it())
        self.page.clock = self.listener.clock = self.clock

    def begin(self, digest: str, client: str = "who asks", bounds: Bounds = BOUNDS) -> Sending:
        self.clock.now += 1
        begun = self.page.begin(digest, client, bounds)
        assert isinstance(begun, Sending), begun
        return begun

    def came(self, document: bytes, *digests: str, client: str = "192.0.2.7") -> None:
        self.clock.now += 1
        self.listener.note(Arrival(self.clock.now, client, digests, document))

    def rows(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(ARRIVALS)).scalar_one())


@pytest.fixture
def stage(open_it: Open) -> Stage:
    return Stage(open_it)


def test_from_begun_to_over(stage: Stage) -> None:
    assert stage.page.find(ONE) is None
    begun = stage.begin(ONE)
    assert begun == Sending(ONE, stage.clock.now, stage.clock.now + BOUNDS.life)
    assert stage.page.find(ONE) == begun
    assert stage.listener.open() == {ONE}
    assert stage.page.progress([ONE, TWO]) == {ONE: Progress(0, False)}
    stage.came(b"a mail" * 1000, ONE)
    assert stage.page.documents(ONE) == (b"a mail" * 1000,)
    first = stage.page.progress([ONE])[ONE]
    stage.came(b"another", ONE)
    assert stage.page.progress([ONE])[ONE].last > first.last > 0
    stage.clock.now = begun.ends
    assert stage.listener.open() == frozenset()
    assert stage.page.progress([ONE])[ONE].over
    stage.came(b"late", ONE)
    assert len(stage.page.documents(ONE)) == 2


def test_who_names_no_recipient_counts_before_and_after_a_mail_of_the_same_client(
    stage: Stage,
) -> None:
    stage.begin(TWO)
    stage.came(b"before the test")
    stage.begin(ONE)
    stage.came(b"refused")
    stage.came(b"somebody else's", client="2001:db8::/64")
    assert stage.page.documents(ONE) == ()
    stage.came(b"mail", ONE)
    stage.came(b"refused again")
    stage.came(b"somebody else's again", client="2001:db8::/64")
    assert stage.page.documents(ONE) == (b"refused", b"mail", b"refused again")
    assert stage.page.documents(TWO) == ()
    stage.came(b"for both", ONE, TWO)
    assert stage.page.documents(ONE)[-1] == b"for both"
    assert stage.page.documents(TWO) == (
        b"before the test", b"refused", b"refused again", b"for both",
    )  # fmt: skip


def test_without_a_test_nothing_is_kept(stage: Stage) -> None:
    stage.came(b"a scanner")
    stage.came(b"a mail to a token of the command line", ONE)
    assert stage.rows() == 0


def test_nobody_fills_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MOST_OF_CLIENT", 2), ("MOST_STRANGERS", 3), ("MOST_OF_TEST", 4)):
        monkeypatch.setattr(sendings, name, most)
    stage.begin(ONE)
    for number in range(4):
        stage.came(str(number).encode())
    assert stage.rows() == 2
    for number in range(4):
        stage.came(b"", client=f"198.51.100.{number}")
    assert stage.rows() == 3
    for number in range(6):
        stage.came(f"mail {number}".encode(), ONE)
    assert stage.page.documents(ONE) == (b"mail 2", b"mail 3", b"mail 4", b"mail 5")


@pytest.mark.parametrize(
    ("bounds", "clients", "reason"),
    [
        (Bounds(per_client=2), ("one", "one", "one"), Reason.CLIENT),
        (Bounds(all=2), ("one", "two", "three"), Reason.FULL),
    ],
)
def test_so_many_tests(
    stage: Stage, bounds: Bounds, clients: tuple[str, str, str], reason: Reason
) -> None:
    stage.begin(ONE, clients[0], bounds)
    stage.clock.now += 60
    stage.begin(TWO, clients[1], bounds)
    refused = stage.page.begin("3" * 32, clients[2], bounds)
    assert isinstance(refused, TurnedAway)
    assert refused.reason is reason
    assert 1 <= refused.retry_after <= bounds.life - 58
    stage.clock.now += refused.retry_after
    stage.begin("3" * 32, clients[2], bounds)


def test_what_is_old_is_forgotten(stage: Stage) -> None:
    begun = stage.begin(ONE)
    stage.came(b"refused")
    stage.came(b"mail", ONE)
    assert stage.rows() == 3
    stage.clock.now = begun.ends + 10
    assert stage.page.prune(20) == 0
    assert stage.page.documents(ONE) == (b"refused", b"mail")
    stage.clock.now += 86_400
    assert stage.page.prune(200_000) == 0
    assert stage.rows() == 2, "that of no test is gone"
    assert stage.page.prune(20) == 1
    assert stage.page.find(ONE) is None
    assert stage.rows() == 0


def test_whether_somebody_listens(stage: Stage) -> None:
    assert not stage.page.is_listened_for("traps.example")
    stage.listener.sign("traps.example")
    stage.listener.sign("traps.example")
    assert stage.page.is_listened_for("traps.example")
    assert not stage.page.is_listened_for("other.example")
    stage.clock.now += GONE + 1
    assert not stage.page.is_listened_for("traps.example")
    stage.listener.sign("traps.example")
    stage.listener.unsign()
    assert not stage.page.is_listened_for("traps.example")


def test_who_works_beside_a_service_makes_nothing(open_it: Open, tmp_path: Path) -> None:
    database = open_it()
    url = database.engine.url.render_as_string(hide_password=False)
    joined = joined_database(tmp_path / "none", url)
    demand_sendings(joined)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE sendings RENAME TO hidden"))
    try:
        with pytest.raises(InputError, match="has no sending tests"):
            demand_sendings(joined)
    finally:
        with database.write() as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO sendings"))
        joined.close()


def test_a_service_that_was_never_begun(tmp_path: Path) -> None:
    nobodys = joined_database(tmp_path, None)
    with pytest.raises(InputError, match=r"letterlock\.db is not there, or not ours to write to"):
        demand_sendings(nobodys)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UndeterminedError):
        demand_sendings(joined_database(tmp_path, "postgresql://u:secret@127.0.0.1:1/d"))


def test_a_database_that_is_away_for_a_while_loses_no_visit(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The listener's side, with a real PostgreSQL that lets nobody in."""
    database = open_database(tmp_path, postgres_url)
    page = Sendings(database)
    recipients = Recipients(Names("traps.example"), [])
    listener = PageTests(tmp_path, postgres_url, recipients, "traps.example")
    listener.begin()
    assert page.is_listened_for("traps.example")
    ours = digest("one-token")
    assert isinstance(page.begin(ours, "who asks", BOUNDS), Sending)
    until(lambda: recipients.read("one-token@good.traps.example") is not None)
    complaints = ""

    def complained() -> bool:
        nonlocal complaints
        complaints += capsys.readouterr().err
        return "visits wait" in complaints

    elsewhere = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg", database="template1"),
        isolation_level="AUTOCOMMIT",
    )
    with elsewhere.connect() as master:
        master.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS false"))
        try:
            master.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'postgres'"
                )
            )
            listener.visit(visit(Trap.GOOD))
            until(complained)
        finally:
            master.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS true"))
    elsewhere.dispose()
    until(lambda: len(page.documents(ours)) == 1)
    listener.visit(visit(Trap.EXPIRED))
    listener.end()
    assert [read(each) for each in page.documents(ours)] == [visit(Trap.GOOD), visit(Trap.EXPIRED)]
    assert not page.is_listened_for("traps.example")
    assert complaints.count("\n") == 1
    database.close()


def test_how_many_visits_were_lost_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(tmp_path, None)
    Sendings(database).begin(digest("one-token"), "who asks", BOUNDS)
    listener = PageTests(tmp_path, None, Recipients(Names("traps.example"), []), "traps.example")
    listener.begin()
    with database.write() as connection:
        connection.execute(text("DROP TABLE arrivals"))
    for trap in (Trap.GOOD, Trap.EXPIRED):
        listener.visit(visit(trap))
    assert listener.end() == 2
    assert capsys.readouterr().err.count("visits wait") == 1
    database.close()


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
