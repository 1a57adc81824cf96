"""What holds for every answer: headers, hosts, errors; and for those who listen to events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from letterlock.model.errors import UndeterminedError
from letterlock.web import events
from letterlock.web.answers import LARGEST, AnswerError, address, body
from letterlock.web.app import LOOPBACK_NAMES, application
from letterlock.web.events import MOST_OF_ONE, Listeners
from letterlock.web.headers import SECURITY_HEADERS
from letterlock.web.service import Service
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Caps
from letterlock.web.store.database import open_database


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    database = open_database(tmp_path, None)
    settings = Settings(
        data=tmp_path, public_url="https://check.example.com", caps=Caps(waiting=2, per_client=1)
    )
    yield Service.on(settings, database, lambda: None)
    database.close()


@pytest.fixture
def page(service: Service) -> TestClient:
    app = application(service, LOOPBACK_NAMES)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


# --- headers and hosts


def break_it(service: Service, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    service.checks.counts = service.checks.several = fail  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/page.css", 200),
        ("GET", "/robots.txt", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/", 405),
        ("GET", "/c/aaaaaaaaaaaa", 404),
    ],
)
def test_every_answer_has_the_headers(
    page: TestClient, method: str, path: str, status: int
) -> None:
    answer = page.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_the_headers_say() -> None:
    parts = dict(
        each.strip().split(" ", 1)
        for each in SECURITY_HEADERS["Content-Security-Policy"].split(";")
    )
    assert {"default-src", "base-uri", "frame-ancestors"} == {
        name for name, value in parts.items() if value == "'none'"
    }
    assert {value for value in parts.values() if value != "'none'"} == {"'self'"}
    assert {"style-src", "script-src", "img-src", "connect-src", "form-action"} < set(parts)
    told = {name: value for name, value in SECURITY_HEADERS.items() if "Policy" in name}
    assert told["Referrer-Policy"] == "no-referrer"
    assert told["Cross-Origin-Opener-Policy"] == "same-origin"
    assert told["Cross-Origin-Resource-Policy"] == "same-origin"
    assert SECURITY_HEADERS["X-Robots-Tag"] == "noindex"


def test_an_answer_may_say_otherwise(page: TestClient) -> None:
    """A badge is shown by other sites, and is kept for a while."""
    headers = page.get("/badge/mail.example.com.svg").headers
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Cache-Control"] == "public, max-age=300"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LocalHost:8025", True),
        ("127.0.0.1:1", True),
        ("[::1]", True),
        ("[::1]:8025", True),
        ("check.example.com", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example:localhost", False),
        ("localhost:80:80", False),
        ("::1", False),
        ("", False),
    ],
)
def test_only_our_names_are_answered(page: TestClient, host: str, ours: bool) -> None:
    answer = page.get("/robots.txt", headers={"Host": host})
    assert answer.status_code == (200 if ours else 421)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_where_no_names_are_told_all_are_answered(service: Service) -> None:
    """Behind a proxy, which sees to it."""
    assert TestClient(application(service)).get("/robots.txt").status_code == 200


# --- errors


def test_a_problem_for_programs_and_a_page_for_people(page: TestClient) -> None:
    for path in ("/api/v1/nothing", "/api/v1/checks/aaaaaaaaaaaa"):
        told = page.get(path)
        assert told.headers["Content-Type"] == "application/problem+json"
        assert (told.json()["status"], told.json()["title"]) == (404, "Not there")
        assert told.json()["detail"].startswith("there is no such")
    shown = page.get("/nothing")
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "there is no such page" in shown.text
    wrong = page.put("/api/v1/checks")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
    assert wrong.json()["detail"] == "not with this method"


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/v1/checks/aaaaaaaaaaaa", "/c/a"])
def test_a_database_that_is_away(
    service: Service, page: TestClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    break_it(service, UndeterminedError("no route to db.internal"))
    told = page.get(path)
    assert (told.status_code, told.headers["Retry-After"]) == (503, "10")
    assert "the database does not answer" in told.text
    assert "db.internal" not in told.text
    assert "db.internal" in caplog.text
    assert told.headers["Content-Type"].startswith(
        "text/html" if path.startswith("/c/") else "application/problem+json"
    )


def test_a_fault_of_ours_is_in_the_log_alone(
    service: Service, page: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    break_it(service, ZeroDivisionError("secret"))
    with caplog.at_level(logging.ERROR):
        told = page.get("/healthz")
    assert told.status_code == 500
    assert told.json()["title"] == "letterlock failed"
    assert "secret" not in told.text
    assert "GET /healthz" in caplog.text
    assert "secret" in caplog.text
    assert {name: told.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_what_a_request_may_be(page: TestClient) -> None:
    def ask(body: bytes, **headers: str) -> int:
        usual = {"Content-Type": "application/json; charset=utf-8"}
        return page.post("/api/v1/checks", content=body, headers=usual | headers).status_code

    assert ask(b"x" * LARGEST) == 400
    assert ask(b"x" * (LARGEST + 1)) == 413
    asked = b'{"target": "mail.example.com"}'
    for headers, status in (
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "http://localhost"}, 202),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://evil.example/localhost"}, 403),
    ):
        assert ask(asked, **headers) == status, headers
    assert ask(b'{"target": "b.example.com"}') == 429


def test_where_a_check_is(service: Service, page: TestClient) -> None:
    """As the service was told, else as it was reached."""
    asked = {"target": "mail.example.com"}
    answer = page.post("/api/v1/checks", json=asked)
    place = f"/api/v1/checks/{answer.json()['id']}"
    assert answer.headers["Location"] == f"https://check.example.com{place}"
    service.settings = msgspec.structs.replace(service.settings, public_url="")
    assert page.post("/api/v1/checks", json=asked).json()["url"] == f"http://localhost{place}"


def test_a_request_that_breaks_off_and_one_from_nowhere() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "client": None}, gone)
    assert address(request) == "unknown"
    with pytest.raises(AnswerError) as raised:
        asyncio.run(body(request))
    assert (raised.value.status, raised.value.detail) == (400, "the request broke off")


def test_its_end_is_the_end_of_all_events(service: Service) -> None:
    app = application(service)
    with TestClient(app):
        both = (app.state.listeners, app.state.sending_listeners)
        assert all(each.has_room("one") for each in both)

    async def anything() -> list[bytes | None]:
        return [await first(each.listen("a", None, "one")) for each in both]

    assert asyncio.run(anything()) == [None, None]


def test_who_asks_too_much_is_told_how_long_to_wait(service: Service, page: TestClient) -> None:
    statuses = []
    for number in range(3):
        other = TestClient(
            application(service), client=(f"198.51.100.{number}", 1), headers={"Host": "localhost"}
        )
        answer = other.post("/api/v1/checks", json={"target": f"{number}.example"})
        statuses.append(answer.status_code)
    assert statuses == [202, 202, 503]
    assert answer.json()["detail"] == "too many checks wait already"
    assert int(answer.headers["Retry-After"]) > 0


# --- events


def listening(look: Callable[[list[str]], dict[str, int]]) -> Listeners[int]:
    """States are numbers; 9 is the last."""
    return Listeners(look, lambda state: state == 9, lambda state: b"%d" % state)


async def first(stream: AsyncIterator[bytes]) -> bytes | None:
    return await anext(stream, None)


def test_so_many_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those who come at once; who leaves makes room."""
    monkeypatch.setattr(events, "MOST", MOST_OF_ONE + 2)

    async def go() -> None:
        listeners = listening(lambda ids: dict.fromkeys(ids, 1))
        streams = [listeners.listen("a", 1, "one") for _ in range(MOST_OF_ONE + 3)]
        assert listeners.has_room("one")
        begun = await asyncio.gather(*map(first, streams))
        assert begun == [b"1"] * MOST_OF_ONE + [None] * 3
        assert not listeners.has_room("one")
        others = [listeners.listen("b", 1, f"other {number}") for number in range(3)]
        assert await asyncio.gather(*map(first, others)) == [b"1", b"1", None]
        assert not listeners.has_room("another")
        await streams[0].aclose()  # type: ignore[attr-defined]
        assert listeners.has_room("one")
        assert await first(listeners.listen("a", 1, "another")) == b"1"
        assert not listeners.has_room("one")
        listeners.close()

    asyncio.run(go())


