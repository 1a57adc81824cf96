"""Monitors: begun once, told once, on both databases; their file, page and calendar; and
all of it with a server whose certificate changes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from icalendar import Calendar
from sqlalchemy import create_engine, text

from letterlock.cli.serve_monitors import monitors_file
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.service import IMAPS, SMTP
from letterlock.report.facts_document import written as facts_written
from letterlock.report.result import Result
from letterlock.web.certificate_ends import calendar, ends, read, written
from letterlock.web.handed_over import read as settings_read
from letterlock.web.handed_over import written as settings_written
from letterlock.web.monitoring import Look, Monitoring, Reporter
from letterlock.web.monitors import Monitor, MonitorsFile
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Checks, New, Outcome
from letterlock.web.store.database import Database
from letterlock.web.store.monitors import UNDER_WAY, Judged, Monitors
from tests.findings.sample import NOW, certificate, good, handshake, target
from tests.report import sample
from tests.web.running import DEADLINE, Running, serving

Open = Callable[[], Database]
QUESTIONS = {
    name: New(name, name, "{}", f"digest of {name}", "monitor")
    for name in ("a.example", "b.example")
}
EVERY = dict.fromkeys(QUESTIONS, 3600.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def monitors(database: Database, clock: Clock) -> Monitors:
    made = Monitors(database)
    made.clock = clock
    return made


# --- the store


def test_each_that_is_due_is_begun_once(open_it: Open) -> None:
    clock = Clock()
    workers = [monitors(open_it(), clock) for _ in range(3)]

    def begin(one: Monitors) -> list[str]:
        one.keep_only(QUESTIONS, ["webhook"])
        return [check.target for check in one.begin(QUESTIONS, EVERY)]

    with ThreadPoolExecutor(3) as pool:
        begun = [target for each in pool.map(begin, workers) for target in each]
    assert Counter(begun) == Counter(list(QUESTIONS))
    assert begin(monitors(open_it(), clock)) == [], "nor by one that begins anew"
    clock.now += 3601
    assert begin(workers[0]) == [], "they are under way"


def test_strangers_wait_for_few_of_them(open_it: Open) -> None:
    clock = Clock()
    store = monitors(open_it(), clock)
    many = {f"{n}.example": New(f"{n}.example", "s", "{}", f"{n}") for n in range(UNDER_WAY + 2)}
    store.keep_only(many, [])
    assert len(store.begin(many, dict.fromkeys(many, 60.0))) == UNDER_WAY
    assert store.begin(many, dict.fromkeys(many, 60.0)) == []


def test_each_is_judged_once_and_told_once(open_it: Open) -> None:
    clock = Clock()
    one, other = (monitors(open_it(), clock) for _ in range(2))
    checks = Checks(open_it())
    one.keep_only(QUESTIONS, ["webhook", "mail"])
    one.begin(QUESTIONS, EVERY)
    assert one.over() == []
    taken = checks.claim("w")
    assert taken is not None
    assert taken.client == "monitor"
    checks.finish(taken, "w", Outcome(b"{}", None, True, "A", None))

    seen = [each.over() for each in (one, other)]
    assert [(m.title, c.id if c else "") for m, c in seen[0]] == [(taken.target, taken.id)]
    judged = Judged("memory", "[]", None, b"news")
    concluded = [
        each.conclude(*found[0], judged, ["webhook", "mail"])
        for each, found in zip((one, other), seen, strict=True)
    ]
    assert concluded == [True, False]
    known = one.all()[taken.target]
    assert (known.last, known.check_id, known.memory) == (taken.id, None, "memory")
    assert one.begin(QUESTIONS, EVERY) == [], "not due"

    message = one.take("webhook")
    assert message is not None
    assert message.document == b"news"
    assert other.take("webhook") is None, "it is being told"
    one.not_told(message)
    assert other.take("webhook") is None, "it is to wait"
    clock.now += 61
    again = other.take("webhook")
    assert again == message
    other.told(message)
    clock.now += 1000
    assert one.take("webhook") is None
    assert one.take("mail") is not None, "each channel for itself"
    clock.now += 3600
    assert [each.target for each in one.begin(QUESTIONS, EVERY)] == [taken.target]


def test_a_report_that_cannot_be_read_is_no_look(open_it: Open) -> None:
    """Another letterlock's, on the same database: no fault is over for that."""
    database, looks = open_it(), []

    def judge(memory: str, look: Look) -> tuple[str, bytes | None]:
        looks.append(look)
        return memory, None

    file = MonitorsFile((Monitor("a.example"),))
    checks = Checks(database)
    made = Monitoring(file, Reporter(judge, {}), Monitors(database), checks, "https://c")
    assert made.round()
    taken = checks.claim("w")
    assert taken is not None
    checks.finish(taken, "w", Outcome(b'{"format": 99}', None, True, "A", None))
    assert not made.round()
    (look,) = looks
    assert (look.results, look.error, look.report) == ((), "its report cannot be read", "")


