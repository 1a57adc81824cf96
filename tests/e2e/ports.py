"""The seven ports as `openssl s_client` sees them: an eye that is not ours."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.machine import HOSTNAME, Machine

#: Port → the protocol whose STARTTLS s_client must speak, None for TLS from the first byte.
PORTS = {25: "smtp", 110: "pop3", 143: "imap", 465: None, 587: "smtp", 993: None, 995: None}
POSTFIX_PORTS = (25, 465, 587)
DOVECOT_PORTS = (110, 143, 993, 995)

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """What s_client reports: SHA-256 of the served leaf, how many certificates came, its verdict
    on the chain (`0 (ok)`), and the version negotiated."""

    leaf: str
    certificates: int
    verdict: str
    version: str


def seen_by_openssl(
    machine: Machine,
    port: int,
    root: Path,
    *more: str,
    address: str = "127.0.0.1",
    name: str | None = HOSTNAME,
) -> Seen:
    """One handshake, with `name` sent (None: no server name). `leaf` is empty where there was
    none."""
    starttls = ("-starttls", PORTS[port]) if PORTS.get(port) else ()
    host = f"[{address}]" if ":" in address else address
    done = machine.run(
        "openssl", "s_client", "-connect", f"{host}:{port}",
        *(("-servername", name, "-verify_hostname", name) if name else ("-noservername",)),
        "-CAfile", str(root), "-showcerts",
        *(word for word in starttls if word), *more, stdin=b"", timeout=60,
    )  # fmt: skip
    blocks = _CERTIFICATE.findall(done.stdout)
    leaf = x509.load_pem_x509_certificate(blocks[0]) if blocks else None
    verdicts = re.findall(r"Verify return code: (.*)", done.text)
    # After a handshake that failed s_client still names the version it had hoped for.
    versions = re.findall(r"Protocol *: (TLSv1(?:\.\d)?)|New, (TLSv1\.3)", done.text)
    return Seen(
        hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest() if leaf else "",
        len(blocks),
        verdicts[-1] if verdicts else "",
        "".join(versions[0]) if versions and "Cipher is (NONE)" not in done.text else "",
    )


def digest(machine: Machine, path: Path) -> str:
    """SHA-256 of the first certificate of a file inside."""
    leaf = x509.load_pem_x509_certificate(machine.read(str(path)))
    return hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()


def assert_served(machine: Machine, ports: tuple[int, ...], leaf: str, root: Path) -> None:
    """Every port serves that leaf with its two intermediates, and OpenSSL accepts the chain."""
    for port in ports:
        seen = seen_by_openssl(machine, port, root)
        assert (seen.leaf, seen.certificates, seen.verdict) == (leaf, 3, "0 (ok)"), port
