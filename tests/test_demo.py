"""The demo from its command to its end, on this machine, which must not notice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from letterlock.cli import scenery
from letterlock.cli.demo import app
from letterlock.install.namespace import forbidden
from letterlock.model.errors import InputError
from tests.conftest import MakeMachine
from tests.machine import PROGRAM, Machine, tree

pytestmark = pytest.mark.machine


def own() -> tuple[object, ...]:
    folders = ("/etc/postfix", "/etc/dovecot", "/etc/ssl", "/var/spool/postfix", "/var/lib/postfix")
    run = sorted(path.name for path in Path("/run").iterdir())
    return tree(*folders), run, Path("/proc/self/mountinfo").read_text()


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    if reason := forbidden():
        pytest.skip(f"no private system here: {reason.reason}")
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [PROGRAM, "demo", *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_it_shows_before_and_after_and_touches_nothing() -> None:
    before = own()
    done = run_demo()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert own() == before
    chapters = [line[3:] for line in done.stdout.splitlines() if line[:3] in ("1  ", "3  ", "5  ")]
    assert len(chapters) == 3
    assert "self-signed" in done.stdout
    assert done.stdout.count("✓ verified") == 7
    assert done.stdout.count("closed ") >= 2
    assert re.search(r"^Findings before: 1 high\b.*\. After: none\.$", done.stdout, re.MULTILINE)
    assert "are as they were" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_its_json_holds_what_the_screen_says() -> None:
    done = run_demo("--json", "-")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["proven"] is True
    assert told["own_files_unchanged"] is True
    assert {one["id"] for one in told["before"]["findings"]} > {"self-signed"}
    assert [one for one in told["after"]["findings"] if one["severity"] != "info"] == []
    assert told["secure"]["rehearsal"]["state"] == "passed"
    leaves = {one["handshake"]["chain"][0]["sha256"] for one in told["after"]["endpoints"]}
    assert leaves == {told["leaf_sha256"]} == set(told["openssl"].values())
    assert len(told["openssl"]) == 7


def test_the_machines_own_runs_are_not_the_demos(stock_machine: Machine) -> None:
    stock_machine.write("/var/lib/letterlock/runs/20260102-030405.678-90ab/journal", "mine")
    stock_machine.call(scenery.put_up)
    assert stock_machine.tree("/var/lib/letterlock") == {}


def test_interrupted_it_leaves_nothing() -> None:
    if reason := forbidden():
        pytest.skip(f"no private system here: {reason.reason}")
    before = own()
    with subprocess.Popen(
        [PROGRAM, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if b"letterlock secure" in line:
                break
        below = descendants(demo.pid)
        os.killpg(demo.pid, signal.SIGINT)
        _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert b"Traceback" not in errors
    assert len(below) > 5
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in below):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert own() == before


def descendants(parent: int) -> set[int]:
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            child = int(process.name)
            found |= {child, *descendants(child)}
    return found


def test_without_root_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    failed = CliRunner().invoke(app, []).exception
    assert isinstance(failed, InputError)
    assert str(failed) == "the demo's private system needs root; run it as root: sudo make demo"


@pytest.mark.parametrize("missing", ["Postfix", "Dovecot"])
def test_without_a_server_it_says_what_to_install(make_machine: MakeMachine, missing: str) -> None:
    done = make_machine(without=missing).letterlock("demo")
    assert done.status == 2
    assert done.stdout == b""
    assert len(done.complaints) == 1
    assert (
        "apt-get install --no-install-recommends postfix dovecot-imapd dovecot-pop3d"
        in (done.complaints[0])
    )


def test_where_namespaces_are_forbidden_it_says_so(stock_machine: Machine) -> None:
    limited = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    done = stock_machine.run(*limited, str(PROGRAM), "demo")
    assert done.status == 3
    assert len(done.complaints) == 1
    assert "no private system can be had here" in done.complaints[0]
