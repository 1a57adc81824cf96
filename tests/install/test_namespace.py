"""The private system: what it shows, what it hides, and that the host notices nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from letterlock.install.namespace import (
    Layout,
    PrivateFolder,
    PrivateSystem,
    forbidden,
    private_system,
)
from letterlock.model.service import SERVICES
from letterlock.model.unknown import Unknown
from tests.conftest import MakeMachine
from tests.machine import HOSTNAME, REPOSITORY, Machine, follow_guide, tree

pytestmark = pytest.mark.machine


def opened(layout: Layout) -> PrivateSystem:
    system = private_system(layout)
    if isinstance(system, Unknown):
        pytest.skip(f"no private system here: {system.reason}")
    return system


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def host() -> dict[str, str]:
    """A digest of everything of the host that a private system might have touched."""
    listening = subprocess.run(["ss", "-H", "-ltn"], capture_output=True, check=True).stdout
    seen = {
        folder: repr(sorted(tree(folder).items()))
        for folder in ("/etc/postfix", "/etc/dovecot", "/etc/ssl", "/var/spool/postfix")
    }
    places = (line.split()[3] for line in listening.decode().splitlines())
    ports = {service.port for service in SERVICES}
    seen["ports"] = repr(sorted(at for at in places if int(at.rpartition(":")[2]) in ports))
    seen["/run"] = repr(sorted(path.name for path in Path("/run").iterdir()))
    seen["mounts"] = Path("/proc/self/mountinfo").read_text()
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in seen.items()}


def test_a_machines_whole_life_leaves_the_host_as_it_was(tmp_path: Path) -> None:
    if reason := forbidden():
        pytest.skip(f"no private system here: {reason.reason}")
    before = host()
    with Machine(tmp_path) as machine:
        follow_guide(machine)
        machine.start()
        until(lambda: machine.listening() == {25, 110, 143, 465, 587, 993, 995})
        machine.must("sendmail", "someone@example.net", stdin=b"Subject: hello\n\nhello\n")
        machine.write("/etc/new", "new")
        during = host()
    assert during == before
    assert host() == before
    assert not Path("/etc/new").exists()


def test_two_machines_have_the_same_ports(make_machine: MakeMachine) -> None:
    one, other = make_machine(), make_machine()
    one.start()
    other.start("Dovecot")
    until(lambda: 25 in one.listening())
    until(lambda: other.listening() == {110, 143, 993, 995})


def test_only_what_the_layout_names_can_be_written(tmp_path: Path) -> None:
    copied, shared = tmp_path / "copied", tmp_path / "shared"
    for folder in (copied, shared):
        folder.mkdir()
        (folder / "file").write_text("before")
    layout = Layout(folders=(PrivateFolder(str(copied)),), empty=(), writable=(str(shared),))
    with opened(layout) as system:
        script = f"echo after >{copied}/file; echo after >{shared}/file; cat {copied}/file"
        assert system.tools.run("sh", "-c", script).text == "after\n"
        for path in ("/usr/new", f"{tmp_path}/new", "/sys/new"):
            denied = system.tools.run("touch", path)
            assert "Read-only file system" in denied.complaints[0]
    assert (copied / "file").read_text() == "before"
    assert (shared / "file").read_text() == "after\n"


@pytest.mark.parametrize("overlay", [False, True])
def test_a_copy_keeps_owner_mode_attributes_and_links(tmp_path: Path, overlay: bool) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True, mode=0o750)
    secret = folder / "inner/key"
    secret.write_text("secret")
    secret.chmod(0o640)
    os.chown(secret, 12, 34)
    os.setxattr(secret, "user.letterlock", b"kept")
    (folder / "link").symlink_to("/nowhere/at all")
    before = tree(str(folder))
    layout = Layout(folders=(PrivateFolder(str(folder), overlay=overlay),), empty=())
    with opened(layout) as system:
        assert system.call(lambda: tree(str(folder)), files=True) == before
        system.call(lambda: secret.write_text("other"), files=True)
        assert system.call(secret.read_text, files=True) == "other"
    assert tree(str(folder)) == before


def test_a_large_folder_is_private_too(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(65 << 20)
    with opened(Layout(folders=(PrivateFolder(str(tmp_path)),), empty=())) as system:
        system.call(lambda: large.write_bytes(b"small"), files=True)
    assert large.stat().st_size == 65 << 20


def test_queued_mail_sockets_and_locks_are_never_inside(stock_machine: Machine) -> None:
    """A second Postfix that saw production's queue would deliver its mail again."""
    queues = (
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
        "maildrop", "saved", "trace",
    )  # fmt: skip
    spool = "/var/spool/postfix"
    for queue in queues:
        stock_machine.write(f"{spool}/{queue}/A1B2C3", "a message")
        stock_machine.write(f"{spool}/{queue}/D/E/DE4F", "a hashed message")
    stock_machine.write(f"{spool}/pid/master.pid", "1")
    stock_machine.write(f"{spool}/etc/services", "smtp 25/tcp")
    stock_machine.write("/var/lib/postfix/master.lock", "")
    stock_machine.write("/var/lib/postfix/psc_cache.db", "large")
    stock_machine.write("/var/lib/postfix/sni.db", "map")
    stock_machine.start("Dovecot")
    script = f"""
from letterlock.install.namespace import *
folders = ("{spool}", "/var/lib/postfix", "/run/dovecot")
with private_system(Layout(tuple(PrivateFolder.of_server(f) for f in folders[:2]))) as system:
    print(system.tools.run("find", *folders, "!", "-type", "d").text)
"""
    seen = stock_machine.must(sys.executable, "-c", script).text.split()
    assert f"{spool}/etc/services" in seen
    assert "/var/lib/postfix/sni.db" in seen
    files = [path for path in seen if not path.startswith((f"{spool}/etc/", f"{spool}/restart"))]
    assert files == ["/var/lib/postfix/sni.db"]


