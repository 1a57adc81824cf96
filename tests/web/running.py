"""A service as a user starts it, with its page and its worker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

_ADDRESS = re.compile(r"(http://\S+)/ answers")
DEADLINE = 120.0


@dataclass(frozen=True)
class Running:
    """`url` without a final slash."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=60, trust_env=False, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", timeout=60, trust_env=False, **more)

    def ask(self, target: str, **more: Any) -> str:
        answer = self.post("/api/v1/checks", json={"target": target, **more})
        assert answer.status_code == 202, answer.text
        id: str = answer.json()["id"]
        return id

    def over(self, id: str) -> dict[str, Any]:
        """The check, once it is done or failed."""
        deadline = time.monotonic() + DEADLINE
        while True:
            check: dict[str, Any] = self.get(f"/api/v1/checks/{id}").json()
            if check["state"] in ("done", "failed"):
                return check
            assert time.monotonic() < deadline, check
            time.sleep(0.1)

    def checked(self, target: str, **more: Any) -> dict[str, Any]:
        return self.over(self.ask(target, **more))

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in path.read_text().split()]


@contextmanager
def serving(
    folder: Path, *arguments: str, inside: tuple[str, ...] = (), **environment: str
) -> Iterator[Running]:
    """From its answer on; stopped by SIGTERM, in order. `inside` is a command that begins it
    elsewhere."""
    log = folder / "serve.log"
    command = [
        *inside, sys.executable, "-m", "letterlock", "serve", "--listen", "127.0.0.1:0",
        "--data", str(folder / "data"), *arguments,
    ]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stderr=file, text=True, env={**os.environ, **environment}, cwd=folder
        )
    try:
        yield Running(_address(process, log), process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status in (0, -signal.SIGKILL), log.read_text()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + DEADLINE
    while not (found := _ADDRESS.search(log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "it does not answer"
        time.sleep(0.05)
    return found[1]


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events: name and data."""
    told = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if line[:1] not in ("", ":")
        )
        if fields:
            told.append((fields["event"], json.loads(fields["data"])))
    return told
