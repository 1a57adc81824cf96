"""Debian's generations of Postfix and Dovecot as judges: their checkers run over many
configurations at once, inside a root of `make lab` (`.cache/lab/SUITE`) or on this machine.

A batch is one private mount namespace with an overlay over the root, so that neither the root nor
this machine is written to; the folder of configurations is there under its own name.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from letterlock.servers.version import Version

_LAB = Path(__file__).resolve().parent.parent / ".cache/lab"
_ENTER = """
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir="$1",upperdir=/mnt/upper,workdir=/mnt/work none /mnt/root
mkdir -p "/mnt/root$2"
mount --bind "$2" "/mnt/root$2"
mount --rbind /dev /mnt/root/dev
mount --rbind /proc /mnt/root/proc
exec chroot /mnt/root /bin/sh -s
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said of one configuration."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def complaints(self) -> str:
        return self.stderr.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Generation:
    """One root with both servers; `root` is `/` for this machine's own."""

    name: str
    root: Path

    def batch(self, folder: Path, script: str) -> None:
        """Run a shell script inside, where `folder` is the same as outside."""
        argv = ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(self.root), str(folder)]
        done = subprocess.run(argv, input=script.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")

    def each(
        self, folder: Path, commands: Mapping[str, Sequence[str]], before: str = ""
    ) -> dict[str, Said]:
        """Run one command per configuration, inside, after the script `before`; what each said,
        by the same keys. As many at a time as pay: a checker that refuses sleeps a second."""
        heard = folder / f".said-{self.name}"
        heard.mkdir()
        lines = [before, f"cd {shlex.quote(str(heard))}"]
        for at, argv in enumerate(commands.values()):
            line = shlex.join(str(word) for word in argv)
            lines.append(f"({line} >{at}.out 2>{at}.err </dev/null; echo $? >{at}.rc) &")
            if at % _AT_ONCE == _AT_ONCE - 1:
                lines.append("wait")
        self.batch(folder, "\n".join([*lines, "wait", "exit 0"]))
        said = {key: _said(heard, at) for at, key in enumerate(commands)}
        shutil.rmtree(heard)
        return said

    def version(self, server: str) -> Version:
        return _version(self, server)


#: A refusal costs a second of sleep, not of work.
_AT_ONCE = 16


def _said(folder: Path, at: int) -> Said:
    out, err, status = (folder / f"{at}.{kind}" for kind in ("out", "err", "rc"))
    return Said(int(status.read_bytes()), out.read_bytes(), err.read_bytes())


@cache
def _version(generation: Generation, server: str) -> Version:
    asked = {"Postfix": ["postconf", "-hd", "mail_version"], "Dovecot": ["dovecot", "--version"]}
    prefix = [] if generation.root == Path("/") else ["chroot", str(generation.root)]
    done = subprocess.run([*prefix, *asked[server]], capture_output=True, check=True, text=True)
    return Version.parse(done.stdout)


#: bookworm is what `make test` runs on; its own root serves where this machine is another Debian.
SUITES = ("bullseye", "bookworm", "trixie")


def generations() -> tuple[Generation, ...]:
    """Every generation that can be had here, oldest first; only root can enter one."""
    if os.geteuid() != 0:
        return ()
    found = []
    for suite in SUITES:
        root = Path("/") if suite == _this_machine() else (_LAB / suite).resolve()
        if all((root / f"usr/{program}").exists() for program in ("sbin/postconf", "bin/doveconf")):
            found.append(Generation(suite, root))
    return tuple(found)


@cache
def _this_machine() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def generation(suite: str) -> Generation:
    """One generation, or the test is skipped, loudly."""
    found = next((each for each in generations() if each.name == suite), None)
    if found is None:
        pytest.skip(f"no {suite} here: run `make lab` as root")
    return found
