"""The watch under a real systemd: its timer, and runs within the unit's sandbox that do all that a
run may have to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from letterlock.install.state import StateFolder
from letterlock.model.errors import InputError
from letterlock.renew.pending import pending
from letterlock.watch.settings import Settings
from letterlock.watch.timetable import (
    SERVICE,
    TIMER,
    Scheduler,
    plan_installation,
    service,
    timer,
)
from tests.booted import SYSTEMD, Booted, booted
from tests.e2e.ports import PORTS
from tests.machine import HOSTNAME, PROGRAM, Machine
from tests.status.renewal import OTHER, ROOT, Authority
from tests.watch.certificates import DELIVERED, hand_over, put
from tests.watch.mailbox import mailbox, mails

SERVICE_UNIT, TIMER_UNIT = Path(SERVICE).name, Path(TIMER).name
#: What the sandbox is for: none of it succeeds within.
FORBIDDEN = {
    "a program of the system": "touch /usr/bin/letterlock-was-here",
    "a home": "touch /root/letterlock-was-here",
    "a kernel setting": "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "a cgroup": "mkdir /sys/fs/cgroup/*/letterlock-was-here",
    "temporary files of others": "ls /tmp/of-somebody-else",
}


def install(system: Booted, *options: str) -> str:
    done = system.letterlock("watch", "install", *options, "--yes")
    assert done.status == 0, (done.text, done.complaints)
    return done.text


def drop_in(system: Booted, name: str, text: str) -> None:
    system.machine.write(f"{SERVICE}.d/{name}.conf", f"[Service]\n{text}\n")
    system.must("systemctl", "daemon-reload")


def try_what_is_forbidden(system: Booted) -> None:
    """Within the sandbox, before a run; /etc/held then names what was refused."""
    system.must("touch", "/tmp/of-somebody-else")
    lines = [f"{act} || echo {what} >>/etc/held" for what, act in FORBIDDEN.items()]
    system.machine.write("/etc/try", "\n".join(lines))
    drop_in(system, "forbidden", "ExecStartPre=/bin/sh /etc/try")


@pytest.mark.machine
def test_a_run_in_the_sandbox_does_all_it_must(stock_machine: Machine) -> None:
    machine = stock_machine
    authority = Authority.make()
    machine.write(ROOT, authority.root.pem)
    mailbox(machine)
    put(machine, authority)
    with booted(machine) as system:
        done = system.letterlock(
            "secure", HOSTNAME, "--cert", f"{DELIVERED}/cert.pem", "--key", f"{DELIVERED}/key.pem",
            "--ca-file", ROOT, "--sasl", "dovecot", "--no-rehearse", "--yes",
        )  # fmt: skip
        assert done.status == 0, (done.text, done.complaints)
        before = machine.tree("/etc", "/var/lib/systemd")
        said = install(system, "--mail", "postmaster", "--ca-file", ROOT, "--address", "127.0.0.1")
        assert "Watching every hour, by systemd" in said
        assert system.must("systemctl", "is-enabled", TIMER_UNIT) == "enabled\n"
        assert system.unit(TIMER_UNIT, "ActiveState") == "active"
        assert system.unit(TIMER_UNIT, "NextElapseUSecRealtime")
        assert system.letterlock("rollback", "--yes").status == 0
        assert system.unit(TIMER_UNIT, "ActiveState") == "inactive"
        assert system.unit(TIMER_UNIT, "LoadState") == "not-found"
        install(system, "--mail", "postmaster", "--ca-file", ROOT, "--address", "127.0.0.1")
        system.must("systemctl", "stop", TIMER_UNIT)
        assert "Watching every hour" in install(system), "what was stopped is started again"
        assert install(system) == "Nothing to change.\n"

        drop_in(system, "at-once", f"ExecStart=\nExecStart={PROGRAM} watch run --settle 0")
        try_what_is_forbidden(system)
        servers = {each: system.unit(each, "MainPID") for each in ("postfix@-", "dovecot")}
        leaf = put(machine, authority)
        hand_over(machine)
        put(machine, Authority.make(), OTHER)
        hand_over(machine, OTHER)
        said = system.start_unit(SERVICE_UNIT)
        assert system.unit(SERVICE_UNIT, "ExecMainStatus") == "1", said
        assert f"{HOSTNAME}: in service; seen at" in said
        assert "not rehearsed" not in said
        assert machine.read("/etc/held").decode().splitlines() == list(FORBIDDEN)
        (left,) = machine.call(lambda: pending(StateFolder()))
        assert left.names == (OTHER,), said
        for port, starttls in PORTS.items():
            assert leaf in machine.s_client(port, starttls).text, port
        assert servers == {each: system.unit(each, "MainPID") for each in servers}
        (mail,) = mails(machine, 1)
        assert mail["Subject"].endswith("deployment-pending")

        machine.must("rm", "-r", "/etc/held", "/etc/try", f"{SERVICE}.d")
        removed = system.letterlock("watch", "remove", "--purge", "--yes")
        assert removed.status == 0, (removed.text, removed.complaints)
        assert "/var/lib/letterlock/watch.db" in removed.text
        assert system.unit(TIMER_UNIT, "LoadState") == "not-found"
        after = machine.tree("/etc", "/var/lib/systemd")
        others = {path for path, entry in after.items() if before.get(path) != entry}
        assert {path for path in others if not path.startswith("/etc/ssl/letterlock")} <= {
            "/var/lib/systemd/timers"
        }
        assert not [name for name in machine.tree("/var/lib/letterlock") if "watch" in name]


@pytest.mark.parametrize(
    "program",
    ["/opt/letterlock/bin/letterlock", "/opt/of the admin/100%h/$HOME;ä/letterlock"],
)
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path, program: str) -> None:
    """That of the machine it runs on, wherever the program lies."""
    if not SYSTEMD.exists():
        pytest.skip("systemd is not installed: make test sets it up")
    there = Path(f"{tmp_path}{program}")
    there.parent.mkdir(parents=True)
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    units = {SERVICE_UNIT: service(there), TIMER_UNIT: timer()}
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    for name in units:
        done = subprocess.run(
            ["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "program", ['/opt/a"b/letterlock', "/opt/a\\b/x", "/tmp/venv/bin/letterlock"]
)
def test_a_program_that_systemd_could_not_run_is_told_at_once(tmp_path: Path, program: str) -> None:
    settings = Settings(mail=("root",))
    with pytest.raises(InputError, match=r"a quote or a backslash|temporary files"):
        plan_installation(tmp_path, settings, Scheduler.SYSTEMD, Path(program), "mail")
    assert plan_installation(tmp_path, settings, Scheduler.CRON, Path(program), "mail").changes


@pytest.mark.parametrize("by", list(Scheduler))
def test_no_scheduler_runs_a_program_with_a_line_end_in_its_name(
    tmp_path: Path, by: Scheduler
) -> None:
    with pytest.raises(InputError, match="no timer can run"):
        plan_installation(tmp_path, Settings(mail=("root",)), by, Path("/opt/a\nb/x"), "mail")