def test_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change once, to all who wait for it; while the database is away nothing; that nobody
    hangs up; what is forgotten has an end, and so has the service."""
    monkeypatch.setattr(events, "_EVERY", 0.001)
    states = {"a": 1, "b": 1, "gone": 1}
    asked: list[list[str]] = []
    away = [True]

    def look(ids: list[str]) -> dict[str, int]:
        asked.append(sorted(ids))
        if away:
            raise UndeterminedError("away")
        return {id: states[id] for id in ids if id in states}

    async def go() -> None:
        listeners = listening(look)
        one, other = (listeners.listen("a", 1, "x") for _ in range(2))
        second, gone = listeners.listen("b", 1, "x"), listeners.listen("gone", 1, "y")
        for each in (one, other, second, gone):
            assert await first(each) == b"1"
        monkeypatch.setattr(events, "_COMMENT", 0.02)
        assert await first(one) == b": still here\n\n"
        away.clear()
        states["a"] = 2
        assert [await first(one), await first(other)] == [b"2", b"2"]
        del states["gone"]
        monkeypatch.setattr(events, "_COMMENT", 60)
        assert await first(gone) is None
        states["a"] = 9
        assert [await first(one), await first(one)] == [b"9", None]
        assert await first(other) == b"9"
        assert await first(other) is None
        assert ["a", "b", "gone"] in asked, "one look for all"
        ended = asyncio.ensure_future(first(second))
        await asyncio.sleep(0.01)
        assert not ended.done(), "nothing has changed"
        listeners.close()
        assert await ended is None
        assert await first(listeners.listen("a", 1, "z")) is None, "the service stops"

    asyncio.run(go())


def test_nobody_looks_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_EVERY", 0.001)
    asked = []

    def look(ids: list[str]) -> dict[str, int]:
        asked.append(ids)
        return dict.fromkeys(ids, 9)

    async def go() -> None:
        listeners = listening(look)
        for _ in range(2):
            stream = listeners.listen("a", 1, "x")
            assert [await first(stream) for _ in range(3)] == [b"1", b"9", None]
            task = listeners._task
            assert task is not None
            await asyncio.wait_for(task, 60)
        seen = len(asked)
        await asyncio.sleep(0.01)
        assert len(asked) == seen
        assert listeners.has_room("x")

    asyncio.run(go())
