"""The store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from letterlock.languages.catalogues import language
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.wording import Wording, joined
from letterlock.web.store.checks import (
    LEASE,
    LONGEST,
    Caps,
    Check,
    Checks,
    New,
    Outcome,
    Reason,
    State,
    TurnedAway,
)
from letterlock.web.store.database import Database, open_database
from letterlock.web.store.tables import METADATA

Open = Callable[[], Database]
CAPS = Caps()


def new(target: str = "mail.example.com", client: str = "one") -> New:
    return New(target, target, "{}", f"digest of {target}", client)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def checks(database: Database, clock: Clock) -> Checks:
    made = Checks(database)
    made.clock = clock
    return made


def admitted(store: Checks, asked: New, caps: Caps = CAPS) -> Check:
    got = store.admit(asked, caps)
    assert isinstance(got, Check), got
    return got


def test_the_migrations_lead_to_the_tables(open_it: Open) -> None:
    with open_it().read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_several_processes_may_begin_at_once(open_it: Open) -> None:
    """On a database that has no tables yet."""
    database = open_it()
    if database.is_sqlite:
        Path(str(database.engine.url.database)).unlink()
    else:
        with database.write() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: open_it(), range(6)))
    store = Checks(opened[0])
    admitted(store, new())
    assert all(Checks(each).counts() == {State.QUEUED: 1} for each in opened)


def test_from_asked_to_done(open_it: Open) -> None:
    clock = Clock()
    store, worker = checks(open_it(), clock), checks(open_it(), clock)
    asked = admitted(store, new())
    assert re.fullmatch("[A-Za-z0-9]{12}", asked.id)
    assert (asked.state, asked.started, asked.attempts) == (State.QUEUED, None, 0)
    assert store.report(asked.id) is None

    clock.now += 1
    taken = worker.claim("w1")
    assert taken is not None
    assert (taken.id, taken.state, taken.started, taken.attempts) == (
        asked.id, State.RUNNING, clock.now, 1,
    )  # fmt: skip
    assert worker.claim("w2") is None
    worker.note(taken, "w1", '{"finished": 3}')
    told = store.find(asked.id)
    assert told is not None
    assert told.progress == '{"finished": 3}'

    report = b"{}" * 100_000
    assert worker.finish(taken, "w1", Outcome(report, None, True, "A", "low"))
    done = store.find(asked.id)
    assert done is not None
    assert (done.state, done.determined, done.grade, done.worst) == (State.DONE, True, "A", "low")
    assert store.report(asked.id) == report
    assert store.history("mail.example.com", 5) == [done]
    for none in ("no such", "a\0b", asked.id + "\n"):
        assert store.find(none) is None
        assert store.several([asked.id, none]) == {asked.id: done}
    assert not worker.finish(taken, "w1", Outcome(error="again")), "it is over"


def test_each_is_claimed_once(open_it: Open) -> None:
    databases = [open_it() for _ in range(4)]
    store = Checks(databases[0])
    ids = {store.add(new(f"{number}.example.com")).id for number in range(24)}

    def work(number: int) -> list[str]:
        mine = Checks(databases[number])
        claimed = []
        while (got := mine.claim(f"w{number}")) is not None:
            claimed.append(got.id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = [id for ids in pool.map(work, range(4)) for id in ids]
    assert Counter(claimed) == Counter(ids)


def test_first_come_first_served_and_the_latest_told_first(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    asked = []
    for number in range(3):
        clock.now += 1
        asked.append(store.add(New("a.test", "a.test", "{}", f"{number}")).id)
    for id in asked:
        taken = store.claim("w")
        assert taken is not None
        assert taken.id == id
        store.finish(taken, "w", Outcome(b"{}"))
    assert [each.id for each in store.history("a.test", 2)] == [asked[2], asked[1]]
    assert [each.id for each in store.history("a.test", 9, clock.now)] == [asked[1], asked[0]]


def test_what_a_dead_worker_leaves_is_begun_again_once_then_given_up(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    asked = admitted(store, new())
    first = store.claim("w1")
    assert first is not None
    store.keep("w1")
    clock.now += LEASE - 1
    store.sweep()
    assert store.counts() == {State.RUNNING: 1}
    clock.now += 2
    store.sweep()
    assert store.counts() == {State.QUEUED: 1}
    assert not store.finish(first, "w1", Outcome(b"late")), "its lease was over"

    second = store.claim("w1")
    assert second is not None
    assert not store.finish(first, "w1", Outcome(b"late")), "another attempt of the same worker"
    clock.now += LEASE + 1
    store.sweep()
    failed = store.find(asked.id)
    assert failed is not None
    assert (failed.state, failed.error) == (State.FAILED, "the service was stopped while it ran")


def test_none_runs_for_ever(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    asked = admitted(store, new())
    taken = store.claim("w1")
    assert taken is not None
    clock.now += LONGEST + 1
    store.keep("w1")  # alive, and getting nowhere
    store.sweep()
    failed = store.find(asked.id)
    assert failed is not None
    assert (failed.state, failed.error) == (State.FAILED, "it took too long and was given up")
    assert not store.finish(taken, "w1", Outcome(b"late"))


def test_a_worker_that_stops_in_order_gives_back(open_it: Open) -> None:
    store = Checks(open_it())
    asked = admitted(store, new())
    store.claim("w1")
    store.give_back("w1")
    again = store.claim("w2")
    assert again is not None
    assert (again.id, again.attempts) == (asked.id, 1)


def test_a_result_serves_for_minutes(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    first = admitted(store, new(client="one"))
    assert admitted(store, new(client="two")).id == first.id
    clock.now += CAPS.reuse + 1
    assert admitted(store, new(client="two")).id != first.id


def test_what_failed_may_be_tried_again(open_it: Open) -> None:
    store = Checks(open_it())
    first = admitted(store, new())
    taken = store.claim("w")
    assert taken is not None
    store.finish(taken, "w", Outcome(error="it does not resolve"))
    assert admitted(store, new()).id != first.id


@pytest.mark.parametrize(
    ("caps", "ask", "reason"),
    [
        (Caps(waiting=2), lambda n: new(f"{n}.test", f"client {n}"), Reason.FULL),
        (Caps(per_client_at_once=2), lambda n: new(f"{n}.test"), Reason.CLIENT),
        (Caps(per_client=2), lambda n: new(f"{n}.test"), Reason.CLIENT),
        (
            Caps(per_subject=2),
            lambda n: New("mail.test", "mail.test", str(n), f"{n}", f"client {n}"),
            Reason.SUBJECT,
        ),
    ],
)
def test_there_is_only_so_much_room(
    open_it: Open, caps: Caps, ask: Callable[[int], New], reason: Reason
) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    for number in range(2):
        admitted(store, ask(number), caps)
    refused = store.admit(ask(2), caps)
    assert isinstance(refused, TurnedAway)
    assert refused.reason is reason
    assert 1 <= refused.retry_after <= caps.window + 2
    for _ in range(2):
        taken = store.claim("w")
        assert taken is not None
        store.finish(taken, "w", Outcome(b"{}"))
    clock.now += refused.retry_after
    admitted(store, ask(2), caps)


def test_an_address_is_visited_so_often_whatever_names_lead_there(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    assert store.visit("a", "192.0.2.1", 2, 60)
    assert store.visit("b", "192.0.2.1", 2, 60)
    assert store.visit("a", "192.0.2.1", 2, 60), "no further visit"
    assert not store.visit("c", "192.0.2.1", 2, 60)
    assert store.visit("c", "192.0.2.2", 2, 60)
    clock.now += 61
    assert store.visit("c", "192.0.2.1", 2, 60)
    assert store.visit("a", "192.0.2.1", 2, 60)


def test_what_is_old_is_forgotten(open_it: Open) -> None:
    clock = Clock()
    store = checks(open_it(), clock)
    asked = admitted(store, new())
    taken = store.claim("w")
    assert taken is not None
    store.finish(taken, "w", Outcome(b"{}"))
    clock.now += 100
    assert store.prune(200) == 0
    assert store.prune(50) == 1
    assert store.find(asked.id) is None
    assert store.report(asked.id) is None


@pytest.mark.parametrize(
    "error",
    [
        "no way leads there",
        Wording("{target} cannot be resolved: {reason}", target="{a}", reason=Wording("no TLS")),
        joined("; ", ["{", Wording("closed")]),
        '{"template": "x"}',
        "{",
        "",
    ],
)
def test_an_error_can_be_said_in_another_language(open_it: Open, error: str) -> None:
    store = Checks(open_it())
    asked = admitted(store, new())
    taken = store.claim("w")
    assert taken is not None
    store.finish(taken, "w", Outcome(error=error))
    found = store.find(asked.id)
    assert found is not None
    assert found.error == error
    assert (language("zh-Hant").say(found.error) == error) is not isinstance(error, Wording)


def test_an_earlier_letterlocks_error_stays_as_it_was(open_it: Open) -> None:
    database = open_it()
    asked = admitted(Checks(database), new())
    for kept in ("gone", "{gone", '{"template": 1}'):
        with database.write() as connection:
            connection.execute(text("UPDATE checks SET error = :kept"), {"kept": kept})
        found = Checks(database).find(asked.id)
        assert found is not None
        assert found.error == kept


def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    open_database(folder, None).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "letterlock.db").stat().st_mode) == 0o600


def test_a_newer_letterlocks_database_is_left_alone(open_it: Open) -> None:
    database = open_it()
    with database.read() as connection:
        today = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    to = text("UPDATE alembic_version SET version_num = :to")
    with database.write() as connection:
        connection.execute(to, {"to": "9999"})
    try:
        with pytest.raises(InputError, match="not one of this letterlock"):
            open_it()
    finally:
        with database.write() as connection:
            connection.execute(to, {"to": today})


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("nonsense", InputError, "is not a URL"),
        ("mysql://u:secret@h/d", InputError, "names mysql"),
        ("sqlite://", InputError, "names no file"),
        ("postgresql://u:secret@127.0.0.1:1/d", UndeterminedError, "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had(
    tmp_path: Path, url: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        open_database(tmp_path, url)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be used"):
        open_database(tmp_path / "file", None)
