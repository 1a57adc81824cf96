"""The collection played by real Ansible: on two systems of the laboratory and, where the module
itself runs inside, on one with this machine's own servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from letterlock.install.state import StateFolder
from letterlock.report.status_schema import SCHEMA as STATUS
from tests.conftest import MakeMachine
from tests.fleet.controller import Controller
from tests.lab.certificates import chain, deliver
from tests.lab.conftest import MakeLabMachine
from tests.lab.conftest import make_lab_machine as make_lab_machine
from tests.lab.generation import BOOKWORM, TRIXIE
from tests.machine import HOSTNAME, Machine

PORTS = {25, 110, 143, 465, 587, 993, 995}
_SECURE = "a certificate on every port"
_FACTS = "what is served"

_COMMON = {
    "executable": "{{ letterlock_program }}",
    "root": "{{ letterlock_root | default(omit) }}",
}


def secured(folder: Path, **options: Any) -> dict[str, Any]:
    """The task as a user writes it, with files of the host's."""
    files = {kind: [str(folder / f"rsa.{end}")] for kind, end in _ENDS.items()}
    given = files | {"ca_file": str(folder / "roots.pem"), "sasl": "dovecot", "host": HOSTNAME}
    whole = {**_COMMON, **given, **options}
    return {
        "name": _SECURE,
        "letterlock.mail.tls": {name: value for name, value in whole.items() if value is not None},
    }


_ENDS = {"certificate": "crt", "chain": "bundle", "key": "key"}


