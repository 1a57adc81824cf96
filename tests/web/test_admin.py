"""What takes the admin's token: looks without limits, to forget somebody, an overview; on SQLite
and on PostgreSQL."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from letterlock.cli.main import run
from letterlock.model.errors import InputError
from letterlock.model.token_file import read_token
from letterlock.report.facts_document import written
from letterlock.web.app import application
from letterlock.web.asked import asked
from letterlock.web.monitors import Monitor, MonitorsFile
from letterlock.web.service import Service
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Caps, Check, Outcome
from letterlock.web.store.database import Database
from letterlock.web.store.monitors import Judged
from tests.report import sample
from tests.web.running import serving

Open = Callable[[], Database]
TOKEN = "a-token.of_forty~characters+all/that/is=="
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": f"Bearer {TOKEN[:-3]}x=="}
HOST = "mail.example.com"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def make(open_it: Open, tmp_path: Path, file: Path) -> Callable[..., Service]:
    """A service on the one database, as so many page processes would be."""

    def made(**settings: Any) -> Service:
        usual: dict[str, Any] = {"data": tmp_path, "admin_token_file": file}
        return Service.on(Settings(**(usual | settings)), open_it(), lambda: None)

    return made


def client(service: Service, address: str = "198.51.100.1") -> TestClient:
    return TestClient(application(service), client=(address, 50_000))


def ask(page: TestClient, target: str = HOST, **more: Any) -> str:
    answer = page.post("/api/v1/checks", json={"target": target} | more, headers=ADMIN)
    assert answer.status_code == 202, answer.text
    id: str = answer.json()["id"]
    return id


def done(service: Service, target: str, outcome: Outcome | None = None) -> Check:
    check = service.checks.add(asked(target).new())
    taken = service.checks.claim("w")
    assert taken is not None
    assert taken.id == check.id
    report = Outcome(written([sample.result()]), None, True, "D", "high")
    assert service.checks.finish(taken, "w", outcome or report)
    return check


# --- the token


@pytest.mark.parametrize(
    ("contents", "mode", "said"),
    [
        (TOKEN, 0o640, "others may read it"),
        (TOKEN, 0o604, "others may read it"),
        (TOKEN[:31], 0o600, "32 to 512 characters"),
        ("x" * 513, 0o600, "32 to 512 characters"),
        (f"{TOKEN} {TOKEN}", 0o600, "one line"),
        (f"{TOKEN}\n{TOKEN}", 0o600, "one line"),
        (f"{TOKEN}\0", 0o600, "one line"),
        (f"{TOKEN[:-1]}ä", 0o600, "one line"),
        ("", 0o600, "one line"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path: Path, contents: str, mode: int, said: str) -> None:
    path = tmp_path / "token"
    path.write_text(contents, "utf-8")
    path.chmod(mode)
    with pytest.raises(InputError, match=said) as raised:
        read_token(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert TOKEN[:20] not in str(raised.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_token(path)


def test_a_credential_of_systemd(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group's rights are its ACL's mask."""
    file.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert read_token(file) == TOKEN
    file.chmod(0o444)
    with pytest.raises(InputError, match="others may read it"):
        read_token(file)
    file.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent.parent))
    with pytest.raises(InputError, match="others may read it"):
        read_token(file)


def test_nobody_can_tell_a_wrong_token_from_a_service_without(
    make: Callable[..., Service],
) -> None:
    """With the file or without: the same words, in the form of the API."""
    answers = set()
    for service in (make(), make(admin_token_file=None)):
        page = client(service)
        for given in ("", WRONG["Authorization"], "Bearer", f"Basic {TOKEN}"):
            headers = {"Authorization": given} if given else {}
            for method, path in (
                ("GET", "/api/v1/overview"),
                ("DELETE", "/api/v1/checks/aaaaaaaaaaaa"),
                ("DELETE", f"/api/v1/targets/{HOST}"),
            ):
                told = page.request(method, path, headers=headers)
                assert told.status_code == 401
                assert told.headers["Content-Type"] == "application/problem+json"
                answers.add((told.headers["WWW-Authenticate"], told.content))
        post = page.post("/api/v1/checks", json={"target": HOST}, headers=WRONG)
        answers.add((post.headers["WWW-Authenticate"], post.content))
        assert service.checks.counts() == {}
    assert len(answers) == 1
    for settings, status in (({"admin_token_file": None}, 401), ({}, 200)):
        page = client(make(**settings))
        assert page.get("/api/v1/overview", headers=ADMIN).status_code == status


