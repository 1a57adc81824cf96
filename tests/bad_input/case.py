"""A case: what is wrong, what is typed, what is said, and that nothing changed."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import IO

import pytest

from letterlock.servers.tools import Completed
from tests.bad_input.odd_files import HOST, PASSWORD, odd_files
from tests.bad_input.scene import FOLDER, WATCHED, Scene, nothing
from tests.machine import PROGRAM

SetUp = Callable[[Scene], None]

#: What no refusal may touch: configuration, the given files, letterlock's own folder.
EVERYTHING = WATCHED
#: The same for a run that began and was rolled back: it stands in the history.
BUT_HISTORY = ("/etc", FOLDER)


def secure(
    *more: str,
    host: str = HOST,
    cert: str = "good.crt",
    key: str | None = "good.key",
    ca: str | None = "root.pem",
) -> tuple[str, ...]:
    """`secure` as an installer would type it, so that only a refusal keeps it from changing
    anything. The files are those of `odd_files`."""
    named = (("--cert", cert), ("--key", key), ("--ca-file", ca))
    files = [word for name, file in named if file for word in (name, f"{FOLDER}/{file}")]
    return ("secure", *files, "--yes", *more, "--", host)


def pair(name: str, *more: str, ca: str | None = "root.pem") -> tuple[str, ...]:
    return secure(*more, cert=f"{name}.crt", key=f"{name}.key", ca=ca)


@dataclass(frozen=True)
class Case:
    """`says` is the line on standard error without `letterlock: `; `…` stands for anything in it.
    `above` are lines expected before it, as a regular expression.

    With `answer` the program has a terminal and is told that at its question, after
    `at_the_question` has happened."""

    name: str
    arguments: tuple[str, ...]
    says: str
    status: int = 2
    set_up: SetUp = nothing
    machine: str = "stopped"
    environment: Mapping[str, str] = field(default_factory=dict)
    above: str = ""
    unchanged: tuple[str, ...] = EVERYTHING
    at_the_question: SetUp = nothing
    answer: bytes | None = None
    user: str | None = None
    afterwards: SetUp = nothing

    def __str__(self) -> str:
        return self.name


def play(scene: Scene, case: Case) -> None:
    """Assert everything that a case promises."""
    case.set_up(scene)
    untouched = case.set_up is nothing and case.at_the_question is nothing
    untouched = untouched and case.unchanged == EVERYTHING
    before = scene.pristine if untouched else scene.machine.tree(*case.unchanged)
    if case.answer is None:
        done = _run(scene, case)
    else:
        conversation = _Conversation(scene, case)
        case.at_the_question(scene)
        if not untouched:
            before = scene.machine.tree(*case.unchanged)
        done = conversation.end(case.answer)
    said = done.stderr.decode()
    assert "Traceback" not in said, said
    above, _, line = said.rstrip("\n").rpartition("\n")
    assert re.fullmatch(_pattern(f"letterlock: {case.says}"), line), said
    assert re.fullmatch(case.above, above, re.DOTALL), said
    assert done.status == case.status, said
    shown = [secret for secret in secrets() if secret in done.stdout + done.stderr]
    assert not shown, "a secret is shown"
    assert scene.machine.tree(*case.unchanged) == before
    scene.seen_pristine = untouched
    case.afterwards(scene)


def _pattern(says: str) -> str:
    return ".+".join(re.escape(part) for part in says.split("…"))


def _run(scene: Scene, case: Case) -> Completed:
    if case.user is None:
        return scene.machine.warm_letterlock(*case.arguments, stdin=b"", **case.environment)
    become = ("setpriv", f"--reuid={case.user}", "--clear-groups", "--inh-caps=-all")
    if not scene.machine.run(*become, "test", "-x", str(PROGRAM)).ok:
        pytest.skip("this checkout is in a folder that other users may not enter")
    return scene.machine.run(*become, str(PROGRAM), *case.arguments)


@cache
def secrets() -> frozenset[bytes]:
    """The lines of all private keys, and the password."""
    lines = {PASSWORD.encode()}
    for content in odd_files().values():
        for block in re.findall(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END", content, re.S):
            lines |= {line for line in block.split() if len(line) > 30}
            lines.add(base64.b64decode(b"".join(block.split())).hex().encode())
    return frozenset(lines)


class _Conversation:
    """The program at a terminal, come to its question."""

    def __init__(self, scene: Scene, case: Case) -> None:
        self._terminal, theirs = os.openpty()
        self._files = ExitStack()
        self._shown, self._said = (
            self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            for _ in range(2)
        )
        environment = (f"{name}={value}" for name, value in case.environment.items())
        argv = [*scene.machine.tools.prefix, "env", "NO_COLOR=1", "COLUMNS=100", *environment]
        self._process = subprocess.Popen(
            [*argv, str(PROGRAM), *case.arguments],
            stdin=theirs,
            stdout=self._shown,
            stderr=self._said,
            start_new_session=True,
        )
        os.close(theirs)
        deadline = time.monotonic() + 60
        while b"[y/N]:" not in _so_far(self._said):
            assert self._process.poll() is None, _so_far(self._said)
            assert time.monotonic() < deadline, "no question came"
            time.sleep(0.02)

    def end(self, answer: bytes) -> Completed:
        os.write(self._terminal, answer)
        status = self._process.wait(60)
        os.close(self._terminal)
        with self._files:
            said = _so_far(self._said).partition(b"[y/N]:")[2].lstrip()
            return Completed((), status, _so_far(self._shown), said)


def _so_far(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