def test_a_call_speaks_inside() -> None:
    with opened(Layout(addresses=("198.51.100.7", "2001:db8::7"))) as system:
        for address in ("127.0.0.1", "::1", "198.51.100.7", "2001:db8::7"):
            listener = system.call(lambda a=address: server_on(a))  # type: ignore[misc]
            with listener:
                port = listener.getsockname()[1]
                with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
                    socket.create_connection((address, port), timeout=0.3)
                inside = system.call(lambda a=address, p=port: reach(a, p))  # type: ignore[misc]
                assert inside == address
        with pytest.raises(OSError, match="unreachable"):
            system.call(lambda: socket.create_connection(("203.0.113.1", 25), timeout=1))


def server_on(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, 0), family=family)


def reach(address: str, port: int) -> str:
    with socket.create_connection((address, port), timeout=60) as client:
        return str(client.getpeername()[0])


def test_what_a_call_raises_comes_out() -> None:
    with opened(Layout()) as system, pytest.raises(ZeroDivisionError):
        system.call(lambda: 1 // 0)


def test_what_is_logged_inside_stays_inside() -> None:
    with opened(Layout()) as system:
        assert system.tools.run("logger", "-t", "letterlock-test", "only inside").ok
        until(lambda: any("letterlock-test: only inside" in line for line in system.log()))


@pytest.mark.parametrize("server", ["127.0.0.53", "203.0.113.53"])
def test_a_dns_query_fails_instead_of_waiting(server: str) -> None:
    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            query.settimeout(60)
            query.connect((server, 53))
            query.send(b"any query")
            query.recv(512)

    with opened(Layout()) as system, pytest.raises(OSError, match=r"refused|unreachable"):
        system.call(ask)


def test_a_machine_knows_its_own_name(stock_machine: Machine) -> None:
    assert HOSTNAME in stock_machine.must("getent", "hosts", HOSTNAME).text
    assert stock_machine.must("hostname").text.strip() == HOSTNAME


def test_closing_ends_every_process_inside() -> None:
    system = opened(Layout())
    with subprocess.Popen([*system.tools.prefix, "sleep", "1000"]) as sleeper:
        until(lambda: "sleep 1000" in system.tools.run("ps", "ax").text)
        pid = system.pid
        system.close()
        assert sleeper.wait(60) != 0
    assert not Path(f"/proc/{pid}").exists()
    system.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_program_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    if reason := forbidden():
        pytest.skip(f"no private system here: {reason.reason}")
    before = Path("/proc/self/mountinfo").read_text(), run_entries()
    script = f"""
import sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from tests.machine import Machine
from pathlib import Path
machine = Machine(Path({str(tmp_path)!r}))
machine.start()
print(machine.system.pid, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        space = str(Path(f"/proc/{pid}/ns/pid").readlink())
        until(lambda: len(processes_in(space)) > 5)
        program.send_signal(how)
        program.wait()
    until(lambda: not processes_in(space))
    assert (Path("/proc/self/mountinfo").read_text(), run_entries()) == before


def run_entries() -> list[str]:
    return sorted(path.name for path in Path("/run").iterdir())


def processes_in(space: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "ns/pid").readlink()) == space:
                found.append(process.name)
        except OSError:
            continue
    return found


def test_where_it_is_forbidden_the_answer_says_why(stock_machine: Machine) -> None:
    script = (
        "from letterlock.install.namespace import *; print(repr(private_system(Layout()).reason))"
    )
    for capability in ("sys_admin", "net_admin"):
        limited = ("setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}")
        said = stock_machine.must(*limited, sys.executable, "-c", script).text
        assert "the kernel or the container forbids it: " in said
        assert "Operation not permitted" in said


def test_no_root_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    answer = private_system(Layout())
    assert isinstance(answer, Unknown)
    assert answer.reason == "a private system needs root"


def test_folders_that_do_not_exist_are_passed_over(tmp_path: Path) -> None:
    layout = replace(Layout(), folders=(PrivateFolder(str(tmp_path / "none")),))
    with opened(layout) as system:
        assert system.tools.run("true").ok


def test_what_goes_wrong_at_its_beginning_is_told() -> None:
    """Its standard error is read by nobody."""
    program = REPOSITORY / "src/letterlock/install/private_init.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program)],
        input=b'{"root": "/"}\n', capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"reason": "KeyError: 'addresses'"}
