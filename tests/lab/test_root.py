"""`--root DIR`: a folder of files, a chroot whose servers run, a container."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.servers.residence import residence
from letterlock.servers.tools import Tools
from tests.lab.certificates import deliver
from tests.lab.conftest import MakeLabMachine
from tests.lab.generation import BOOKWORM, TRIXIE, LabMachine
from tests.machine import HOSTNAME


@pytest.fixture
def container(make_lab_machine: MakeLabMachine) -> LabMachine:
    return make_lab_machine(TRIXIE)


def test_a_container_is_known_by_its_processes(container: LabMachine) -> None:
    home = residence(container.root)
    assert home is not None
    assert home.pid == container.system.pid
    assert home.apart == {"mount", "uts", "ipc", "net", "pid"}


def test_two_containers_on_one_root_are_told_apart(make_lab_machine: MakeLabMachine) -> None:
    """Each mounts the same folder as its root, so that folder's inode is both of theirs."""
    first, second = make_lab_machine(TRIXIE), make_lab_machine(TRIXIE)
    second.write("/etc/whose", "second")
    for machine, wanted in ((first, 1), (second, 0)):
        tools = Tools.for_root(machine.root)
        assert tools.run("cat", "/etc/whose").status == wanted


def test_its_programs_run_in_its_namespaces(container: LabMachine) -> None:
    tools = Tools.for_root(container.root)
    assert tools.alive
    assert tools.run("hostname").text == f"{HOSTNAME}\n"
    assert tools.run("postconf", "-h", "mail_version").text.startswith("3.10.")
    assert tools.run("ls", "/dev/.layers").ok


def test_nobody_lives_in_a_folder_of_files(tmp_path: Path) -> None:
    assert residence(tmp_path) is None
    assert residence(tmp_path / "none") is None
    tools = Tools.for_root(tmp_path)
    assert not tools.alive
    assert tools.prefix == ("chroot", str(tmp_path))


def test_a_chroot_is_alive_and_not_apart(tmp_path: Path) -> None:
    """Its processes live in our namespaces: chroot reaches them as well, and stays."""
    sleep = "import os, sys; os.chroot(sys.argv[1]); print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        ["python3", "-c", sleep, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdout.readline()
        home = residence(tmp_path)
        assert home is not None
        assert (home.pid, home.apart) == (process.pid, frozenset())
        tools = Tools.for_root(tmp_path)
        assert tools.alive
        assert tools.prefix[0] == "chroot"
        # Without a /proc of its own: what is its own, is told by the root.
        assert tools.command_of(process.pid) is not None
        assert tools.command_of(1) is None
    process.wait()


def test_a_process_with_users_of_its_own_is_not_entered(tmp_path: Path) -> None:
    """Any user can make one, with files of theirs."""
    done = subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=False)
    if done.returncode:
        pytest.skip("no user namespaces here")
    process = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "python3", "-c",
         "import os, sys; os.chroot(sys.argv[1]); print(flush=True); sys.stdin.read()",
         str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdout.readline()
        assert residence(tmp_path) is None
    process.wait()


def test_links_are_followed_as_that_system_does(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/passwd").write_text("theirs")
    (tmp_path / "etc/passwd").symlink_to("/srv/passwd")
    (tmp_path / "etc/dangling").symlink_to("/etc/hostname")
    tools = Tools(tmp_path)
    assert tools.outside("/etc/passwd").read_text() == "theirs"
    assert not tools.outside("/etc/dangling").exists()
    assert tools.entry("/etc/dangling").is_symlink()


def test_trust_is_the_roots_own_or_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    ours = TrustStore.system()
    assert TrustStore.system(tmp_path).source == ours.source
    store = tmp_path / "etc/ssl/certs/ca-certificates.crt"
    store.parent.mkdir(parents=True)
    store.write_text("")
    assert str(store) in TrustStore.system(tmp_path).source


def test_files_alone_are_planned_rehearsed_and_written(
    make_lab_machine: MakeLabMachine, tmp_path: Path
) -> None:
    """As for a disk of another machine: nothing of it runs."""
    machine = make_lab_machine(BOOKWORM)
    before = machine.tree("/etc")
    options, _ = deliver(tmp_path, ("ecdsa",))
    done = machine.warm_letterlock("secure", HOSTNAME, *options, "--yes", "--sasl", "dovecot")
    assert (done.status, done.complaints) == (0, ()), done.text
    assert "written, and rehearsed on 7 ports; no server runs now." in done.text
    assert machine.outside("ss", "-H", "-ltn").stdout == ""
    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert machine.tree("/etc") == before
