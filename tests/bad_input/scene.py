"""A machine for one case, brought back afterwards to what it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from letterlock.install.namespace import let_cool
from tests.bad_input.odd_files import odd_files
from tests.machine import Entry, Machine, tree

#: Where the odd files are.
FOLDER = "/tmp/odd"
#: What is brought back after a case.
WATCHED = ("/etc", FOLDER, "/var/lib/letterlock")


def nothing(_scene: Scene) -> None:
    """No set-up."""


def furnish(machine: Machine) -> None:
    """Put the odd files into a machine."""

    def write() -> None:
        Path(FOLDER).mkdir()
        for name, content in odd_files().items():
            path = Path(FOLDER, name)
            path.touch(0o600 if name.endswith(".key") else 0o644)
            path.write_bytes(content)

    machine.call(write)


class Scene:
    """What a case's set-up may do to a machine; leaving it takes everything back, files too."""

    def __init__(self, machine: Machine, pristine: dict[str, Entry]) -> None:
        self.machine = machine
        #: What the machine's files are between cases.
        self.pristine = pristine
        #: Set by who has seen that they still are.
        self.seen_pristine = False
        self._way_back = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._way_back.close()
        if self.seen_pristine:
            return
        self.machine.call(lambda: _put_back(self.pristine))
        assert self.machine.tree(*WATCHED) == self.pristine

    # --- files

    def write(self, path: str, contents: bytes | str, mode: int = 0o644) -> None:
        self.machine.write(path, contents, mode)

    def append(self, path: str, text: bytes | str) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.machine.write(path, self.machine.read(path) + data)

    def replace(self, path: str, old: str, new: str) -> None:
        self.machine.replace(path, old, new)

    def folder(self, path: str) -> None:
        self.machine.call(lambda: Path(path).mkdir(parents=True, exist_ok=True))

    def remove(self, path: str) -> None:
        self.machine.call(Path(path).unlink)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link where a file was, or nothing."""
        self.machine.call(lambda: Path(path).unlink(missing_ok=True))
        self.machine.call(lambda: Path(path).symlink_to(target))

    # --- mounts

    def mount(self, place: str, *arguments: str) -> None:
        self.machine.must("mount", *arguments, place)
        self._way_back.callback(self.machine.must, "umount", place)

    def read_only(self, path: str) -> None:
        """Let a file or folder be a read-only mount of itself."""
        self.mount(path, "--bind", path)
        self.machine.must("mount", "-o", "remount,bind,ro", path)

    def tiny(self, folder: str) -> None:
        """A file system with room for one page."""
        self.folder(folder)
        self.mount(folder, "-t", "tmpfs", "-o", "size=4k,mode=755", "none")

    def fake(self, program: str, script: str) -> None:
        """Let a program of the system be a shell script."""
        file = f"{FOLDER}/{Path(program).name}"
        self.write(file, f"#!/bin/sh\n{script}\n", 0o755)
        self.mount(program, "--bind", file)

    # --- programs

    def python(self, script: str) -> int:
        """A Python program in the background, once it has said that it is ready; its process id
        inside."""
        inside = (
            f"import os\n{script}\nprint(os.getpid(), flush=True)\nimport time\ntime.sleep(600)"
        )
        process = subprocess.Popen(
            [*self.machine.tools.prefix, sys.executable, "-c", inside], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout as ready:
            pid = int(ready.readline())

        def end() -> None:
            self.machine.must("kill", str(pid))
            process.wait()

        self._way_back.callback(end)
        return pid

    def hold_port(self, port: int) -> None:
        """Let another program listen there, that hangs up at once."""
        self.python(
            "import socket, threading\n"
            "listener = socket.socket(socket.AF_INET6)\n"
            "listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
            f"listener.bind(('::', {port}))\n"
            "listener.listen()\n"
            "def hang_up():\n"
            "    while True:\n"
            "        listener.accept()[0].close()\n"
            "threading.Thread(target=hang_up, daemon=True).start()"
        )

    def later(self, *argv: str) -> None:
        """Run a program when the case is over."""
        self._way_back.callback(self.machine.must, *argv)

    def until_listening(self, *ports: int) -> None:
        deadline = time.monotonic() + 60
        while not set(ports) <= self.machine.listening():
            assert time.monotonic() < deadline, f"nobody listens on {ports}"
            time.sleep(0.05)


def _put_back(before: dict[str, Entry]) -> None:
    now = tree(*WATCHED)
    for path in sorted(now, reverse=True):
        if path not in before or now[path].kind != before[path].kind:
            _remove(Path(path))
    for path, entry in before.items():
        if now.get(path) != entry:
            _restore(Path(path), entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _restore(path: Path, entry: Entry) -> None:
    if entry.kind == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(os.fsdecode(entry.contents))
    elif entry.kind == "folder":
        path.mkdir(exist_ok=True)
    else:
        path.write_bytes(entry.contents)
    os.chown(path, *entry.owner, follow_symlinks=False)
    if entry.kind != "link":
        path.chmod(entry.mode)
    if entry.kind == "file":
        let_cool(path)
