"""The watch when things go wrong around it: nobody takes its messages, two runs at once, a disk
that is full or read-only, a damaged memory. Nothing is lost, and nothing told twice."""

from __future__ import annotations

import fcntl
import json
import os
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from letterlock.report.watch_schema import LOG, MESSAGE
from letterlock.servers.tools import Completed
from tests.machine import HOSTNAME, Machine
from tests.report.test_json_schema import strict
from tests.status.renewal import KEYS, ROOT, set_up_by_hand
from tests.watch.mailbox import mailbox, mails

pytestmark = pytest.mark.machine

LOG_SCHEMA = Draft202012Validator(strict(deepcopy(LOG)))
MESSAGE_SCHEMA = Draft202012Validator(strict(deepcopy(MESSAGE)))
STATE = "/var/lib/letterlock"
SETTINGS = f"""\
mail = ["postmaster"]
command = ["/root/tell"]
ca_file = "{ROOT}"
addresses = []
"""
#: A command that takes messages as long as /root/open is there.
TELL = """#!/bin/sh
test -e /root/open || { echo closed >&2; exit 1; }
cat >>/root/said; echo >>/root/said
"""
FAULT = "key-readable-by-others"
#: What could not be seen, because a server does not run.
UNSEEN = "could-not-determine"
STATES = {True: "0644", False: "0600"}


def test_the_schemas_are_some() -> None:
    for schema in (LOG, MESSAGE):
        Draft202012Validator.check_schema(schema)


def run(machine: Machine, status: int) -> Completed:
    done = machine.warm_letterlock("watch", "run", "--settle", "0")
    assert done.status == status, (done.text, done.complaints)
    return done


def told(machine: Machine) -> list[Any]:
    """Every message that the command took."""
    messages = [json.loads(line) for line in machine.run("cat", "/root/said").text.splitlines()]
    for each in messages:
        MESSAGE_SCHEMA.validate(each)
    return messages


def log(machine: Machine) -> Any:
    done = machine.warm_letterlock("watch", "log", "--json", "-")
    assert done.status == 0, done.complaints
    found = json.loads(done.stdout)
    LOG_SCHEMA.validate(found)
    return found


def expose(machine: Machine, exposed: bool) -> None:
    machine.must("chmod", STATES[exposed], f"{KEYS}/other.key")


def prepared(machine: Machine) -> None:
    set_up_by_hand(machine)
    mailbox(machine)
    machine.write("/root/tell", TELL, 0o755)
    machine.write("/etc/letterlock/watch.toml", SETTINGS)
    machine.must("chmod", "0755", KEYS)
    machine.start()


def test_nothing_is_lost_and_nothing_told_twice(stock_machine: Machine) -> None:
    machine = stock_machine
    prepared(machine)
    _nobody_takes_it(machine)
    _two_at_once(machine)
    _a_disk_that_takes_nothing(machine)
    _a_damaged_memory(machine)
    _a_test(machine)


def _nobody_takes_it(machine: Machine) -> None:
    """Postfix is stopped, the command fails; then both are well."""
    machine.stop("Postfix")
    expose(machine, True)
    done = run(machine, 3)
    assert "mail to postmaster: Postfix does not run" in str(done.complaints)
    assert "the command /root/tell: it ended with 1: closed" in str(done.complaints)
    run(machine, 3)
    assert [(each["channel"], each["attempts"]) for each in log(machine)["waiting"]] == [
        ("mail", 2), ("command", 2),
    ]  # fmt: skip
    machine.start("Postfix")
    machine.must("touch", "/root/open")
    said = run(machine, 1).text
    assert said.startswith(f"Over:\n\n  medium  {UNSEEN}: ")
    assert "told by mail to postmaster\ntold by the command /root/tell\n" in said
    still = run(machine, 1).text
    assert still.startswith(f"Nothing new; still open: {FAULT}.")
    assert "told" not in still
    first, second = told(machine)
    assert {each["id"] for each in first["began"]} == {FAULT, UNSEEN}
    (unseen,) = (each for each in first["began"] if each["id"] == UNSEEN)
    assert "ports 25, 465, 587: Postfix is not running" in unseen["evidence"]
    assert ([each["id"] for each in second["over"]], second["began"]) == ([UNSEEN], [])
    subjects = [mail["Subject"].strip() for mail in mails(machine, 2)]
    assert subjects == [
        f"[letterlock] {HOSTNAME}: {FAULT}, {UNSEEN}", f"[letterlock] {HOSTNAME}: over: {UNSEEN}",
    ]  # fmt: skip
    assert log(machine)["waiting"] == []


