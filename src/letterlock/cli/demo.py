"""`letterlock demo`: the main job on a throw-away Postfix and Dovecot, told as it happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import JsonFile, write_json
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError, RefusedError, UndeterminedError
from letterlock.model.unknown import Unknown

if TYPE_CHECKING:
    from letterlock.cli.demo_ca import Delivery
    from letterlock.cli.demo_screen import DemoScreen
    from letterlock.install.namespace import PrivateSystem

_FOLDER = Path("/root/from-the-ca")
_PACKAGES = "postfix dovecot-imapd dovecot-pop3d"
_NEEDED = (
    "/usr/sbin/postfix",
    "/usr/sbin/dovecot",
    "/usr/share/postfix/main.cf.debian",
    "/usr/share/dovecot/dovecot.conf",
)

app = verb()


@app.command()
def demo(
    json_file: JsonFile = None,
    shell: Annotated[
        bool, typer.Option("--shell", help="At the end, open a shell inside to look around.")
    ] = False,
) -> None:
    """Run the main job on a throw-away Postfix and Dovecot.

    Makes a test CA and a stock Debian mail server in a private system of its own; checks it,
    secures it with the CA's files, checks it again. This machine's own configuration, ports and
    mail are neither used nor touched. Takes some ten seconds; needs root.
    """
    _demand_what_is_needed()
    from letterlock.cli.demo_screen import DemoScreen

    screen = DemoScreen(quiet=json_file == "-")
    own = _own_files()
    with _private_system() as system:
        told = _Demo(system, screen).play()
        if shell:
            _open_shell(system, screen)
    told["own_files_unchanged"] = _own_files() == own
    screen.end(told, len(own))
    if json_file:
        write_json(json_file, told)
    if not told["own_files_unchanged"] or not told["proven"]:
        raise typer.Exit(ExitCode.FINDINGS)


def _demand_what_is_needed() -> None:
    if os.geteuid() != 0:
        raise InputError(
            "the demo's private system needs root", remedy="run it as root: sudo make demo"
        )
    missing = [path for path in _NEEDED if not Path(path).exists()]
    if missing:
        raise InputError(
            f"the demo plays on this machine's Postfix and Dovecot, and there is no {missing[0]}",
            remedy=f"apt-get install --no-install-recommends {_PACKAGES}",
        )


def _private_system() -> PrivateSystem:
    from letterlock.cli import scenery
    from letterlock.install.namespace import private_system

    system = private_system(scenery.layout(addresses=(scenery.ADDRESS, scenery.VISITOR)))
    if isinstance(system, Unknown):
        raise UndeterminedError(
            f"no private system can be had here: {system.reason}",
            remedy="run the demo on a machine of its own, or in a container with CAP_SYS_ADMIN",
        )
    return system


def _own_files() -> dict[str, tuple[int, float, bytes]]:
    """The machine's own configuration as it is: path → mode, time of change, bytes."""
    found = {}
    for folder in ("/etc/postfix", "/etc/dovecot", "/etc/ssl"):
        for path in sorted(Path(folder).rglob("*")):
            status = path.lstat()
            contents = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (status.st_mode, status.st_mtime, contents)
    return found


def _open_shell(system: PrivateSystem, screen: DemoScreen) -> None:
    screen.say("A shell inside; its end is the end of the server. The files: /root/from-the-ca")
    shell = os.environ.get("SHELL", "/bin/sh")
    subprocess.run([*system.tools.prefix, shell], check=False)