def test_messages_keep_their_order_and_are_tried_for_a_week(open_it: Open) -> None:
    clock = Clock()
    store, checks = monitors(open_it(), clock), Checks(open_it())
    store.keep_only(QUESTIONS, ["mail", "webhook"])
    store.begin(QUESTIONS, EVERY)
    for _ in QUESTIONS:
        taken = checks.claim("w")
        assert taken is not None
        checks.finish(taken, "w", Outcome(error="no way leads there"))
    for number, found in enumerate(store.over()):
        judged = Judged("", error="no way leads there", message=b"%d" % number)
        assert store.conclude(*found, judged, ["mail", "webhook"])
    known = store.all()["a.example"]
    assert (known.last, known.error) == (None, "no way leads there")
    assert known.looked is not None

    first = store.take("mail")
    assert first is not None
    store.not_told(first)
    clock.now += 61
    assert store.take("mail") == first, "before the other"
    clock.now += 7 * 86400
    store.not_told(first)
    second = store.take("mail")
    assert second is not None
    assert (first.document, second.document) == (b"0", b"1")
    store.keep_only(QUESTIONS, ["mail"])
    assert store.take("webhook") is None, "a channel that is none any more"


def test_what_a_channel_does_not_take_is_kept_and_a_judge_that_fails_judges_the_next(
    open_it: Open,
) -> None:
    clock, database = Clock(), open_it()
    store, checks = monitors(database, clock), Checks(database)
    looks: list[Look] = []
    told: list[bytes] = []
    away = [True]

    def judge(memory: str, look: Look) -> tuple[str, bytes | None]:
        looks.append(look)
        if len(looks) == 2:
            raise ValueError("a fault of ours")
        return "remembered", b"news"

    def channel(document: bytes) -> None:
        if away:
            away.clear()
            raise UndeterminedError("it is away")
        told.append(document)

    file = MonitorsFile((Monitor("a.example"),))
    made = Monitoring(file, Reporter(judge, {"mail": channel}), store, checks, "https://c")
    for _ in range(2):
        assert made.round()
        taken = checks.claim("w")
        assert taken is not None
        checks.finish(taken, "w", Outcome(facts_written([sample.result()]), None, True, "A", None))
        made.round()
        assert looks[-1].report == f"https://c/c/{taken.id}"
        assert store.all()["a.example"].last == taken.id
        clock.now += 61
        made.round()
        assert told == [b"news"]
        clock.now += 6 * 3600
    known = store.all()["a.example"]
    assert (known.memory, len(looks)) == ("remembered", 2)
    assert read(known.certificates) == ends([sample.result()]) != ()


def test_a_file_that_changed(open_it: Open) -> None:
    clock = Clock()
    store = monitors(open_it(), clock)
    store.keep_only(QUESTIONS, ["mail"])
    store.begin(QUESTIONS, EVERY)
    other = {"a.example": QUESTIONS["a.example"], "b.example": New("b", "b", "{}", "another")}
    store.keep_only(other, [])
    assert store.all()["a.example"].check_id is not None
    assert [each.target for each in store.begin(other, EVERY)] == ["b"]
    store.keep_only({}, [])
    assert store.all() == {}


def test_a_check_that_is_forgotten_ends_too(open_it: Open) -> None:
    clock = Clock()
    database = open_it()
    store = monitors(database, clock)
    store.keep_only(QUESTIONS, [])
    store.begin(QUESTIONS, EVERY)
    with database.write() as connection:
        connection.execute(text("DELETE FROM checks"))
    for monitor, check in store.over():
        assert check is None
        assert store.conclude(monitor, check, Judged(monitor.memory), [])
    assert {each.check_id for each in store.all().values()} == {None}


# --- the file

MONITOR = '[[monitor]]\ntarget = "a.example"\n'


