"""docs/systemd/letterlock-serve.service under a real systemd: all that the page has to do goes
within its sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.booted import SHIPPED, Booted, booted
from tests.machine import Machine
from tests.watch.mailbox import mailbox, mails
from tests.web.running import DEADLINE

UNIT = "letterlock-serve.service"
PAGE = "http://127.0.0.1:8025"
#: On the program's own state, which is all that it may write to.
TOLD = "/var/lib/letterlock-serve/told"
MONITORS = f"""
tell_from = "low"
mail = ["postmaster"]
smtp = "127.0.0.1:25"
command = ["/usr/bin/tee", "-a", "{TOLD}"]

[[monitor]]
target = "127.0.0.1"
title = "Ours"
ports = [143]
depth = "verdict"
"""
DROP_IN = """[Service]
ExecStart=
ExecStart={start} --allow-private --monitors ${{CREDENTIALS_DIRECTORY}}/monitors.toml
LoadCredential=monitors.toml:/etc/letterlock/monitors.toml
"""


def get(system: Booted, path: str) -> httpx2.Response:
    return system.machine.call(lambda: httpx2.get(PAGE + path, timeout=60, trust_env=False))


def until(system: Booted, done: Callable[[], Any]) -> Any:
    """What it gives once it is something."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            if found := done():
                return found
        except (httpx2.TransportError, FileNotFoundError):
            pass
        assert time.monotonic() < deadline, system.journal(UNIT)
        time.sleep(0.1)


def check(system: Booted) -> dict[str, Any]:
    """Of a server of this machine, to its end."""

    def begun() -> str:
        question = {"target": "127.0.0.1", "ports": [25, 143], "depth": "verdict"}
        answer = httpx2.post(f"{PAGE}/api/v1/checks", json=question, timeout=60, trust_env=False)
        assert answer.status_code == 202, answer.text
        id: str = answer.json()["id"]
        return id

    id = system.machine.call(begun)

    def over() -> dict[str, Any] | None:
        told: dict[str, Any] = get(system, f"/api/v1/checks/{id}").json()
        return told if told["state"] in ("done", "failed") else None

    found: dict[str, Any] = until(system, over)
    return found


@pytest.mark.machine
def test_the_page_as_a_unit(stock_machine: Machine) -> None:
    machine = stock_machine
    lines = (SHIPPED / UNIT).read_text().replace("\\\n", "").splitlines()
    (start,) = (line.partition("=")[2] for line in lines if line.startswith("ExecStart="))
    machine.write("/etc/letterlock/opt-out.txt", "127.0.0.66\n")
    machine.write("/etc/letterlock/monitors.toml", MONITORS, 0o600)
    mailbox(machine)
    with booted(machine) as system:
        system.shipped_unit(UNIT, DROP_IN.format(start=start))
        assert system.run("systemd-analyze", "verify", UNIT).complaints == ()
        system.must("systemctl", "start", UNIT)
        until(system, lambda: get(system, "/healthz").is_success)
        pid = system.unit(UNIT, "MainPID")
        owner = system.must("stat", "--format=%U %u", f"/proc/{pid}").split()
        assert owner[0] == "letterlock-serve"
        assert int(owner[1]) > 0

        seen = check(system)
        assert (seen["state"], seen["error"], seen["determined"]) == ("done", None, True)
        assert {each["port"] for each in seen["report"]["endpoints"]} == {25, 143}
        told = until(system, lambda: machine.read(TOLD))
        assert json.loads(told)["host"] == "Ours"
        (mail,) = mails(machine, 1)
        assert mail["Subject"].startswith("[letterlock] Ours: ")
        assert "The report: https://check.example.com/c/" in mail.get_content()
        until(system, lambda: "Ours</a>" in get(system, "/status").text)

        system.must("systemctl", "restart", UNIT)
        until(system, lambda: get(system, "/healthz").is_success)
        assert system.unit(UNIT, "MainPID") != pid
        again = get(system, f"/c/{seen['id']}")
        assert again.status_code == 200
        assert check(system)["id"] == seen["id"], "minutes ago: the report serves again"
        assert "Ours</a>" in get(system, "/status").text
        assert machine.read(TOLD) == told, "once"
        assert system.unit(UNIT, "NRestarts") == "0"
        said = set(system.journal(UNIT).splitlines())
        assert said == {"letterlock: https://check.example.com answers; Ctrl-C ends it"}
