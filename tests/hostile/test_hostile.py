"""The deep check against all the hostile servers at once: of each something is said, in bounded
time and memory, and nothing is raised."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from letterlock.cli.exit_code import ExitCode
from letterlock.model.service import SERVICES
from tests.hostile.certificates import CA, HOSTNAME
from tests.hostile.servers import HOSTILE, Hostile
from tests.machine import PROGRAM
from tests.probe.hostile import serving

#: The whole of one run; a hang, not a slow machine, comes to this.
_LONGEST_SECONDS = 120
_HONEST = (ExitCode.FINDINGS, ExitCode.UNDETERMINED)
#: What the program alone takes, with TLS and DNS libraries and all, is some 60 MB.
_MOST_MEGABYTES = 150


@dataclass(frozen=True, slots=True)
class Told:
    """What one run came to; `endpoints` by target: the endpoint's part of the JSON and the
    findings about it."""

    megabytes: float
    endpoints: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    by_name: dict[str, dict[str, Any]]
    runs: tuple[Told, ...]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("hostile")
    CA.cert_pem.write_to_path(str(folder / "ca.pem"))
    with ExitStack() as stack:
        targets = {
            name: (hostile, _serve(stack, number, hostile))
            for number, (name, hostile) in enumerate(HOSTILE.items(), 2)
        }
        begun = [
            _begin(folder, service.name, of_it)
            for service in SERVICES
            if (of_it := [text for each, text in targets.values() if each.service is service])
        ]
        runs = tuple(_finish(process, file) for process, file in begun)
    found = {target: seen for run in runs for target, seen in run.endpoints.items()}
    yield Asked({name: found[text] for name, (_, text) in targets.items()}, runs)


def _serve(stack: ExitStack, number: int, hostile: Hostile) -> str:
    """Each on an address of its own: what the network does to us is held against an address."""
    if hostile.family == socket.AF_INET6:
        return f"[::1]:{stack.enter_context(serving(hostile.script, hostile.family))}"
    address = f"127.0.0.{number}"
    return f"{address}:{stack.enter_context(serving(hostile.script, address=address))}"


#: Runs a program and writes its peak, in KiB, to a file. From in between, since exec(2) counts the
#: memory of the process that it replaces, the whole of a test worker's, as the new one's.
_MEASURING = """
import os, resource, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


def _begin(folder: Path, service: str, targets: list[str]) -> tuple[subprocess.Popen[bytes], Path]:
    file = folder / service
    argv = [
        sys.executable, "-I", "-S", "-c", _MEASURING, str(file.with_suffix(".peak")),
        str(PROGRAM), "check", *targets, "--service", service, "--depth", "full",
        "--name", HOSTNAME, "--ca-file", str(folder / "ca.pem"), "--timeout", "1.5",
        "--max-time", "15", "--json", "-",
    ]  # fmt: skip
    with file.open("wb") as out, file.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(argv, stdout=out, stderr=err), file


def _finish(process: subprocess.Popen[bytes], file: Path) -> Told:
    _wait(process)
    complaints = file.with_suffix(".err").read_text("utf-8")
    assert "Traceback" not in complaints, complaints
    assert process.returncode in _HONEST, complaints
    said = json.loads(file.read_text("utf-8"))
    endpoints = {each["target"]: {**each, "findings": []} for each in said["endpoints"]}
    for finding in said["findings"]:
        endpoints[finding["target"]]["findings"].append(finding)
    return Told(int(file.with_suffix(".peak").read_text()) / 1024, endpoints)


def _wait(process: subprocess.Popen[bytes]) -> None:
    handle = os.pidfd_open(process.pid)
    try:
        if not select.select([handle], [], [], _LONGEST_SECONDS)[0]:
            process.kill()
            process.wait()
            pytest.fail(f"still running after {_LONGEST_SECONDS} s: {process.args!r}")
    finally:
        os.close(handle)
    process.wait()


def test_there_are_enough() -> None:
    assert len(HOSTILE) >= 25


@pytest.mark.parametrize("name", HOSTILE)
def test_a_verdict_or_a_reason(asked: Asked, name: str) -> None:
    text = json.dumps(asked.by_name[name], indent=1)
    assert re.search(HOSTILE[name].says, text), text


def test_no_control_character_reaches_the_reader(asked: Asked) -> None:
    banner = asked.by_name["escape sequences"]["greeting"]["banner"]
    assert "owned" in banner
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", banner)


def test_memory_is_bounded(asked: Asked) -> None:
    assert max(run.megabytes for run in asked.runs) < _MOST_MEGABYTES