@dataclass(frozen=True, slots=True)
class _Demo:
    """One run, in a private system that has just begun."""

    system: PrivateSystem
    screen: DemoScreen

    def play(self) -> dict[str, Any]:
        """Everything from the stock server to the proof; what was seen, as JSON."""
        delivery = self._put_up()
        before = self._check(delivery, shown=True)
        secured = self._secure(delivery)
        after = self._check(delivery, shown=False)
        openssl = self._openssl(delivery)
        leaf = self._leaf(delivery)
        proven = all(served == leaf for served in openssl.values()) and _proven(after, leaf)
        self.screen.compare(before, after, openssl, leaf)
        return {
            "before": before,
            "secure": secured,
            "after": after,
            "openssl": openssl,
            "leaf_sha256": leaf,
            "proven": proven,
        }

    def _put_up(self) -> Delivery:
        from letterlock.cli import scenery
        from letterlock.cli.demo_ca import deliver

        def furnish() -> Delivery:
            scenery.put_up(address=scenery.ADDRESS)
            _FOLDER.mkdir(mode=0o700)
            return deliver(_FOLDER, scenery.HOSTNAME)

        self.screen.chapter("A mail server as Debian installs it, in a private system of its own")
        delivery = self.system.call(furnish, files=True)
        visit = ("route", "replace", "local", scenery.ADDRESS, "dev", "lo", "table", "local")
        self.system.tools.run("ip", *visit, "src", scenery.VISITOR)
        for command in (("dovecot",), ("postfix", "start")):
            done = self.system.tools.run(*command)
            if not done.ok:
                lines = "; ".join((*done.complaints, *self.system.log())[-3:])
                raise RefusedError(f"`{' '.join(command)}` failed inside: {lines}")
        self.screen.scene(self.system.tools, delivery)
        return delivery

    def _check(self, delivery: Delivery, *, shown: bool) -> dict[str, Any]:
        from letterlock.cli.scenery import HOSTNAME

        ask = ("check", HOSTNAME, "--ca-file", str(delivery.root))
        self.screen.chapter("What is wrong with it" if shown else "The same question again")
        self.screen.command(*ask)
        if shown and not self.screen.quiet:
            self._letterlock(*ask, to_screen=True)
        return self._document(*ask, "--json", "-")

    def _secure(self, delivery: Delivery) -> dict[str, Any]:
        from letterlock.cli.scenery import HOSTNAME

        ask = (
            "secure", HOSTNAME, "--cert", str(delivery.certificate), "--chain",
            str(delivery.bundle), "--key", str(delivery.key), "--ca-file", str(delivery.root),
            "--sasl", "dovecot", "--yes",
        )  # fmt: skip
        self.screen.chapter("One command")
        self.screen.command(*ask)
        document = self._document(*ask, "--json", "-")
        if document["error"]:
            raise RefusedError(f"secure failed on the demo's server: {document['error']}")
        self.screen.secured(document)
        return document

    def _document(self, *arguments: str) -> dict[str, Any]:
        done = self._letterlock(*arguments, to_screen=False)
        try:
            document = json.loads(done.stdout)
        except ValueError:
            raise RefusedError(
                f"`letterlock {arguments[0]}` ended with {done.returncode} inside"
            ) from None
        assert isinstance(document, dict)  # noqa: S101 the shape that we ourselves write
        return document

    def _letterlock(self, *arguments: str, to_screen: bool) -> subprocess.CompletedProcess[bytes]:
        """The ordinary program, inside; its progress and its errors always reach the screen."""
        environment = os.environ | {"COLUMNS": str(self.screen.width), "HOME": "/root"}
        return subprocess.run(
            [*self.system.tools.prefix, sys.executable, "-m", "letterlock", *arguments],
            stdout=None if to_screen else subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            check=False,
            start_new_session=True,  # Ctrl-C is ours: what is inside ends with the system
        )

    def _openssl(self, delivery: Delivery) -> dict[str, str | None]:
        """Port → SHA-256 of the leaf that OpenSSL's own client accepts there, else None."""
        from letterlock.cli.scenery import ADDRESS, HOSTNAME
        from letterlock.model.service import SERVICES, TlsMode

        seen: dict[str, str | None] = {}
        if not self.system.tools.has("openssl"):
            return seen
        for service in SERVICES:
            upgrade = ("-starttls", service.protocol.value)
            done = self.system.tools.run(
                "openssl", "s_client", "-connect", f"{ADDRESS}:{service.port}",
                "-servername", HOSTNAME, "-verify_hostname", HOSTNAME, "-verify_return_error",
                "-CAfile", str(delivery.root),
                *(upgrade if service.tls is TlsMode.STARTTLS else ()),
            )  # fmt: skip
            seen[str(service.port)] = _first_certificate(done.stdout) if done.ok else None
        return seen

    def _leaf(self, delivery: Delivery) -> str | None:
        return self.system.call(
            lambda: _first_certificate(delivery.certificate.read_bytes()), files=True
        )


def _first_certificate(pem: bytes) -> str | None:
    """SHA-256 of the first certificate in a text."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        return x509.load_pem_x509_certificates(pem)[0].fingerprint(hashes.SHA256()).hex()
    except ValueError:
        return None


def _proven(after: dict[str, Any], leaf: str | None) -> bool:
    """Whether all seven ports serve the delivered leaf to a client that accepts it."""
    good = [
        endpoint["port"]
        for endpoint in after["endpoints"]
        if "verdict" in (endpoint["handshake"] or {})
        and endpoint["handshake"]["verdict"]["accepted"]
        and endpoint["handshake"]["chain"][0]["sha256"] == leaf
    ]
    return len(good) == len(after["endpoints"]) == 7
