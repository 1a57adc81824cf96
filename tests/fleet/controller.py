"""Real Ansible as the controller of a fleet of throw-away systems."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.generation import LabMachine
from tests.machine import PROGRAM, REPOSITORY, Machine

ANSIBLE = REPOSITORY / ".cache/ansible/bin"
_PLUGINS = Path(__file__).with_name("plugins")
_PATIENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Played:
    """What one run of ansible-playbook came to. `changed` is host → PLAY RECAP's number."""

    status: int
    text: str
    changed: Mapping[str, int]
    results: Mapping[tuple[str, str], Any]

    def result(self, host: str, task: str) -> Any:
        """What the module returned there, as Ansible shows it. Fails where it did not run."""
        assert (host, task) in self.results, self.text
        return self.results[host, task]


class Controller:
    """Ansible with the collection as it lies in the repository; skips where it is not installed.

    `folder` is where it may write."""

    def __init__(self, folder: Path, machines: Mapping[str, Machine]) -> None:
        if not (ANSIBLE / "ansible-playbook").exists():
            pytest.skip("no ansible-core (make setup)")
        self._folder = folder
        self._inventory = folder / "hosts.json"
        hosts = {name: _variables(machine, folder) for name, machine in machines.items()}
        self._inventory.write_text(json.dumps({"all": {"hosts": hosts}}))

    def play(self, tasks: Sequence[Mapping[str, Any]], *options: str, **more: Any) -> Played:
        """Run a play of these tasks on all hosts; `more` are the play's other keywords."""
        play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks), **more}
        playbook, results = self._folder / "play.json", self._folder / "results.jsonl"
        playbook.write_text(json.dumps([play]))
        results.write_bytes(b"")
        done = self.run("ansible-playbook", "-i", str(self._inventory), *options, str(playbook))
        recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
        told = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
        return Played(
            done.returncode,
            done.stdout + done.stderr,
            {host: int(changed) for host, changed in recap},
            {(each["host"], each["task"]): each["result"] for each in told},
        )

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self._folder / "local"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY),
            "ANSIBLE_CONNECTION_PLUGINS": str(_PLUGINS),
            "ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "ANSIBLE_NOCOLOR": "1",
            "RESULTS": str(self._folder / "results.jsonl"),
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [ANSIBLE / program, *arguments],
            env=environment, capture_output=True, text=True, timeout=_PATIENCE_SECONDS,
            check=False,
        )  # fmt: skip


def _variables(machine: Machine, folder: Path) -> dict[str, Any]:
    """How a host is reached. A system of the laboratory has no Python: its letterlock is that of
    the machine it is a container of, and is given it by `root`. The other kind is a managed host as
    usual: the module runs inside, and finds letterlock there."""
    usual = {
        "ansible_python_interpreter": str(PROGRAM.with_name("python")),
        "letterlock_program": str(PROGRAM),
    }
    if isinstance(machine, LabMachine):
        temporary = str(folder / "remote")
        return usual | {
            "ansible_connection": "local",
            "ansible_remote_tmp": temporary,
            "letterlock_root": str(machine.root),
        }
    return usual | {
        "ansible_connection": "inside",
        "ansible_remote_tmp": "/root/.ansible/tmp",
        "inside_prefix": list(machine.tools.prefix),
        "inside_root": str(machine.tools.root),
    }