def with_contents(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """The same task, with what is in the files: read by the controller, written to the host."""
    options = dict(task["letterlock.mail.tls"])
    for kind, end in _ENDS.items():
        del options[kind]
        options[f"{kind}_content"] = [f"{{{{ lookup('file', '{folder}/rsa.{end}') }}}}"]
    return {**task, "letterlock.mail.tls": options}


def facts_task(folder: Path) -> dict[str, Any]:
    options = {"server_name": HOSTNAME, "ca_file": str(folder / "roots.pem")}
    return {"name": _FACTS, "letterlock.mail.tls_facts": {**_COMMON, **options}}


@pytest.mark.machine
def test_a_fleet(
    make_machine: MakeMachine, make_lab_machine: MakeLabMachine, tmp_path: Path
) -> None:
    machines: dict[str, Machine] = {
        "bookworm": make_lab_machine(BOOKWORM),
        "trixie": make_lab_machine(TRIXIE),
        "inside": make_machine(),
    }
    for machine in machines.values():
        machine.start()
    deliver(tmp_path, ("rsa",))
    controller = Controller(tmp_path, machines)
    # The laboratory's matrix rehearses on each generation; here one has to do.
    task = secured(tmp_path, rehearse="{{ inventory_hostname == 'bookworm' }}")
    by_contents = with_contents(tmp_path, task)
    tasks = [
        {**task, "when": "inventory_hostname == 'bookworm'"},
        {**by_contents, "name": "by contents", "when": "inventory_hostname != 'bookworm'"},
    ]
    names = {host: _SECURE if host == "bookworm" else "by contents" for host in machines}
    secret = chain("rsa").leaf.key_pem.decode().splitlines()[1]

    before = {name: trees(machine) for name, machine in machines.items()}
    tried = controller.play(tasks, "--check", "--diff", "-vvv")
    assert tried.status == 0, tried.text
    assert tried.changed == dict.fromkeys(machines, 1)
    assert {name: trees(machine) for name, machine in machines.items()} == before
    assert "+++ b/etc/postfix/main.cf" in tried.text
    assert "contents not shown" in tried.text
    assert secret not in tried.text

    applied = controller.play([*tasks, facts_task(tmp_path)], "-vvv")
    assert applied.status == 0, applied.text
    assert applied.changed == dict.fromkeys(machines, 1)
    assert secret not in applied.text
    leaf = chain("rsa").leaf.facts.sha256
    for host in machines:
        done, would = applied.result(host, names[host]), tried.result(host, names[host])
        assert kinds(done["changes"]) == kinds(would["changes"])
        assert {each["port"] for each in done["endpoints"]} == PORTS
        assert done["run"] and would["run"] is None
        assert "diff" not in done
        facts = applied.result(host, _FACTS)["ansible_facts"]["letterlock"]
        jsonschema.validate(facts, STATUS)
        assert facts["determined"] is True, facts["unknown"]
        assert {each["port"] for each in facts["served"]} == PORTS
        assert {each["stale"] for each in facts["served"]} == {False}
        assert {seen[0][0]["sha256"] for seen in (each["chains"] for each in facts["served"])} == {
            leaf
        }
    assert applied.result("bookworm", _SECURE)["rehearsal"]["state"] == "passed"
    assert applied.result("trixie", "by contents")["rehearsal"]["state"] == "not asked for"
    assert left_behind(machines["inside"], tmp_path) == []

    after = {name: trees(machine) for name, machine in machines.items()}
    again = controller.play(tasks, "--diff")
    assert again.status == 0, again.text
    assert again.changed == dict.fromkeys(machines, 0)
    assert again.result("trixie", "by contents")["run"] is None
    assert {name: trees(machine) for name, machine in machines.items()} == after


def kinds(changes: Any) -> list[tuple[str, str]]:
    """Not the paths: a version of the store is named for the time."""
    return [(each["kind"], each["action"]) for each in changes]


def trees(machine: Machine) -> Any:
    """All that a run writes, but for the file of its lock, which says who held it last."""
    found = machine.tree("/etc", "/var/lib/letterlock", "/var/spool/postfix/etc")
    return {path: entry for path, entry in found.items() if path != "/var/lib/letterlock/lock"}


def left_behind(machine: Machine, folder: Path) -> list[str]:
    """Of the contents that a task wrote into its temporary folder, inside or outside."""
    outside = [str(path) for path in (folder / "remote").rglob("*")]
    return [path for path in (*machine.tree("/root/.ansible"), *outside) if ".pem" in path]


@contextmanager
def another_run(machine: Machine) -> Iterator[None]:
    state = StateFolder(machine.tools.root)
    state.prepare()
    with state.lock("secure", HOSTNAME, 0):
        yield


@pytest.mark.machine
def test_what_goes_wrong(make_machine: MakeMachine, tmp_path: Path) -> None:
    """Each failure is one line that says what and what to do; the host stays as it is."""
    machine = make_machine()
    deliver(tmp_path, ("rsa", "ecdsa"))
    scripts = {"three": "echo 'letterlock: no answer; try again' >&2; exit 3"}
    scripts["newer"] = """echo '{"format_version": 2}'"""
    scripts["dead"] = "kill -9 $$"
    for name, line in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    cases: dict[str, tuple[dict[str, Any], str, int | None]] = {
        "another key": ({"key": [str(tmp_path / "ecdsa.key")]}, "key", 2),
        "no such file": ({"key": ["/nonexistent.key"]}, "/nonexistent.key", 2),
        "no such profile": ({"profile": "strict"}, "strict", 2),
        "locked": ({"wait": 0}, "refused or rolled back, the host is as it was", 4),
        "no program": ({"executable": "/opt/nothing"}, "/opt/nothing is no program", None),
        "not installed": ({"executable": "letterlok"}, "letterlok is not installed", None),
        "no host": ({"host": None}, "following are missing: host", None),
        "three": ({"executable": str(tmp_path / "three")}, "no answer; try again (letterlock's", 3),
        "newer": ({"executable": str(tmp_path / "newer")}, "format_version 2", None),
        "dead": ({"executable": str(tmp_path / "dead")}, "it ended unexpectedly", -9),
    }
    tasks = [
        {**secured(tmp_path, **options), "name": name, "ignore_errors": True}
        for name, (options, _, _) in cases.items()
    ]
    controller = Controller(tmp_path, {"host": machine})
    with another_run(machine):
        before = trees(machine)
        played = controller.play(tasks)
    assert trees(machine) == before
    assert played.changed == {"host": 0}
    for name, (_, wanted, status) in cases.items():
        result = played.result("host", name)
        assert result["failed"] is True, name
        assert wanted in result["msg"], (name, result["msg"])
        assert "Traceback" not in result["msg"]
        assert result.get("exit_code") == status, name
