"""A mail server that fails where a test wants it to; what it serves is what a file held when it
was last reloaded, as with the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from letterlock.model.certificate import (
    Certificate,
    ChainFault,
    ChainProblem,
    ChainVerdict,
    KeyType,
    PublicKey,
)
from letterlock.model.errors import RefusedError
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import IMAPS, SMTP, Endpoint
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version

MX = Endpoint("127.0.0.1", 25, SMTP)
ACCESS = Endpoint("127.0.0.1", 993, IMAPS)


def leaf(contents: bytes) -> Certificate:
    """A certificate that stands for these file contents."""
    return Certificate(
        der=contents,
        subject="CN=a.example",
        issuer="CN=a CA",
        serial_number=1,
        dns_names=("a.example",),
        ip_addresses=(),
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
        public_key=PublicKey("RSA", 2048),
        signature_algorithm="sha256WithRSAEncryption",
        signature_hash="sha256",
        is_ca=False,
        self_issued=False,
        extended_key_usage=("serverAuth",),
        issuer_urls=(),
        ocsp_urls=(),
        must_staple=False,
        sha256=hashlib.sha256(contents).hexdigest(),
        spki_sha256="00",
    )


def handshake(contents: bytes, *faults: ChainFault) -> Handshake:
    problems = tuple(ChainProblem(fault, f"the chain is {fault}") for fault in faults)
    verdict = ChainVerdict((), None if problems else "CN=a CA", problems)
    served = (leaf(contents),)
    return Handshake("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519", served, verdict, 0.01)


@dataclass
class StandIn:
    """Serves `certificate`'s contents at `endpoint`, none while `configuration` says `no`."""

    root: Path
    name: str
    endpoint: Endpoint
    certificate: str
    up: bool = True
    invalid: tuple[str, ...] = ()
    #: Reloads that fail, counted from the next: {0} is the next one only.
    failing_reloads: set[int] = field(default_factory=set)
    #: Looks after a reload during which the old contents are still served.
    slowness: int = 0
    done: list[str] = field(default_factory=list)
    served: bytes = b""
    _stale: bytes = b""
    _looks: int = 0

    def __post_init__(self) -> None:
        self.served = self._read()

    def _read(self) -> bytes:
        path = self.root / self.certificate
        return path.read_bytes() if path.exists() else b""

    @property
    def version(self) -> Version:
        return Version.parse("3.7.11")

    @property
    def tools(self) -> Tools:
        return Tools(self.root)

    def running(self) -> bool:
        return self.up

    def validate(self) -> tuple[str, ...]:
        self.done.append("validate")
        return self.invalid

    def start(self) -> None:
        self.done.append("start")
        self.up = True
        self.served = self._read()

    def stop(self) -> None:
        self.done.append("stop")
        self.up = False

    def reload(self) -> None:
        number = self.done.count("reload")
        self.done.append("reload")
        if number in self.failing_reloads:
            raise RefusedError(f"{self.name} does not reload")
        self._stale, self._looks = self.served, 0
        self.served = self._read()

    def renew(self) -> bool:
        self.reload()
        return False

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (self.endpoint,)

    def commands(self) -> tuple[str, ...]:
        return ()

    def private_folders(self) -> tuple[str, ...]:
        return ()

    def within(self, tools: Tools) -> Self:  # noqa: ARG002
        return self

    def look(self, name: str) -> EndpointFacts:
        """What a client sees."""
        if not self.up:
            return EndpointFacts(self.endpoint, name, None, None, closed=True)
        self._looks += 1
        contents = self._stale if self._looks <= self.slowness and self._stale else self.served
        greeting = Greeting("220 hello", (), starttls_offered=bool(contents))
        return EndpointFacts(
            self.endpoint, name, greeting, handshake(contents) if contents else None
        )


@dataclass(frozen=True)
class Watcher:
    """An observer of stand-ins."""

    servers: Sequence[StandIn]

    def __call__(
        self,
        endpoints: Sequence[Endpoint],
        name: str,
        key_type: KeyType | None = None,  # noqa: ARG002
    ) -> tuple[EndpointFacts, ...]:
        by_endpoint = {server.endpoint: server for server in self.servers}
        return tuple(by_endpoint[endpoint].look(name) for endpoint in endpoints)
