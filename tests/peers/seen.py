"""What a checker found out about one port, in common terms: ours and those of its peers.

Names are IANA's. Suites are in the server's order where the checker tells one."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from letterlock.model.cipher_suites import suite_name
from letterlock.model.named_groups import group_name
from letterlock.model.service import Endpoint, MailProtocol, TlsMode
from tests.machine import PROGRAM, REPOSITORY

SSLYZE = REPOSITORY / ".cache/peers/bin/sslyze"
_SECONDS = 240

#: Runs a program to its end and gives its standard output.
Runner = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Seen:
    """`suites` by version (SSLv2 … TLSv1.3), only of those offered; `groups` of any version;
    `leaves` are SHA-256 fingerprints of the certificates that the server has of its own."""

    suites: dict[str, tuple[str, ...]]
    groups: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    #: Ours alone: the endpoint's whole JSON.
    whole: dict[str, Any] = field(default_factory=dict)

    @property
    def versions(self) -> set[str]:
        return set(self.suites)


def here(argv: Sequence[str]) -> str:
    """A Runner for servers on this machine's own loopback."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.stdout


def letterlock(run: Runner, endpoint: Endpoint, name: str, depth: str = "full") -> Seen:
    text = run(
        [
            str(PROGRAM), "check", f"{endpoint.address}:{endpoint.port}", "--depth", depth,
            "--service", endpoint.service.name, "--name", name, "--json", "-", "--timeout", "30",
        ]
    )  # fmt: skip
    (told,) = json.loads(text)["endpoints"]
    return Seen(
        suites={
            each["name"]: tuple(each["cipher_suites"])
            for each in told["protocols"]
            if each["offered"] is True
        },
        groups=frozenset(group for each in told["groups"] for group in each["groups"]),
        leaves=frozenset(each["chain"][0]["sha256"] for each in told["chains"] if each["chain"]),
        whole=told,
    )


def sslscan(run: Runner, endpoint: Endpoint, name: str) -> Seen:
    upgrade = _upgrade(endpoint)
    text = run(
        [
            "sslscan", "--xml=-", "--show-certificate", "--timeout=60", f"--sni-name={name}",
            *([f"--starttls-{upgrade}"] if upgrade else []),
            f"{endpoint.address}:{endpoint.port}",
        ]
    )  # fmt: skip
    tree = ElementTree.fromstring(text)  # noqa: S314
    suites: dict[str, tuple[str, ...]] = {}
    for cipher in tree.iter("cipher"):
        version = cipher.attrib["sslversion"].replace("TLSv1.0", "TLSv1")
        known = suite_name(int(cipher.attrib["id"], 16))
        suites[version] = (*suites.get(version, ()), known)
    groups = {group_name(int(group.attrib["id"], 16)) for group in tree.iter("group")}
    leaves = {
        _fingerprint(blob.text) for blob in tree.iter("certificate-blob") if blob.text is not None
    }
    return Seen(suites, frozenset(groups), frozenset(leaves))


_SSLYZE_VERSIONS = {
    "ssl_2_0": "SSLv2", "ssl_3_0": "SSLv3", "tls_1_0": "TLSv1", "tls_1_1": "TLSv1.1",
    "tls_1_2": "TLSv1.2", "tls_1_3": "TLSv1.3",
}  # fmt: skip
_SSLYZE_GROUPS = {"X25519": "x25519", "X448": "x448"}


def sslyze(run: Runner, endpoint: Endpoint, name: str) -> Seen:
    upgrade = _upgrade(endpoint)
    text = run(
        [
            str(SSLYZE), "--mozilla_config", "disable", "--sni", name, "--sslv2", "--sslv3",
            "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--elliptic_curves", "--certinfo",
            *(["--starttls", upgrade] if upgrade else []), "--json_out", "-",
            f"{endpoint.address}:{endpoint.port}",
        ]
    )  # fmt: skip
    (told,) = json.loads(text)["server_scan_results"]
    scan = told["scan_result"]
    found = {
        ours: tuple(
            each["cipher_suite"]["name"]
            for each in scan[f"{theirs}_cipher_suites"]["result"]["accepted_cipher_suites"]
        )
        for theirs, ours in _SSLYZE_VERSIONS.items()
    }
    curves = (scan["elliptic_curves"]["result"] or {}).get("supported_curves") or ()
    certificates = scan["certificate_info"]["result"] or {"certificate_deployments": ()}
    return Seen(
        suites={version: suites for version, suites in found.items() if suites},
        groups=frozenset(_SSLYZE_GROUPS.get(each["name"], each["name"]) for each in curves),
        leaves=frozenset(
            _fingerprint(each["received_certificate_chain"][0]["as_pem"])
            for each in certificates["certificate_deployments"]
        ),
    )


def s_client(run: Runner, endpoint: Endpoint, name: str, *options: str) -> dict[str, str]:
    """One handshake by `openssl s_client`: `protocol`, `cipher` (OpenSSL's name), `group`, `leaf`;
    empty where it fails."""
    upgrade = _upgrade(endpoint)
    text = run(
        [
            "openssl", "s_client", "-connect", f"{endpoint.address}:{endpoint.port}",
            "-servername", name, *(["-starttls", upgrade] if upgrade else []), *options,
        ]
    )  # fmt: skip
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("New, ") and "(NONE)" not in line:
            found["protocol"], found["cipher"] = line[5:].split(", Cipher is ")
        elif line.startswith("Server Temp Key: "):
            found["group"] = line[17:].split(",")[0]
    if "-----BEGIN CERTIFICATE-----" in text:
        found["leaf"] = _fingerprint(text[text.index("-----BEGIN") :].partition("\nsubject=")[0])
    return found


def _upgrade(endpoint: Endpoint) -> str | None:
    if endpoint.service.tls is TlsMode.IMPLICIT:
        return None
    return {MailProtocol.SMTP: "smtp", MailProtocol.IMAP: "imap", MailProtocol.POP3: "pop3"}[
        endpoint.service.protocol
    ]


def _fingerprint(pem: str) -> str:
    first = pem.strip().partition("-----END")[0] + "-----END CERTIFICATE-----"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
