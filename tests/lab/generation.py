"""Throw-away systems of every Debian generation: a root of the laboratory (scripts/lab), booted in
namespaces of its own. `letterlock` runs outside, with this checkout's Python, and is given the
system by `--root`."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from letterlock.cli.demo_ca import Delivery, deliver
from letterlock.install.namespace import Layout, PrivateFolder, private_system
from letterlock.model.unknown import Unknown
from letterlock.servers.tools import Completed, Tools
from tests import warm
from tests.machine import HOSTNAME, PROGRAM, REPOSITORY, ForbiddenError, Machine

LAB = REPOSITORY / ".cache/lab"


@dataclass(frozen=True, slots=True)
class Generation:
    """A Debian release by what matters here: `major.minor` of each. `required`: the laboratory
    builds it or fails, where it may do without the next Debian."""

    suite: str
    postfix: str
    dovecot: str
    openssl: str
    required: bool = True

    def __str__(self) -> str:
        return self.suite

    @property
    def root(self) -> Path:
        return LAB / self.suite

    @property
    def present(self) -> bool:
        return self.root.is_dir()


BULLSEYE = Generation("bullseye", "3.5", "2.3", "1.1")
BOOKWORM = Generation("bookworm", "3.7", "2.3", "3.0")
TRIXIE = Generation("trixie", "3.10", "2.4", "3.5")
FORKY = Generation("forky", "", "2.4", "3", required=False)
GENERATIONS = (BULLSEYE, BOOKWORM, TRIXIE, FORKY)

#: What either server, a test or `letterlock` writes.
_OVERLAID = ("/etc", "/var/lib", "/var/mail", "/var/spool/postfix", "/usr/local")


class LabMachine(Machine):
    """One system of a generation with Debian's stock configuration, its servers stopped.

    Raises ForbiddenError."""

    def __init__(self, generation: Generation) -> None:
        layout = Layout(
            folders=tuple(PrivateFolder(path, overlay=True) for path in _OVERLAID),
            empty=(*Layout().empty, "/root"),
            hostname=HOSTNAME,
            root=str(generation.root.resolve()),
        )
        system = private_system(layout)
        if isinstance(system, Unknown):
            raise ForbiddenError(system.reason)
        self.system = system
        self.generation = generation
        self.installed = ("Postfix", "Dovecot")
        self._stack = ExitStack()
        self._stack.callback(system.close)
        hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\t{HOSTNAME} mail\n"
        self.write("/etc/hosts", hosts)
        self.must("postconf", "-e", f"myhostname={HOSTNAME}")
        self.cool("/etc/postfix/main.cf")

    @property
    def root(self) -> Path:
        """What `--root` is given."""
        return self.system.tools.root

    def letterlock(
        self, *arguments: str, stdin: bytes | None = None, **environment: str
    ) -> Completed:
        """Run our program outside, on the system inside."""
        settings = {"NO_COLOR": "1", "COLUMNS": "100"} | environment
        pairs = [f"{name}={value}" for name, value in settings.items()]
        verb, *rest = arguments
        argv = ("env", *pairs, str(PROGRAM), verb, "--root", str(self.root), *rest)
        return Tools().run(*argv, stdin=stdin, timeout=180)

    def warm_letterlock(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Completed:
        """The same, begun in milliseconds (tests/warm.py)."""
        usual = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root"}
        settings = usual | {"NO_COLOR": "1", "COLUMNS": "100"} | environment
        verb, *rest = arguments
        told = (verb, "--root", str(self.root), *rest)
        return warm.run(*told, environment=settings, stdin=stdin, folder="/", timeout=180)

    def outside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program of ours in the network of the system inside."""
        net = f"--net=/proc/{self.system.pid}/ns/net"
        return subprocess.run(
            ["nsenter", net, "--", *argv], capture_output=True, text=True, timeout=900, check=False
        )

    def delivery(self, hostname: str = HOSTNAME, folder: str = "/root/delivery") -> Delivery:
        """What a CA delivers, in a folder inside. Made outside: no Python is in there."""
        with tempfile.TemporaryDirectory() as made:
            delivered = deliver(Path(made), hostname)
            for path in Path(made).iterdir():
                self.write(f"{folder}/{path.name}", path.read_bytes(), path.stat().st_mode & 0o777)
        return Delivery(
            *(
                Path(folder) / path.name
                for path in (delivered.certificate, delivered.bundle, delivered.key, delivered.root)
            )
        )

    def cool(self, path: str) -> None:
        """See let_cool."""
        self.write(path, self.read(path))

    def close(self) -> None:
        self._stack.close()


def missing(generation: Generation) -> str | None:
    """Why there is no such system here; None where there is."""
    if os.geteuid() != 0:
        return "a private system needs root"
    return None if generation.present else f"no root of {generation} (make lab)"
