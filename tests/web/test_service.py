"""The service as it is started: asked over its API, stopped in the middle, on both databases."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterlock.cli.main import run
from letterlock.web.serve import listening
from tests.web.running import DEADLINE, Running, events, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    limits = ("--per-client", "1000", "--per-target", "1000", "--per-address", "1000")
    with serving(tmp_path_factory.mktemp("serve"), "--allow-private", *limits) as running:
        yield running


class Silent:
    """Listens on a mail port of a loopback address, and says nothing."""

    def __init__(self, address: str, port: int = 143) -> None:
        self._server = socket.create_server((address, port))
        self.visited = threading.Event()
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                self._held.append(self._server.accept()[0])
                self.visited.set()
        except OSError:
            pass

    def close(self) -> None:
        """A thread that waits in accept(2) would keep it open."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in self._held:
            each.close()


def test_a_check_from_asking_to_its_report(service: Running) -> None:
    answer = service.post("/api/v1/checks", json={"target": "127.0.0.2", "ports": [25, 143]})
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == told["url"] == f"{service.url}/api/v1/checks/{told['id']}"
    stream = service.get(f"/api/v1/checks/{told['id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events(stream.text)][-1] == "over"
    check = service.over(told["id"])
    assert check["state"] == "done"
    assert check["determined"] is False, "nothing answers there"
    assert [each["port"] for each in check["report"]["endpoints"]] == [25, 143]
    assert service.ask("127.0.0.2", ports=[143, 25]) == told["id"], "the result serves for minutes"
    assert service.ask("127.0.0.2", ports=[25]) != told["id"]


def test_without_its_option_there_is_no_sending_test(service: Running) -> None:
    for path in ("/sending", "/s/abcdefghjkmnpqrs", "/s/abcdefghjkmnpqrs/events"):
        assert service.get(path).status_code == 404
    assert service.post("/sendings").status_code == 404
    assert "/sending" not in service.get("/").text


def test_a_target_that_does_not_resolve_fails(service: Running) -> None:
    check = service.checked("no-such-host.invalid")
    assert check["state"] == "failed"
    assert "cannot be resolved" in check["error"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "truncated"),
        (b"[]", 400, "Expected `object`"),
        (b'{"target": ""}', 400, "length >= 1"),
        (b'{"target": "a b"}', 400, "white space"),
        (b'{"target": "a.example", "ports": [22]}', 400, "none of mail's ports"),
        (b'{"target": "a.example:80"}', 400, "none of mail's ports"),
        (b'{"target": "a.example", "depth": "deep"}', 400, "depth"),
        (b'{"target": "a.example", "more": 1}', 400, "unknown field"),
        (b'{"target": "@a.example", "name": "b.example"}', 400, "does not go with a mail domain"),
        (b'{"target": "' + b"a" * 20_000 + b'"}', 413, "more than"),
        (b"\xff\xfe", 400, ""),
        (b"[" * 10_000, 400, ""),
    ],
)
def test_what_is_no_question(service: Running, body: bytes, status: int, said: str) -> None:
    answer = service.post(
        "/api/v1/checks", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_another_sites_page_gets_nowhere(
    service: Running, headers: dict[str, str], status: int
) -> None:
    usual = {"Content-Type": "application/json"}
    answer = service.post(
        "/api/v1/checks", content=b'{"target": "127.0.0.3"}', headers=usual | headers
    )
    assert answer.status_code == status
    form = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    assert service.post("/checks", content=b"target=127.0.0.3", headers=form).status_code == status


def test_every_answer_has_its_headers(service: Running) -> None:
    for path in ("/", "/nothing", "/api/v1/checks/none", "/static/page.css", "/healthz", "/t/a.b"):
        headers = service.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers
        assert "server" not in headers


def test_metrics_and_health(service: Running) -> None:
    assert service.get("/healthz").text == "fine\n"
    told = service.get("/metrics").text
    assert 'letterlock_checks{state="running"} 0' in told


@pytest.mark.parametrize(
    ("kill", "network", "database_url"),
    [
        ("worker", "127.0.9", "sqlite"),
        ("all", "127.0.10", "sqlite"),
        ("all", "127.0.11", "postgresql"),
    ],
    indirect=["database_url"],
)
def test_killed_in_the_midst_of_twenty(
    kill: str, network: str, database_url: str, tmp_path: Path
) -> None:
    """None is lost, and none runs for ever: after the restart each is done or marked failed. Each
    case has addresses of its own: they may run at once."""
    addresses = [f"{network}.{number}" for number in range(1, 21)]
    silent = [Silent(address) for address in addresses]
    limits = (
        "--allow-private", "--per-client", "100", "--lease", "3", "--database", database_url,
    )  # fmt: skip
    try:
        with serving(tmp_path, *limits) as running:
            ids = [running.ask(each, ports=[143]) for each in addresses[:4]]
            ids += _beyond_the_cap(running, addresses[4:])
            for each in silent:
                assert each.visited.wait(DEADLINE)
            (worker,) = running.children()
            if kill == "all":
                os.kill(running.process.pid, signal.SIGKILL)
                running.process.wait()
            os.kill(worker, signal.SIGKILL)
            for each in silent:
                each.close()
            if kill == "worker":
                _all_over(running, ids)
        if kill == "all":
            with serving(tmp_path, *limits) as again:
                _all_over(again, ids)
    finally:
        for each in silent:
            each.close()


def _beyond_the_cap(running: Running, addresses: list[str]) -> list[str]:
    """As other clients would ask: put into the store itself."""
    from letterlock.web.asked import asked
    from letterlock.web.store.checks import Checks
    from letterlock.web.store.database import open_database

    arguments = running.process.args
    assert isinstance(arguments, list)
    url = arguments[arguments.index("--database") + 1]
    database = open_database(running.log.parent, url)
    try:
        return [Checks(database).add(asked(each, ports=(143,)).new()).id for each in addresses]
    finally:
        database.close()


def _all_over(running: Running, ids: list[str]) -> None:
    for id in ids:
        check = running.over(id)
        assert check["state"] == "done" or "stopped" in check["error"], check
    counts = running.get("/metrics").text
    assert 'letterlock_checks{state="running"} 0' in counts
    assert 'letterlock_checks{state="queued"} 0' in counts


def test_several_workers_on_one_database(tmp_path: Path, database_url: str) -> None:
    """A page that does not look itself, and two workers that do."""
    url = ("--database", database_url, "--allow-private")
    with serving(tmp_path, "--role", "page", "--per-client", "100", *url) as page:
        assert page.children() == []
        command = [sys.executable, "-m", "letterlock", "serve", "--role", "worker", *url]
        workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
        try:
            ids = _beyond_the_cap(page, [f"127.0.8.{number}" for number in range(1, 13)])
            assert {page.over(id)["state"] for id in ids} == {"done"}
        finally:
            for each in workers:
                each.terminate()
            assert [each.wait(60) for each in workers] == [0, 0]


def test_stopped_in_order_it_gives_back(tmp_path: Path) -> None:
    silent = Silent("127.0.7.1")
    limits = ("--allow-private",)
    try:
        with serving(tmp_path, *limits) as running:
            id = running.ask("127.0.7.1", ports=[143])
            assert silent.visited.wait(DEADLINE)
        silent.close()
        with serving(tmp_path, *limits) as again:
            began = time.monotonic()
            assert again.over(id)["state"] == "done"
            assert time.monotonic() - began < DEADLINE
    finally:
        silent.close()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--listen", "mail.example.com"), 2, "--listen mail.example.com is no address"),
        (("--listen", "127.0.0.1:99999"), 2, "'99999' is not a port number"),
        (("--listen", "192.0.2.1:8025"), 2, "nobody can listen at 192.0.2.1:8025"),
        (("--url", "check.example.com"), 2, "is not where a page is"),
        (("--url", "https://check.example.com/#top"), 2, "is not where a page is"),
        (("--url", "https://check.example.com:99999"), 2, "is not where a page is"),
        (("--url", "https://check.example.com/page"), 2, "is not where a page is"),
        (("--database", "mysql://root:secret@db/x"), 2, "--database names mysql"),
        (("--database", "postgresql://u:secret@127.0.0.1:1/x"), 3, "does not answer"),
        (("--opt-out", "missing.txt"), 2, "missing.txt: cannot be read: No such file"),
        (("--ehlo", "a b"), 2, "contains white space"),
        (("--resolver", "dns.example"), 2, "is not the address of a resolver"),
    ],
)
def test_a_start_that_cannot_be(
    tmp_path: Path,
    arguments: tuple[str, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["letterlock", "serve", "--data", str(tmp_path), *arguments]
    if "--listen" not in arguments:
        words += ["--listen", "127.0.0.1:0"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run()
    told = capsys.readouterr().err
    assert ended.value.code == status, told
    assert said in told
    assert len(told.splitlines()) == 1
    assert "secret" not in told


def test_check_by_a_server_prints_what_check_prints(
    service: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["letterlock", "check", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        captured = capsys.readouterr()
        # When it was, and how long it took.
        text = re.sub(r"\d+\.\d s|[0-9-]{10}[T ][0-9:]+( UTC|Z)?", "…", captured.out)
        return ended.value.code, text, captured.err

    monkeypatch.setenv("COLUMNS", "100")
    for words in (
        ("127.0.6.1",),
        ("127.0.6.2", "--port", "25", "--depth", "verdict"),
        ("no-such-host.invalid",),
    ):
        here = told(*words)
        assert told(*words, "--server", service.url) == here
        assert here[0] == 3
    code, _, said = told("127.0.6.1", "--server", service.url, "--dns", "--fast")
    assert (code, said) == (2, "letterlock: --dns, --fast cannot be said to a --server\n")
    code, _, said = told("127.0.6.1", "--server", "check.example.com")
    assert code == 2
    assert "is no URL" in said
    code, _, said = told("127.0.6.1:25", "--server", "http://127.0.0.1:1")
    assert code == 3
    assert "http://127.0.0.1:1 cannot be asked" in said


def test_check_by_a_server_goes_on_after_a_target_that_it_declines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And waits where it is asked to: for room, here until four others are done."""
    (tmp_path / "opt-out").write_text("127.0.6.7\n")
    silent = Silent("127.0.6.8")
    with serving(tmp_path, "--allow-private", "--opt-out", str(tmp_path / "opt-out")) as running:
        others = [running.ask("127.0.6.8:143", name=f"{name}.example") for name in "abcd"]
        waited, slept = [], time.sleep

        def sleep(seconds: float) -> None:
            if seconds < 1:
                slept(seconds)
                return
            waited.append(seconds)
            silent.close()
            for each in others:
                running.over(each)

        assert silent.visited.wait(DEADLINE)
        monkeypatch.setattr("letterlock.probe.service.time.sleep", sleep)
        words = ("check", "127.0.6.7", "127.0.6.9:143", "--server", running.url, "--json", "-")
        monkeypatch.setattr(sys, "argv", ["letterlock", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        told = capsys.readouterr()
        assert ended.value.code == 3
        assert waited == [15]
        assert told.err == f"letterlock: {running.url}: 127.0.6.7 asked not to be looked at\n"
        assert [each["target"] for each in json.loads(told.out)["targets"]] == ["127.0.6.9:143"]


def test_an_answer_waits_for_no_acknowledgement() -> None:
    """What asyncio asks of a socket before it sets TCP_NODELAY."""
    with listening("127.0.0.1", 0) as at:
        assert at.proto == socket.IPPROTO_TCP
