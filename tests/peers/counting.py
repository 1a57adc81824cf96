"""Connections as the kernel counts them, in a throw-away system where nobody else makes any."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.machine import HOSTNAME, PROGRAM, Machine

#: RFC 4022: tcpActiveOpens and tcpPassiveOpens; of loopback connections both, of one that is
#: refused the first alone.
_COUNTERS = ("TcpActiveOpens", "TcpPassiveOpens")


@dataclass(frozen=True, slots=True)
class Counted:
    """`opened` by us, `accepted` by the servers; `told` is the JSON of our own report."""

    opened: int
    accepted: int
    status: int
    complaints: tuple[str, ...]
    told: dict[str, Any]

    @property
    def refused(self) -> int:
        return sum(each["refused_connections"] or 0 for each in self.told["endpoints"])


def with_rsa(machine: Machine) -> None:
    """Give a stopped machine the kind of key that Debian's make-ssl-cert makes, RSA of 2048 bits,
    with which its servers have the most suites; the throw-away system's own is ECDSA."""
    machine.must(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
        "-subj", f"/CN={HOSTNAME}", "-keyout", "/etc/ssl/private/ssl-cert-snakeoil.key",
        "-out", "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    )  # fmt: skip


def counters(machine: Machine) -> dict[str, int]:
    lines = machine.must("nstat", "-asz", *_COUNTERS).text.splitlines()
    return {name: int(value) for name, value, *_ in map(str.split, lines[1:])}


def counted(
    machine: Machine, depth: str, *ports: int, options: tuple[str, ...] = (), timeout: float = 120
) -> Counted:
    """`letterlock check` of these ports of the machine, at this depth."""
    before = counters(machine)
    done = machine.run(
        str(PROGRAM), "check", "127.0.0.1", "--name", HOSTNAME, "--depth", depth, "--json", "-",
        *(part for port in ports for part in ("--port", str(port))), *options, timeout=timeout,
    )  # fmt: skip
    after = counters(machine)
    opened, accepted = (after[name] - before[name] for name in _COUNTERS)
    assert done.text, done.complaints
    return Counted(opened, accepted, done.status, done.complaints, json.loads(done.text))


def secure(machine: Machine) -> tuple[str, ...]:
    """Let `letterlock secure` do its work on a running machine; gives the options by which `check`
    trusts the certificate."""
    delivery = machine.delivery()
    done = machine.letterlock(
        "secure", HOSTNAME, "--cert", str(delivery.certificate), "--chain", str(delivery.bundle),
        "--key", str(delivery.key), "--ca-file", str(delivery.root), "--sasl", "dovecot", "--yes",
        "--no-rehearse",
    )  # fmt: skip
    assert done.ok, (done.text, done.complaints)
    return ("--ca-file", str(delivery.root))


def limit_rate(machine: Machine, per_minute: int) -> None:
    """Postfix turns clients away beyond this rate, those of its own network too (postconf(5))."""
    for setting in (
        f"smtpd_client_connection_rate_limit={per_minute}",
        "smtpd_client_event_limit_exceptions=",
    ):
        machine.must("postconf", "-e", setting)
    machine.must("postfix", "reload")


def rate_refusals(machine: Machine) -> int:
    """As Postfix's own log tells (smtpd(8))."""
    return sum("Connection rate limit exceeded" in line for line in machine.log())
