"""The real program killed while real servers run: what is served afterwards."""

from __future__ import annotations

import pytest

from letterlock.servers.tools import Completed
from tests.machine import HOSTNAME, PROGRAM, Machine

pytestmark = [pytest.mark.faults, pytest.mark.machine]

FOLDERS = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
PORTS = ((25, "smtp"), (993, None))


#: The journal's lines are written after an ftruncate(2) each, the lock's after the first one:
#: begun, changing, committed, finished.
BEFORE_COMMIT = "ftruncate:signal=KILL:when=4"
AFTER_COMMIT = "ftruncate:signal=KILL:when=5"
TERMINATED = "rename:signal=TERM:when=2"


def served(machine: Machine) -> set[str]:
    """The leaves served, in PEM."""
    found = set()
    for port, starttls in PORTS:
        text = machine.s_client(port, starttls).text
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        found.add(text.partition(begin)[2].partition(end)[0].strip())
    assert all(found), "a port serves nothing"
    return found


def secure(machine: Machine, inject: str | None, folder: str = "/root/delivery") -> Completed:
    delivery = machine.delivery(folder=folder)
    before = ("strace", "-o", "/dev/null", "-e", f"inject={inject}") if inject else ()
    return machine.run(
        "env", "NO_COLOR=1", *before, str(PROGRAM), "secure", HOSTNAME,
        "--cert", str(delivery.certificate), "--key", str(delivery.key),
        "--chain", str(delivery.bundle), "--ca-file", str(delivery.root), "--sasl", "dovecot",
        "--no-rehearse", "--yes", timeout=120,
    )  # fmt: skip


def test_killed_interrupted_and_rolled_back_under_running_servers(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    old_tree, old_served = machine.tree(*FOLDERS), served(machine)

    killed = secure(machine, BEFORE_COMMIT)
    assert killed.status in (-9, 137), killed.complaints
    assert served(machine) != old_served, "it was killed once the new certificate was served"
    recovered = machine.letterlock("recover")
    assert recovered.status == 0 and "the old state is back" in recovered.text
    assert machine.tree(*FOLDERS) == old_tree and served(machine) == old_served
    assert machine.letterlock("recover").text == "Nothing was cut short.\n"

    terminated = secure(machine, TERMINATED, "/root/second")
    assert terminated.status == 4, terminated.complaints
    assert "interrupted by SIGTERM; rolled back, everything is as it was" in str(
        terminated.complaints
    )
    assert machine.tree(*FOLDERS) == old_tree and served(machine) == old_served

    killed = secure(machine, AFTER_COMMIT, "/root/third")
    assert killed.status in (-9, 137), killed.complaints
    recovered = machine.letterlock("recover")
    assert recovered.status == 0 and "the new state stays" in recovered.text
    (leaf,) = served(machine)
    delivered = machine.read(f"/root/third/{HOSTNAME}.crt").decode().replace("\r\n", "\n")
    assert leaf in delivered
    assert not [name for name in machine.tree("/etc") if ".letterlock-" in name]

    listed = machine.letterlock("history").text.splitlines()
    became = [line.split("  ")[-1] for line in listed[1:]]
    assert became[0] == "cut short, recovered"
    assert became[1].startswith("rolled back: interrupted by SIGTERM")
    assert became[2] == "done"

    undone = machine.letterlock("rollback", "--yes")
    assert undone.status == 0, undone.complaints
    assert served(machine) == old_served
    kept = {path: entry for path, entry in machine.tree(*FOLDERS).items() if path in old_tree}
    assert kept == old_tree
