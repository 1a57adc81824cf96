"""What a server is like before `secure`: as Debian installs it, as the guide leaves it, grown."""

from __future__ import annotations

from pathlib import Path

from tests.lab.generation import LabMachine
from tests.lab.rows import Row
from tests.machine import HOSTNAME, follow_guide

_GROWN = Path(__file__).parent / "grown"


def put(machine: LabMachine, row: Row) -> None:
    """Bring a stock machine into a row's state."""
    if row.state == "guide":
        follow_guide(machine, combined=row.layout == "combined")
    elif row.state == "grown":
        grow(machine)


def grow(machine: LabMachine) -> None:
    """A configuration of one's own since 2009, by hand, with what hands do: the certificate without
    its chain, comments and blank lines inside of values, options in braces, old names."""
    delivery = machine.delivery(folder="/root/2018")
    machine.write(f"/etc/ssl/certs/{HOSTNAME}.crt", machine.read(str(delivery.certificate)))
    machine.write(f"/etc/ssl/private/{HOSTNAME}.key", machine.read(str(delivery.key)), 0o600)
    for name in ("/etc/postfix/dh2048.pem", "/etc/dovecot/dh.pem"):
        machine.write(name, machine.read("/usr/share/dovecot/dh.pem"))
    for name in ("main.cf", "master.cf"):
        machine.write(f"/etc/postfix/{name}", (_GROWN / name).read_bytes())
    dovecot = "2.3" if machine.generation.dovecot == "2.3" else "2.4"
    text = (_GROWN / f"dovecot-{dovecot}.conf").read_bytes()
    machine.write("/etc/dovecot/dovecot.conf", text)
