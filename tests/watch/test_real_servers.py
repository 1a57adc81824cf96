"""The watch on real servers that letterlock never set up: one message for a fault, by mail, webhook
and command; one when it is over."""

from __future__ import annotations

import json
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.e2e.ports import PORTS
from tests.machine import HOSTNAME, Machine
from tests.status.renewal import ROOT, put, set_up_by_hand
from tests.watch.mailbox import mailbox, mails

SAID = "/root/said.jsonl"
SECRET = "t0ken-nobody-reads"


@dataclass
class Hook:
    """A web server inside a machine, that answers `status` and remembers what it got."""

    port: int = 0
    status: int = 204
    got: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def webhook(machine: Machine) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            hook.paths.append(self.path)
            self.send_response(hook.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = machine.call(lambda: HTTPServer(("127.0.0.1", 0), Handler))
    hook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(machine: Machine, *more: str) -> Any:
    return machine.warm_letterlock("watch", "run", "--settle", "0", *more)


def command_said(machine: Machine) -> list[Any]:
    return [json.loads(line) for line in machine.run("cat", SAID).text.splitlines()]


def begin_processes(machine: Machine, per_port: int = 6) -> None:
    """As many of Postfix's as a look keeps busy at once, with the certificate of now: one that
    began later would serve the new one."""

    def greet_at_once() -> None:
        trusting = ssl.create_default_context(cafile=ROOT)
        with ExitStack() as stack:
            for _ in range(per_port):
                for port in (25, 587):
                    stack.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=120))
                stack.enter_context(smtplib.SMTP_SSL(HOSTNAME, 465, timeout=120, context=trusting))

    machine.call(greet_at_once)


def test_a_fault_is_told_once_and_its_end_once(stock_machine: Machine) -> None:
    machine = stock_machine
    authority = set_up_by_hand(machine)
    machine.must("postconf", "-e", "max_idle = 1h")
    mailbox(machine)
    machine.write("/root/tell", f"#!/bin/sh\ncat >>{SAID}\necho >>{SAID}\n", 0o755)
    machine.start()
    begin_processes(machine)

    with webhook(machine) as hook:
        done = machine.warm_letterlock(
            "watch", "install", "--mail", "postmaster", "--command", "/root/tell",
            "--webhook", f"http://127.0.0.1:{hook.port}/{SECRET}", "--ca-file", ROOT,
            "--address", "127.0.0.1", "--tell-from", "high", "--by", "cron", "--yes",
        )  # fmt: skip
        assert done.status == 0, (done.text, done.complaints)
        assert SECRET not in done.text
        quiet = run(machine)
        assert (quiet.status, hook.got) == (0, []), (quiet.text, quiet.complaints)

        put(machine, authority, "rsa", "ecdsa")
        told = run(machine)
        assert told.status == 1, (told.text, told.complaints)
        assert run(machine).text == "Nothing new; still open: certificate-stale.\n"
        (news,) = hook.got
        assert {each["id"] for each in news["began"]} == {"certificate-stale"}
        assert {each["place"].rpartition(":")[2] for each in news["began"]} == set(
            map(str, set(PORTS) - {25})
        ), "at port 25 it is but medium"
        assert hook.paths == [f"/{SECRET}"]
        assert command_said(machine) == [news]
        (mail,) = mails(machine, 1)
        assert mail["Subject"] == "[letterlock] mail.example.com: certificate-stale"
        assert "127.0.0.1, [::1] ports 110, 143, 465, 587, 993, 995" in mail.get_content()

        assert machine.warm_letterlock("fix", "--yes", "--ca-file", ROOT).status == 0
        clear = run(machine)
        assert clear.status == 0, (clear.text, clear.complaints)
        assert run(machine).text == "Nothing new; no fault is open.\n"
        assert len(hook.got) == len(command_said(machine)) == len(mails(machine, 2)) == 2
        assert {each["place"] for each in hook.got[1]["over"]} == {
            each["place"] for each in news["began"]
        }
        assert (hook.got[1]["began"], hook.got[1]["open"]) == ([], [])

    log = machine.warm_letterlock("watch", "log")
    assert log.status == 0, log.complaints

    assert "began  high certificate-stale" in log.text
    assert SECRET not in log.text + told.text
