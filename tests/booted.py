"""A machine booted by systemd: its own systemd as process 1, in cgroups of its own, with the
machine's Postfix and Dovecot as Debian's units, and nothing else that a machine runs.

    with booted(stock_machine) as system:
        system.shipped_unit("letterlock-serve.service", "[Service]\nExecStart=\n…")
        system.must("systemctl", "start", "letterlock-serve")
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from letterlock.cli import scenery
from letterlock.install.namespace import prefix
from letterlock.servers.tools import Completed, Tools
from tests import warm
from tests.machine import REPOSITORY, Machine

SYSTEMD = Path("/lib/systemd/systemd")
_CGROUPS = Path("/sys/fs/cgroup")
#: The units that an admin copies, and the program as they name it.
SHIPPED = REPOSITORY / "docs/systemd"
INSTALLED = "/opt/letterlock/bin/letterlock"
_UNITS = "/etc/systemd/system"
#: What has to be reached before a test goes on.
_TARGET = "tests.target"
#: What a machine needs at its boot and this one does not.
_MASKED = (
    "systemd-modules-load.service", "modprobe@.service", "systemd-tmpfiles-setup.service",
    "systemd-tmpfiles-setup-dev.service", "systemd-sysusers.service", "systemd-sysctl.service",
    "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
)  # fmt: skip
#: cgroups(7): one hierarchy (v2), or systemd's own beside it and the controllers' (v1, hybrid).
_MOUNTS = {
    "unified": "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    "hybrid": "mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup"
    " && mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified"
    " && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd"
    " && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
}
#: Mounts are shared as at a real boot, where systemd itself sees to it: LoadCredential= mounts in a
#: namespace aside, and moves what it made into /run.
_BOOT = """set -e
mount --make-rshared /
mount -t proc -o nosuid,nodev,noexec proc /proc
{mounts}
exec env -i container=letterlock PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    {systemd} --system --unit={target} --log-target=null
"""


class Booted:
    """The machine as those see it whom systemd started."""

    def __init__(self, machine: Machine, pid: int) -> None:
        self.machine = machine
        self.pid = pid
        self.tools = Tools(Path(f"/proc/{pid}/root"), prefix(pid))

    def run(self, *argv: str, timeout: float = 60) -> Completed:
        return self.tools.run(*argv, timeout=timeout)

    def must(self, *argv: str) -> str:
        done = self.run(*argv)
        assert done.ok, f"{argv}: {done.status}: {done.text}{done.complaints}"
        return done.text

    def letterlock(self, *arguments: str) -> Completed:
        """The program as root's shell on that machine begins it."""
        settings = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root", "NO_COLOR": "1"}
        return warm.run(*arguments, environment=settings, inside=self.pid, folder="/")

    def start_unit(self, unit: str) -> str:
        """Start a oneshot service, wait for its end; what it printed this time."""
        done = self.run("systemctl", "start", unit, timeout=120)
        self.must("journalctl", "--sync")
        invocation = f"_SYSTEMD_INVOCATION_ID={self.unit(unit, 'InvocationID')}"
        said = self.must("journalctl", "--quiet", "--output=cat", invocation)
        assert done.ok, (done.complaints, said)
        return said

    def shipped_unit(self, name: str, drop_in: str = "") -> None:
        """A unit of docs/systemd as it is; `drop_in` is what an admin would write with systemctl
        edit."""
        self.machine.write(f"{_UNITS}/{name}", (SHIPPED / name).read_bytes())
        if drop_in:
            self.machine.write(f"{_UNITS}/{name}.d/override.conf", drop_in)
        self.must("systemctl", "daemon-reload")

    def journal(self, unit: str) -> str:
        """What a unit has printed since the boot."""
        self.must("journalctl", "--sync")
        return self.must("journalctl", "--quiet", "--output=cat", f"--unit={unit}")

    def unit(self, unit: str, name: str) -> str:
        """A property, as systemctl show says it."""
        return self.must("systemctl", "show", "--value", f"--property={name}", unit).strip()


