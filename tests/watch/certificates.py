"""Renewed certificates, and hooks that were killed as they began."""

from __future__ import annotations

from letterlock.certs.bundle import CertificateFiles
from letterlock.install.state import StateFolder
from letterlock.renew.handover import Handover
from letterlock.renew.pending import keep
from tests.machine import HOSTNAME, Machine
from tests.status.renewal import ROOT, Authority

DELIVERED = "/root/delivered"


def put(machine: Machine, authority: Authority, name: str = HOSTNAME) -> str:
    """A new certificate in the folder of the ACME client; its leaf, PEM."""
    chain, key = authority.pair("p256", name)
    machine.write(f"{DELIVERED}/cert.pem", chain)
    machine.write(f"{DELIVERED}/key.pem", key, 0o600)
    return chain.decode().partition("-----END")[0].partition("CERTIFICATE-----")[2]


def hand_over(machine: Machine, name: str = HOSTNAME) -> None:
    """As a hook that is killed as it begins does."""
    files = CertificateFiles(f"{DELIVERED}/cert.pem", f"{DELIVERED}/key.pem", ())
    machine.call(lambda: keep(StateFolder(), Handover("certbot", name, files, ca_file=ROOT)))
