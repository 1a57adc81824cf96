"""`python -m bench.serve`: a report page for 100 viewers while 20 checks run, memory, and a check
through the page against the same on the command line; on a real Postfix and Dovecot."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2
from tests.machine import HOSTNAME, PROGRAM, Machine
from tests.web.running import Running, events, serving

VIEWERS, LOOKS, CHECKS, TRIES = 100, 8, 20, 3


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Machine(Path(name)) as machine:
        folder = Path(name)
        machine.start()
        _stand_back(machine)
        inside = (
            "nsenter", f"--target={machine.system.pid}", "--mount", "--net", "--uts",
            f"--wd={folder}", "--",
        )  # fmt: skip
        limits = ("--allow-private", "--per-client", "1000", "--per-target", "1000", "--reuse", "0")
        with serving(folder, *limits, inside=inside) as service:
            _compare(machine, service, inside)
            _view(machine, service, inside)


def _stand_back(machine: Machine) -> None:
    """The servers that are looked at would be on machines of their own: here they get what
    processor is left."""
    pids = "/var/spool/postfix/pid/master.pid /run/dovecot/master.pid"
    machine.must("sh", "-c", f"renice -n 19 -p $(cat {pids})")


def _compare(machine: Machine, service: Running, inside: tuple[str, ...]) -> None:
    """In turns, so that a busy moment meets both."""
    line, page = [], []
    for _ in range(TRIES):
        began = time.monotonic()
        command = [*inside, str(PROGRAM), "check", HOSTNAME, "--json", "/dev/null"]
        subprocess.run(command, capture_output=True, check=False)
        line.append(time.monotonic() - began)
        began = time.monotonic()
        machine.call(lambda: _checked(service, HOSTNAME))
        page.append(time.monotonic() - began)
    here, there = statistics.median(line), statistics.median(page)
    print(f"a check: {here:.2f} s on the command line, {there:.2f} s through the page")
    print(f"  the page costs {100 * (there / here - 1):+.0f} % (at most +10 % is wanted)")


def _checked(service: Running, target: str) -> str:
    """Followed by its events, as the page does."""
    id = service.ask(target)
    assert events(service.get(f"/api/v1/checks/{id}/events").text)[-1][0] == "over"
    return id


def _view(machine: Machine, service: Running, inside: tuple[str, ...]) -> None:
    id = machine.call(lambda: _checked(service, HOSTNAME))
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=lambda number=number: machine.call(lambda: _again(service, number, stop))
        )
        for number in range(CHECKS)
    ]
    for thread in threads:
        thread.start()
    try:
        machine.call(lambda: _until_running(service))
        took = _viewed(inside, f"{service.url}/c/{id}")
        memory = _memory(service)
    finally:
        stop.set()
    for thread in threads:
        thread.join()
    slow = sorted(took)[int(len(took) * 0.95)]
    print(f"a report page, {VIEWERS} viewers, {CHECKS} checks running ({len(took)} looks):")
    middle = statistics.median(took)
    print(f"  median {1000 * middle:.0f} ms (under 50 is wanted), 95 % in {1000 * slow:.0f} ms")
    print(f"memory of page and worker: {memory:.0f} MB (under 300 is wanted)")


def _again(service: Running, number: int, stop: threading.Event) -> None:
    """Other addresses of the same servers, asked for by as many clients: 20 checks are always
    under way."""
    own = httpx2.HTTPTransport(local_address=f"127.0.2.{number + 1}")
    with httpx2.Client(transport=own, timeout=600) as client:
        while not stop.is_set():
            asked = client.post(
                f"{service.url}/api/v1/checks", json={"target": f"127.0.1.{number + 1}"}
            )
            client.get(f"{asked.json()['url']}/events")  # until it is over


def _until_running(service: Running) -> None:
    while int(service.get("/metrics").text.partition('state="running"} ')[2].split()[0]) < CHECKS:
        time.sleep(0.1)


def _viewed(inside: tuple[str, ...], url: str) -> list[float]:
    """By a process of their own: those who ask for checks would hold them up."""
    command = [*inside, sys.executable, "-m", "bench.serve", url]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    took: list[float] = json.loads(done.stdout)
    return took


async def _viewers(url: str) -> list[float]:
    """Each reads for a second or so between two looks."""
    limits = httpx2.Limits(max_connections=VIEWERS, max_keepalive_connections=VIEWERS)
    took: list[float] = []
    async with httpx2.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:

        async def one(number: int) -> None:
            await asyncio.sleep(number / VIEWERS)
            for _ in range(LOOKS):
                began = time.monotonic()
                answer = await client.get(url)
                took.append(time.monotonic() - began)
                assert answer.status_code == 200
                await asyncio.sleep(1.0)

        await asyncio.gather(*(one(number) for number in range(VIEWERS)))
    return took


def _memory(service: Running) -> float:
    """MB that page and worker have to themselves, and their share of what they have together."""
    total = 0
    for pid in (service.process.pid, *service.children()):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(text.partition("\nPss:")[2].split()[0])
    return total / 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(_viewers(sys.argv[1]))))
    else:
        main()