@pytest.mark.parametrize(
    ("contents", "line", "said"),
    [
        ("", None, "monitor"),
        ("monitor = []\n", None, "no [[monitor]]"),
        ("[[monitor]\n", 1, "]]"),
        (MONITOR + "[[monitor]]\ntarget = 5\n", 3, "str"),
        (MONITOR + "evry = '6h'\n", 1, "evry"),
        (MONITOR + MONITOR, 3, "a title of its own"),
        (MONITOR + "every = '1m'\n", 1, "15m to 30d"),
        (MONITOR + "every = 'often'\n", 1, "such as 6h"),
        (MONITOR + "ports = [22]\n", 1, "none of mail's ports"),
        (MONITOR + 'depth = "deep"\n', 1, "deep"),
        (MONITOR + 'title = "a\\nb"\n', 1, "title"),
        ('[[monitor]]\ntarget = "a b"\n', 1, "white space"),
        ('webhook = "http://example.com/"\n' + MONITOR, None, "not encrypted"),
        ('command = ["tell"]\n' + MONITOR, None, "absolute path"),
        ("\xff", 1, ""),
    ],
)
def test_a_file_that_cannot_be_taken(
    tmp_path: Path, contents: str, line: int | None, said: str
) -> None:
    path = tmp_path / "monitors.toml"
    path.touch(0o600)
    path.write_text(contents, "utf-8")
    with pytest.raises(InputError) as raised:
        monitors_file(path)
    where = raised.value.where
    assert where is not None
    assert (where.path, where.line) == (str(path), line)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        monitors_file(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        monitors_file(tmp_path / "latin.toml")


def test_a_webhook_is_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "monitors.toml"
    path.write_text('webhook = "https://example.com/secret"\n' + MONITOR)
    path.chmod(0o644)
    with pytest.raises(InputError, match="everybody may read it") as raised:
        monitors_file(path)
    assert "example.com" not in str(raised.value)
    path.chmod(0o640)
    file = monitors_file(path)
    assert file is not None
    assert (file.every, list(file.questions)) == ({"a.example": 6 * 3600.0}, ["a.example"])
    settings = Settings(data=tmp_path, monitors=file)
    assert settings_read(settings_written(settings)) == settings
    assert "example.com/secret" not in repr(settings)


# --- the calendar


def events_of(text: bytes | str) -> list[Any]:
    """As another program reads them."""
    return list(Calendar.from_ical(text).walk("VEVENT"))


def test_each_certificate_once_by_its_digest() -> None:
    ending = certificate(left=5, sha256="cd" * 32)
    facts = target(good(SMTP), good(IMAPS))
    first, second = facts.endpoints
    renewed = Result(
        target(first, second.__class__(second.endpoint, second.name, None, handshake(leaf=ending))),
        (),
    )
    found = ends([Result(facts, ()), renewed])
    assert [(each.sha256[:2], each.places) for each in found] == [
        ("cd", ("192.0.2.25:993",)),
        ("ab", ("192.0.2.25:25", "192.0.2.25:993")),
    ]
    assert (found[0].days(NOW), found[0].days(NOW + timedelta(days=6))) == (5, -1)
    assert read(written(found)) == found
    assert read("") == ()

    events = events_of(calendar({"one": found, "two": found[:1]}, NOW, "https://c/status"))
    assert [str(each["UID"]) for each in events] == [
        "cd" * 32 + "@letterlock", "ab" * 32 + "@letterlock",
    ]  # fmt: skip
    assert events[0]["DTSTART"].dt == ending.not_after.date()
    assert type(events[0]["DTSTART"].dt) is date
    assert str(events[0]["DESCRIPTION"]).endswith("served by one, two")
    assert events[0].walk("VALARM")[0]["TRIGGER"].dt == timedelta(days=-7)


def test_a_certificate_without_an_end_is_in_the_calendar_too() -> None:
    """99991231235959Z (RFC 5280 section 4.1.2.5)."""
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    leaf = replace(certificate(), not_after=never)
    facts = target(replace(good(SMTP), handshake=handshake(leaf=leaf)))
    found = ends([Result(facts, ())])
    (event,) = events_of(calendar({"one": read(written(found))}, NOW, "https://c/status"))
    assert event["DTSTART"].dt == never.date()


def test_what_a_certificate_says_adds_no_event() -> None:
    evil = "a;b,c\\n\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:pwned\x00\u202e" + "x" * 300
    leaf = certificate()
    object.__setattr__(leaf, "dns_names", (evil,))
    facts = target(good(SMTP).__class__(good(SMTP).endpoint, "n", None, handshake(leaf=leaf)))
    text = calendar({evil: ends([Result(facts, ())])}, NOW, "https://c/status")
    assert all(len(line) <= 75 for line in text.split(b"\r\n")), "RFC 5545 section 3.1"
    assert text.count(b"\r\nBEGIN:VEVENT") == 1
    assert b"\x00" not in text
    (event,) = events_of(text)
    assert "SUMMARY:pwned" in str(event["SUMMARY"])
    assert "\n" not in str(event["SUMMARY"])


# --- all of it


@dataclass
class Hook:
    """A web server that remembers what it got."""

    got: list[Any] = field(default_factory=list)
    url: str = ""

    def wait(self, many: int) -> None:
        deadline = time.monotonic() + DEADLINE
        while len(self.got) < many:
            assert time.monotonic() < deadline, self.got
            time.sleep(0.1)


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/secret"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Imaps:
    """An IMAP server on 993 that shows `certificate` to who comes next."""

    def __init__(self, address: str, certificate: trustme.LeafCert) -> None:
        self.certificate = certificate
        self._server = socket.create_server((address, 993))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate.configure_cert(context)
        with contextlib.suppress(OSError), connection:
            connection.settimeout(60)
            inside = context.wrap_socket(connection, server_side=True)
            inside.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            for line in inside.makefile("rb"):
                tag = line.split(b" ")[0]
                inside.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def looked(service: Running, data: Path, again: bool) -> str:
    """The page once a further look has ended; `again`: it is due now."""
    engine = create_engine(f"sqlite:///{data / 'letterlock.db'}")
    count = text("SELECT count(*) FROM checks WHERE client = 'monitor'")
    waits = text("SELECT count(*) FROM monitors WHERE check_id IS NOT NULL OR last IS NULL")
    try:
        with engine.begin() as connection:
            before = connection.execute(count).scalar_one() if again else 0
            if again:
                connection.execute(text("UPDATE monitors SET due = 0"))
        deadline = time.monotonic() + DEADLINE
        while True:
            with engine.connect() as connection:
                begun = connection.execute(count).scalar_one() > before
                if begun and not connection.execute(waits).scalar_one():
                    break
            assert time.monotonic() < deadline, service.log.read_text()
            time.sleep(0.1)
    finally:
        engine.dispose()
    return service.get("/status").text


def test_a_certificate_that_changes_is_told_once_and_once_when_it_is_over(tmp_path: Path) -> None:
    address = f"127.{200 + os.getpid() // 256 % 50}.{os.getpid() % 256}.93"
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    later = datetime.now(UTC) + timedelta(days=80)
    right = authority.issue_cert(
        "mail.example.com", not_after=later, key_type=trustme.KeyType.ECDSA
    )
    wrong = authority.issue_cert("other.example", not_after=later, key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(tmp_path / "root.pem"))
    server = Imaps(address, right)
    file = tmp_path / "monitors.toml"
    arguments = ("--allow-private", "--ca-file", "root.pem", "--monitors", "monitors.toml")
    try:
        with webhook() as hook:
            file.touch(0o600)
            file.write_text(
                f'webhook = "{hook.url}"\ntell_from = "high"\n[[monitor]]\n'
                f'target = "{address}"\ntitle = "Our <mail>"\n'
                'name = "mail.example.com"\nports = [993]\ndepth = "verdict"\n'
            )
            with serving(tmp_path, *arguments) as service:
                page = looked(service, tmp_path / "data", again=False)
                assert "Our &lt;mail&gt;" in page
                assert "79 days left" in page
                server.certificate = wrong
                looked(service, tmp_path / "data", again=True)
                hook.wait(1)
                looked(service, tmp_path / "data", again=True)
                server.certificate = right
                looked(service, tmp_path / "data", again=True)
                hook.wait(2)
                dates = events_of(service.get("/status.ics").text)
                log = service.log.read_text()
            began, over = hook.got
    finally:
        server.close()
    assert began["host"] == "Our <mail>"
    assert [each["id"] for each in began["began"]] == ["name-mismatch"]
    assert (began["over"], over["began"]) == ([], [])
    assert [each["id"] for each in over["over"]] == ["name-mismatch"]
    assert [str(each["SUMMARY"]) for each in dates] == ["The certificate of mail.example.com ends"]
    assert "secret" not in log