def test_a_client_is_wrong_so_often(make: Callable[..., Service]) -> None:
    service = make(caps=Caps(per_client=3, window=60))
    now = [0.0]
    service.admin.clock = lambda: now[0]
    page = client(service)
    for each in (WRONG, {}, WRONG):
        assert page.get("/api/v1/overview", headers=each).status_code == 401
        now[0] += 10
    for headers in (WRONG, ADMIN):
        told = page.get("/api/v1/overview", headers=headers)
        assert (told.status_code, told.headers["Retry-After"]) == (429, "31")
    assert client(service, "198.51.100.2").get("/api/v1/overview", headers=ADMIN).is_success
    assert page.post("/api/v1/checks", json={"target": HOST}).status_code == 202, "as a stranger"
    now[0] += 31
    assert page.get("/api/v1/overview", headers=ADMIN).is_success


# --- looks


def test_who_has_the_token_asks_as_often_as_wanted(
    make: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "opt-out").write_text("example.org\n")
    caps = Caps(waiting=4, per_client=1, per_client_at_once=1, per_subject=1)
    service = make(caps=caps, opt_out_file=tmp_path / "opt-out")
    page = client(service)
    assert page.post("/api/v1/checks", json={"target": HOST}).status_code == 202
    assert page.post("/api/v1/checks", json={"target": "b.example"}).status_code == 429
    assert page.post("/api/v1/checks", json={"target": HOST, "fresh": True}).status_code == 403
    proxys = {"Authorization": "Basic dTpw"}  # not ours to judge
    assert page.post("/api/v1/checks", json={"target": HOST}, headers=proxys).status_code == 202
    first = ask(page)
    assert ask(page) == first, "what is under way serves"
    assert len({first, ask(page, fresh=True), ask(page, fresh=True), ask(page, "b.example")}) == 4
    told = page.post("/api/v1/checks", json={"target": "c.example"}, headers=ADMIN)
    assert told.status_code == 503, "the queue is full for everybody"
    left = page.post("/api/v1/checks", json={"target": "a.example.org"}, headers=ADMIN)
    assert (left.status_code, left.json()["detail"]) == (
        403, "a.example.org asked not to be looked at",
    )  # fmt: skip


# --- forgotten


