"""What could not be deployed, tried again by a run of the watch: killed, interrupted, failing,
damaged, and done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from letterlock.install.state import StateFolder
from letterlock.renew.pending import pending
from letterlock.servers.tools import Completed
from tests.conftest import MakeMachine
from tests.machine import HOSTNAME, PROGRAM, Machine
from tests.status.renewal import OTHER, ROOT, Authority
from tests.watch.certificates import DELIVERED, hand_over, put

pytestmark = pytest.mark.machine

SETTINGS = f"""\
command = ["/bin/sh", "-c", "cat >>/root/said; echo >>/root/said"]
ca_file = "{ROOT}"
addresses = []
"""
#: The first rename is of the link that leads to the certificate in use: nothing is reloaded yet.
IN_THE_MIDDLE = "rename:signal={}:when=1"


def run(machine: Machine) -> Completed:
    return machine.warm_letterlock("watch", "run", "--settle", "0")


def struck(machine: Machine, signal: str) -> Completed:
    inject = f"inject={IN_THE_MIDDLE.format(signal)}"
    return machine.run(
        "env", "NO_COLOR=1", "strace", "-o", "/dev/null", "-e", inject,
        str(PROGRAM), "watch", "run", "--settle", "0", timeout=120,
    )  # fmt: skip


def told(machine: Machine) -> list[Any]:
    """Every message so far."""
    return [json.loads(line) for line in machine.run("cat", "/root/said").text.splitlines()]


def serves(machine: Machine, leaf: str) -> bool:
    return leaf in machine.s_client(25, "smtp").text


def attempts(machine: Machine) -> list[int]:
    return [each.attempts for each in machine.call(lambda: pending(StateFolder()))]


def test_tried_again_until_it_is_in_service(make_machine: MakeMachine) -> None:
    machine = make_machine(without="Dovecot")
    authority = Authority.make()
    machine.write(ROOT, authority.root.pem)
    first = put(machine, authority)
    machine.write("/etc/letterlock/watch.toml", SETTINGS)
    machine.start()
    done = machine.warm_letterlock(
        "secure", HOSTNAME, "--cert", f"{DELIVERED}/cert.pem", "--key", f"{DELIVERED}/key.pem",
        "--ca-file", ROOT, "--no-rehearse", "--yes",
    )  # fmt: skip
    assert done.status == 0, (done.text, done.complaints)
    assert serves(machine, first)

    second = put(machine, authority)
    hand_over(machine)
    terminated = struck(machine, "TERM")
    assert terminated.status == 4, (terminated.text, terminated.complaints)
    assert "interrupted by SIGTERM; rolled back, everything is as it was" in str(
        terminated.complaints
    )
    assert terminated.text == "", "it ends there, without a look at the rest"
    killed = struck(machine, "KILL")
    assert killed.status in (-9, 137), killed.complaints
    assert serves(machine, first)
    assert attempts(machine) == [2], "a kill leaves no time to count"

    broken = "/var/lib/letterlock/pending/20260101T000000000000Z-dead"
    machine.write(f"{broken}/record.json", '{"client": "acme.sh", "subj')
    once = run(machine)
    assert once.status == 1, (once.text, once.complaints)
    assert "was cut short: the old state is back" in str(once.complaints)
    assert f"{HOSTNAME}: in service; seen at" in once.text
    assert "not rehearsed" not in once.text
    assert serves(machine, second) and attempts(machine) == []
    (news,) = told(machine)
    assert [(each["id"], each["place"]) for each in news["began"]] == [
        ("pending-deployment-damaged", broken)
    ]

    machine.must("rm", "-r", broken)
    put(machine, Authority.make(), OTHER)
    hand_over(machine, OTHER)
    for _ in range(2):
        assert run(machine).status == 1
    assert attempts(machine) == [3]
    _, news = told(machine)
    assert [each["id"] for each in news["over"]] == ["pending-deployment-damaged"]
    assert [(each["id"], each["place"]) for each in news["began"]] == [
        ("deployment-pending", OTHER)
    ]
    assert "which is not in" in news["began"][0]["evidence"]
    assert serves(machine, second)

    (left,) = machine.call(lambda: pending(StateFolder()))
    machine.must("rm", "-r", f"/var/lib/letterlock/pending/{left.id}")
    clear = run(machine)
    assert clear.status == 0, (clear.text, clear.complaints)
    assert [each["id"] for each in told(machine)[2]["over"]] == ["deployment-pending"]
