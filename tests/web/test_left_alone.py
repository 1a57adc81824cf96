"""Who is not visited, or not again: the opt-out list, on the page and in the worker; and how those
who ask are told apart."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from letterlock.check.run import Request
from letterlock.model.errors import InputError, RefusedError
from letterlock.web.app import application
from letterlock.web.asked import ADMIN, asked
from letterlock.web.monitors import CLIENT
from letterlock.web.opt_out import OptOutFile
from letterlock.web.opt_out import read as opt_out_read
from letterlock.web.service import Service
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Check, Checks
from letterlock.web.store.database import Database, open_database
from letterlock.web.store.sendings import Sendings
from letterlock.web.worker import Worker

LIST = "# them\nexample.com  # and below\n@Bücher.example\n192.0.2.0/24\n2001:db8::/32\n127.0.5.1\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "opt-out.txt"
    file.write_text(LIST, "utf-8")
    return Settings(data=tmp_path, allow_private=True, opt_out_file=file, per_address=1)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = open_database(settings.data, None)
    yield opened
    opened.close()


def test_names_with_all_below_them_and_networks(settings: Settings) -> None:
    assert settings.opt_out_file is not None
    known = opt_out_read(settings.opt_out_file)
    names = ("example.com", "a.b.example.com", "A.Example.COM.", "xn--bcher-kva.example")
    assert all(map(known.has_name, names))
    assert not any(map(known.has_name, ("com", "badexample.com", "example.com.evil.test")))
    assert known.has_address("192.0.2.255")
    assert known.has_address("2001:db8::1")
    assert known.has_address("::ffff:192.0.2.1"), "the same in disguise"
    assert not known.has_address("192.0.3.1")


def test_the_list_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("a.example\n")
    file = OptOutFile(path)
    assert file.now().has_name("a.example")
    path.write_text("a.example\nother.example\n")
    assert file.now().has_name("other.example")
    path.write_text("a b\n")
    assert file.now().has_name("other.example")
    path.unlink()
    assert file.now().has_name("other.example")
    path.write_text("a.example\n\na b\n")
    with pytest.raises(InputError) as raised:
        OptOutFile(path).now()
    assert raised.value.where is not None
    assert raised.value.where.line == 3


@pytest.mark.parametrize(
    "target", ["mail.example.com", "joe@example.com", "@example.com", "192.0.2.7", "127.0.5.1:25"]
)
def test_the_page_refuses(target: str, settings: Settings, database: Database) -> None:
    service = Service.on(settings, database, lambda: None)
    with pytest.raises(RefusedError, match="asked not to be looked at"):
        service.ask(asked(target), "198.51.100.1")
    assert service.checks.counts() == {}


def _check(checks: Checks, target: str, client: str = "") -> Check:
    checks.add(asked(target, ports=(143,)).new(client))
    taken = checks.claim("w")
    assert taken is not None
    return taken


def test_the_worker_goes_to_none_of_them(settings: Settings, database: Database) -> None:
    """Asked for before they were in the list; and what a name leads to."""
    checks = Checks(database)
    worker = Worker(settings, checks, Sendings(database))
    outcome = worker._look(_check(checks, "mail.example.com"))
    assert (outcome.report, outcome.error) == (
        None, "mail.example.com asked not to be looked at",
    )  # fmt: skip
    outcome = worker._look(_check(checks, "127.0.5.1"))
    assert (outcome.report, outcome.error) == (None, "127.0.5.1 asked not to be looked at")


def test_the_worker_refuses_hosts_that_records_lead_to(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a refusal is kept: tests/cli/test_check_domain.py, over real DNS."""
    checks, seen = Checks(database), []

    def check_all(_targets: object, request: Request, **_told: object) -> None:
        seen.append([request.refusal(host) for host in ("mx.example.com", "mx.example.org")])

    monkeypatch.setattr("letterlock.web.worker.check_all", check_all)
    Worker(settings, checks, Sendings(database))._look(_check(checks, "@example.org"))
    assert seen == [["mx.example.com asked not to be looked at", None]]


def test_an_address_is_visited_so_often_by_strangers(
    settings: Settings, database: Database
) -> None:
    checks = Checks(database)
    worker = Worker(settings, checks, Sendings(database))
    first, second = (worker._guard(_check(checks, "mail.test")) for _ in range(2))
    assert first("127.0.5.9") is None
    assert first("127.0.5.9") is None
    assert "often enough" in (second("127.0.5.9") or "")
    for client in (CLIENT, ADMIN):
        ours = worker._guard(_check(checks, "mail.test", client))
        assert ours("127.0.5.9") is None
        assert ours("127.0.5.1") is not None


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no-such-host.invalid", "無法解析 no-such-host.invalid："),
        ("127.0.5.2", "127.0.5.2 是回送位址"),
        ("mail.example.com", "mail.example.com 要求不要檢查它"),
    ],
)
def test_why_a_check_failed_is_said_in_the_readers_language(
    settings: Settings, database: Database, target: str, said: str
) -> None:
    service = Service.on(settings, database, lambda: None)
    check = _check(service.checks, target)
    private = msgspec.structs.replace(settings, allow_private=False)
    outcome = Worker(private, service.checks, Sendings(database))._look(check)
    assert service.checks.finish(check, "w", outcome)
    with TestClient(application(service)) as page:
        assert said in page.get(f"/c/{check.id}?lang=zh-Hant").text
        english = page.get(f"/api/v1/checks/{check.id}").json()["error"]
        assert html.escape(english) in page.get(f"/c/{check.id}").text
        wrong = {"target": "a..b", "name": ""}
        answer = page.post("/checks?lang=zh-Hant", data=wrong)
        assert "有空的標籤" in answer.text
        told = page.post("/api/v1/checks", json={"target": "a..b"}).json()["detail"]
        assert "empty label" in told


def test_without_its_option_no_private_address_is_gone_to(tmp_path: Path) -> None:
    database = open_database(tmp_path, None)
    checks = Checks(database)
    worker = Worker(Settings(data=tmp_path), checks, Sendings(database))
    outcome = worker._look(_check(checks, "127.0.5.2"))
    assert (outcome.report, outcome.error) == (
        None, "127.0.5.2 is a loopback address, which is not gone to",
    )  # fmt: skip
    database.close()


def test_who_asks(settings: Settings, database: Database) -> None:
    """A /64 is one client; a mapped address is the one that it stands for."""
    client = Service.on(settings, database, lambda: None).client
    assert client("2001:db8::1") == client("2001:db8::ffff:2")
    assert client("2001:db8::1") != client("2001:db8:0:1::1")
    assert client("198.51.100.1") == client("::ffff:198.51.100.1")
    assert client("198.51.100.1") != client("198.51.100.2")
    assert client("unknown") != client("")
    assert len(client("198.51.100.1")) == 32
