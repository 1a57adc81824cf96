"""A real CA in a throw-away machine: Pebble, which asks over http-01 on port 80 as a public one
does, and the ACME clients that are installed to ask it for certificates."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from letterlock.cli.demo_ca import deliver
from letterlock.servers.tools import Completed
from tests.machine import HOSTNAME, REPOSITORY, Machine

CERTBOT = REPOSITORY / ".cache/certbot/bin/certbot"
#: What no test can go on without; tests that need them are skipped, loudly, where they are not.
MISSING = tuple(
    name
    for name in ("pebble", "pebble-challtestsrv", "lego", "dehydrated")
    if not shutil.which(name)
) + (() if CERTBOT.exists() else ("certbot",))
DIRECTORY = "https://localhost:14000/dir"
LIVE = Path(f"/etc/letsencrypt/live/{HOSTNAME}")
_FOLDER = "/root/pebble"
#: The machine's own roots, which clients of the CA's own HTTPS and our verifier read.
_ROOTS = "/etc/ssl/certs/ca-certificates.crt"


def eventually(true: Callable[[], bool], what: str) -> None:
    """Wait until something is true, on a slow machine too."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"not yet: {what}"
        time.sleep(0.05)


class Pebble:
    """Pebble and its DNS inside `machine`, every name leading to 127.0.0.1; up when made. Its root
    and that of its own HTTPS are among the machine's roots."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        machine.call(self._write)
        self._start("dns", "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                    "-dns01", "127.0.0.1:8053", "-http01", "", "-https01", "", "-tlsalpn01", "",
                    "-management", "127.0.0.1:8055")  # fmt: skip
        self._start("pebble", "pebble", "-config", f"{_FOLDER}/config.json",
                    "-dnsserver", "127.0.0.1:8053")  # fmt: skip
        eventually(lambda: {8055, 14000, 15000} <= machine.listening(), "Pebble listens")
        self.root = Path(f"{_FOLDER}/issuing.pem")
        self._fetch_root()

    def _write(self) -> None:
        folder = Path(_FOLDER)
        folder.mkdir()
        api = deliver(folder, "localhost")
        config = {
            "listenAddress": "127.0.0.1:14000",
            "managementListenAddress": "127.0.0.1:15000",
            "certificate": str(api.certificate),
            "privateKey": str(api.key),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        chain = api.certificate.read_bytes() + b"\n" + api.bundle.read_bytes()
        api.certificate.write_bytes(chain)
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        with Path(_ROOTS).open("ab") as roots:
            roots.write(b"\n" + api.root.read_bytes())

    def _start(self, name: str, *argv: str) -> None:
        quiet = ("PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
        script = f'exec "$@" >{_FOLDER}/{name}.log 2>&1 &'
        self._machine.must("env", *quiet, "sh", "-c", script, name, *argv)

    def _fetch_root(self) -> None:
        script = (
            "import ssl, sys, urllib.request as u;"
            f"c = ssl.create_default_context(cafile={_ROOTS!r});"
            "print(u.urlopen('https://localhost:15000/roots/0', context=c).read().decode())"
        )
        pem = self._machine.must("python3", "-c", script).stdout
        self._machine.write(str(self.root), pem)
        self._machine.write(_ROOTS, self._machine.read(_ROOTS) + b"\n" + pem)

    def log(self) -> str:
        return self._machine.read(f"{_FOLDER}/pebble.log").decode()


def certbot(machine: Machine, verb: str, *arguments: str, **environment: str) -> Completed:
    """Run certbot, never asking; `run`, `certonly` and `renew` speak to Pebble."""
    server = () if verb in ("install", "rollback") else ("--server", DIRECTORY)
    if verb == "renew":
        arguments = ("--no-random-sleep-on-renew", *arguments)
    pairs = [f"{name}={value}" for name, value in environment.items()]
    return machine.run(
        "env", f"REQUESTS_CA_BUNDLE={_ROOTS}", "COLUMNS=200", *pairs, str(CERTBOT), verb,
        "--non-interactive", *server, *arguments, timeout=240,
    )  # fmt: skip


#: How a first certificate is asked for.
ISSUE = ("--standalone", "--agree-tos", "--register-unsafely-without-email", "-d", HOSTNAME)


def leaf(machine: Machine, path: str | Path) -> str:
    """SHA-256 of the first certificate of a file inside."""
    certificate = x509.load_pem_x509_certificate(machine.read(str(path)))
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