def _two_at_once(machine: Machine) -> None:
    def holder() -> int:
        descriptor = os.open(f"{STATE}/watch.lock", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    descriptor = machine.call(holder)
    try:
        second = run(machine, 4)
    finally:
        os.close(descriptor)
    assert "letterlock watch run (process" in second.complaints[0]
    assert second.text == ""


def _a_disk_that_takes_nothing(machine: Machine) -> None:
    """Full, then read-only: it is told, by what is known from before; and once more when it can
    be remembered."""
    machine.must(
        "sh", "-ec",
        f"cp -a {STATE} /root/kept; mount -t tmpfs -o size=300k,mode=700 tmpfs {STATE};"
        f" cp -a /root/kept/. {STATE}; cat /dev/zero >{STATE}/fill || true",
    )  # fmt: skip
    expose(machine, False)
    full = run(machine, 3)
    assert "what is told now is not remembered" in str(full.complaints)
    assert [each["id"] for each in told(machine)[2]["over"]] == [FAULT]
    machine.must("mount", "-o", "remount,ro", STATE)
    readonly = run(machine, 3)
    assert "Read-only file system" in str(readonly.complaints)
    assert [each["id"] for each in told(machine)[3]["over"]] == [FAULT]
    machine.must("mount", "-o", "remount,rw", STATE)
    machine.must("rm", f"{STATE}/fill")
    assert [each["id"] for each in told(machine)[3]["over"]] == [FAULT]
    run(machine, 0)
    assert "told" not in run(machine, 0).text
    machine.must("umount", STATE)


def _a_damaged_memory(machine: Machine) -> None:
    expose(machine, True)
    machine.write(f"{STATE}/watch.db", b"no database at all" * 500, 0o600)
    for name in ("-wal", "-shm"):
        machine.run("rm", f"{STATE}/watch.db{name}")
    unread = machine.warm_letterlock("watch", "log")
    assert (unread.status, "next letterlock watch run mends it" in str(unread.complaints)) == (
        4, True,
    )  # fmt: skip
    anew = run(machine, 3)
    assert "is damaged" in str(anew.complaints) and "begun anew" in str(anew.complaints)
    assert [each["id"] for each in told(machine)[-1]["began"]] == [FAULT]
    assert run(machine, 1).complaints == ()
    assert [each["id"] for each in log(machine)["faults"]] == [FAULT]


def _a_test(machine: Machine) -> None:
    well = machine.warm_letterlock("watch", "test")
    assert (well.status, well.text) == (
        0, "✓ mail to postmaster\n✓ the command /root/tell\n",
    )  # fmt: skip
    assert told(machine)[-1]["test"] is True
    machine.must("rm", "/root/open")
    ill = machine.warm_letterlock("watch", "test")
    assert (ill.status, ill.text.splitlines()[1]) == (
        3, "✗ the command /root/tell: it ended with 1: closed",
    )  # fmt: skip


def test_cron_where_there_is_no_systemd(stock_machine: Machine) -> None:
    """Its line is run as cron would, and everything is taken away again."""
    machine = stock_machine
    machine.must("rm", "-rf", "/etc/letterlock", "/run/systemd/system")
    machine.must("mkdir", "-p", "/etc/cron.d")
    machine.start()
    before = machine.tree("/etc", "/var/lib/systemd")
    installed = machine.warm_letterlock(
        "watch", "install", "--mail", "root", "--tell-from", "critical", "--yes"
    )
    assert installed.status == 0, installed.complaints
    assert "Watching every hour, by cron" in installed.text
    line = machine.read("/etc/cron.d/letterlock-watch").decode().splitlines()[-1]
    minute, *others, user, command = line.split(None, 6)
    assert (int(minute) in range(60), others, user) == (True, ["*"] * 4, "root")
    # crontab(5): SHELL and PATH are these, and HOME and LOGNAME from passwd.
    environment = ("SHELL=/bin/sh", "PATH=/usr/bin:/bin", "HOME=/root", "LOGNAME=root")
    ran = machine.run(
        "env", "-i", *environment, "/bin/sh", "-c", command.replace("\\%", "%"), timeout=120
    )
    assert (ran.status, ran.text, ran.complaints) == (0, "", ()), "cron mails what it reads"
    removed = machine.warm_letterlock("watch", "remove", "--purge", "--yes")
    assert removed.status == 0, removed.complaints
    assert machine.tree("/etc", "/var/lib/systemd") == before
    by_systemd = machine.warm_letterlock("watch", "install", "--by", "systemd", "--yes")
    assert by_systemd.status == 0, by_systemd.complaints
    assert "from its next start on, by systemd" in by_systemd.text
    assert machine.warm_letterlock("watch", "remove", "--yes").status == 0
    assert machine.tree("/etc", "/var/lib/systemd") == before
    assert not [name for name in machine.tree(STATE) if "watch" in name]
    assert machine.warm_letterlock("watch", "remove", "--yes").text == "Nothing to change.\n"