@contextmanager
def booted(machine: Machine) -> Iterator[Booted]:
    """Boot it; its servers are started by systemd. Skips where this kernel or container has no
    cgroups for it."""
    if not SYSTEMD.exists():
        pytest.skip("systemd is not installed: make test sets it up")
    hierarchies = _hierarchies()
    if not hierarchies:
        pytest.skip("no cgroups can be made here, which systemd needs")
    _furnish(machine)
    mounts = _MOUNTS["unified" if hierarchies == [_CGROUPS] else "hybrid"]
    script = _BOOT.format(mounts=mounts, systemd=SYSTEMD, target=_TARGET)
    name = f"letterlock-tests-{secrets.token_hex(4)}"
    groups = [hierarchy / name for hierarchy in hierarchies]
    for group in groups:
        group.mkdir()
    process = subprocess.Popen(
        ["sh", "-c", 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs"; shift; done;'
         ' shift; exec "$@"', "sh", *map(str, groups), "--",
         *machine.tools.prefix, "unshare", "--mount", "--pid", "--cgroup", "--fork",
         "--kill-child", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Booted(machine, _reached(process))
    finally:
        # With a namespace's first process all others in it end (pid_namespaces(7)).
        if first := _systemd_below(process.pid):
            os.kill(first, signal.SIGKILL)
        process.wait()
        for group in groups:
            _remove(group)


def _hierarchies() -> list[Path]:
    wanted = (
        [_CGROUPS]
        if (_CGROUPS / "cgroup.controllers").exists()
        else [_CGROUPS / "systemd", _CGROUPS / "unified"]
    )
    there = all((each / "cgroup.procs").exists() and os.access(each, os.W_OK) for each in wanted)
    return wanted if there else []


def _furnish(machine: Machine) -> None:
    machine.must("sh", "-c", f"rm -rf {_UNITS}; mkdir -p {_UNITS} /etc/systemd/journald.conf.d")
    machine.write("/etc/systemd/journald.conf.d/tests.conf", "[Journal]\nStorage=volatile\n")
    servers = "".join(f"Wants={each.lower()}.service\n" for each in machine.installed)
    machine.write(
        f"{_UNITS}/{_TARGET}",
        f"[Unit]\n{servers}Wants=timers.target\nAfter=timers.target postfix.service dovecot.service"
        "\nAllowIsolate=yes\n",
    )
    machine.call((scenery.QUEUE / "quick-start").touch)  # as Machine.start does
    machine.call(_install_program)
    links = "; ".join(f"ln -sf /dev/null {_UNITS}/{each}" for each in _MASKED)
    machine.must("sh", "-c", links)


def _install_program() -> None:
    """Inside: what runs here, shown below /opt, since a unit's own user reaches no home of root's
    where Python or this repository may lie."""
    shown = {
        Path("/opt/src"): REPOSITORY / "src",
        Path("/opt/packages"): Path(sysconfig.get_path("purelib")),
        Path("/opt/python"): Path(sys.base_prefix),
    }
    _must("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/opt")
    for place, source in shown.items():
        place.mkdir()
        _must("mount", "--bind", source, place)
    interpreter = Path(sys.executable).resolve().relative_to(sys.base_prefix)
    program = Path(INSTALLED)
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        "export PYTHONPATH=/opt/src:/opt/packages LD_LIBRARY_PATH=/opt/python/lib\n"
        f'exec {shlex.quote(f"/opt/python/{interpreter}")} -m letterlock "$@"\n'
    )
    program.chmod(0o755)


def _must(*argv: object) -> None:
    subprocess.run([str(each) for each in argv], check=True, capture_output=True)


def _reached(process: subprocess.Popen[bytes]) -> int:
    """systemd's process id, once its target is reached."""
    deadline = time.monotonic() + 120
    pid = None
    while True:
        assert process.poll() is None, f"systemd did not begin: exit code {process.returncode}"
        assert time.monotonic() < deadline, "systemd did not reach its target"
        time.sleep(0.05)
        pid = pid or _systemd_below(process.pid)
        if pid is None:
            continue
        asked = Tools(Path(f"/proc/{pid}/root"), prefix(pid)).run("systemctl", "is-active", _TARGET)
        if asked.text == "active\n":
            return pid


def _systemd_below(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
            return pid
    except OSError:
        return None
    return next(filter(None, map(_systemd_below, map(int, children))), None)


def _remove(group: Path) -> None:
    """The kernel is done with the processes a moment after the last was waited for."""
    deadline = time.monotonic() + 60
    for place, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                Path(place).rmdir()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{place} stays"
                time.sleep(0.02)