def test_a_check_is_forgotten_with_all_that_was_made_of_it(
    make: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("letterlock.web.service.monotonic", lambda: now[0])
    here, elsewhere = make(), make()
    check, other = done(here, HOST), done(here, "other.example")
    pages = [client(each) for each in (here, elsewhere)]
    place = f"/api/v1/checks/{check.id}"
    shown = (f"/c/{check.id}", place, f"{place}/facts", f"/t/{HOST}", f"/c/{check.id}/report.json")
    for page in pages:
        assert [page.get(path).status_code for path in shown] == [200] * 5
        assert page.get(f"/c/{other.id}").status_code == 200
    badge = pages[0].get(f"/badge/{HOST}.svg").text
    assert pages[0].delete(place, headers=ADMIN).status_code == 204
    assert pages[0].delete(place, headers=ADMIN).status_code == 404
    assert [pages[0].get(path).status_code for path in shown] == [404] * 5
    assert pages[0].get(f"/badge/{HOST}.svg").text != badge
    assert pages[1].get(f"/c/{check.id}").status_code == 200, "another process, for seconds"
    now[0] += 11
    assert [pages[1].get(path).status_code for path in shown] == [404] * 5
    assert pages[1].get(f"/c/{other.id}").status_code == 200
    assert pages[0].delete("/api/v1/checks/%00", headers=ADMIN).status_code == 404
    foreign = ADMIN | {"Sec-Fetch-Site": "cross-site"}
    assert pages[0].delete(f"/api/v1/checks/{other.id}", headers=foreign).status_code == 403
    assert pages[0].put(place).headers["Allow"] == "GET, HEAD, DELETE"


def test_a_target_is_forgotten_whatever_its_checks_do(make: Callable[..., Service]) -> None:
    monitors = MonitorsFile((Monitor(HOST, title="Ours"), Monitor("other.example")))
    service = make(monitors=monitors)
    page = client(service)
    done(service, HOST)
    done(service, HOST, Outcome(error="mail.example.com is away"))
    kept = done(service, f"joe@{HOST}")  # the domain of that name, which is another subject
    service.checks.add(asked(HOST, ports=(25,)).new())
    running = service.checks.claim("w")
    assert running is not None
    waiting = service.checks.add(asked(HOST, ports=(993,)).new())

    told = page.delete(f"/api/v1/targets/{HOST.upper()}", headers=ADMIN)
    assert (told.status_code, told.json()) == (200, {"checks": 4, "monitors": ["Ours"]})
    assert page.delete(f"/api/v1/targets/{HOST}", headers=ADMIN).json()["checks"] == 0
    assert page.delete("/api/v1/targets/a b", headers=ADMIN).status_code == 400
    assert service.checks.find(waiting.id) is None
    late = Outcome(written([sample.result()]), None, True, "D", "high")
    assert not service.checks.finish(running, "w", late), "what it finds is thrown away"
    assert service.checks.report(running.id) is None
    assert page.get(f"/t/{HOST}").status_code == 404
    assert page.get(f"/c/{kept.id}").status_code == 200
    assert page.delete(f"/api/v1/targets/@{HOST}", headers=ADMIN).json() == {
        "checks": 1, "monitors": [],
    }  # fmt: skip
    assert service.checks.counts() == {}


# --- what is under way


def test_the_overview(make: Callable[..., Service]) -> None:
    monitors = MonitorsFile((Monitor(HOST, title="Ours"),))
    service = make(monitors=monitors)
    page = client(service)
    empty = page.get("/api/v1/overview", headers=ADMIN).json()
    assert empty["checks"] == {"queued": 0, "running": 0, "done": 0, "failed": 0}
    assert not any(empty[name] for name in ("queued", "running", "workers", "monitors", "messages"))

    store = service.monitors
    store.keep_only(monitors.questions, ["mail", "webhook"])
    store.begin(monitors.questions, monitors.every)
    looked = service.checks.claim("one")
    assert looked is not None
    service.checks.finish(looked, "one", Outcome(b"{}", None, True, "B", "low"))
    (ended,) = store.over()
    store.conclude(*ended, Judged("", None, None, b"news"), ["mail", "webhook"])
    first, second = (service.checks.add(asked(f"{n}.example").new()) for n in "ab")
    running = service.checks.claim("two")
    assert running is not None
    service.checks.note(running, "two", '{"finished": 3}')

    told = page.get("/api/v1/overview", headers=ADMIN).json()
    assert told["checks"] == {"queued": 1, "running": 1, "done": 1, "failed": 0}
    assert [each["id"] for each in told["running"]] == [first.id]
    assert [(each["id"], each["target"]) for each in told["queued"]] == [(second.id, "b.example")]
    assert told["running"][0]["progress"]["finished"] == 3
    assert [(each["name"], each["checks"]) for each in told["workers"]] == [("two", 1)]
    (monitor,) = told["monitors"]
    assert (monitor["title"], monitor["target"], monitor["last"]) == ("Ours", HOST, looked.id)
    assert (monitor["grade"], monitor["worst"], monitor["check"]) == ("B", "low", None)
    assert [(each["channel"], each["messages"]) for each in told["messages"]] == [
        ("mail", 1), ("webhook", 1),
    ]  # fmt: skip
    assert store.take("mail") is not None, "nobody's message was taken"


# --- as a user has it


def test_check_with_the_token(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(url: str, *words: str) -> tuple[object, str]:
        arguments = ["letterlock", "check", "127.0.6.9", "--port", "143", "--server", url, *words]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code, capsys.readouterr().err

    limits = ("--per-target", "1", "--per-address", "1", "--reuse", "0")
    with serving(tmp_path, "--allow-private", "--admin-token", str(file), *limits) as running:
        assert told(running.url)[0] == 3
        assert "often enough lately" in told(running.url)[1]
        assert told(running.url, "--token", str(file)) == (3, "")
        overview = running.get("/api/v1/overview", headers=ADMIN)
        assert overview.json()["checks"]["done"] == 2
        assert running.get("/api/v1/overview", headers=WRONG).status_code == 401
        other = tmp_path / "other"
        other.write_text("0" * 40)
        other.chmod(0o600)
        assert told(running.url, "--token", str(other)) == (
            2, f"letterlock: {running.url} does not know the token; say the file of its "
            "--admin-token\n",
        )  # fmt: skip
        commands = [
            Path(f"/proc/{pid}/{name}").read_bytes()
            for pid in (running.process.pid, *running.children())
            for name in ("cmdline", "environ")
        ]
    code, said = told("http://check.example.com", "--token", str(file))
    assert code == 2
    assert "sent in clear" in said
    file.chmod(0o644)
    assert "others may read it" in told("https://check.example.com", "--token", str(file))[1]
    everywhere = [*commands, *(each.read_bytes() for each in (tmp_path / "data").iterdir())]
    assert not [each for each in everywhere if TOKEN.encode() in each]
    assert running.log.read_text().count("\n") == 1, "it answers, and nothing else was logged"
