"""What a server's configuration names, what the disk holds there, and what the server serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from letterlock.model.certificate import Certificate, ChainVerdict, KeyType
from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Reference:
    """One place in a server's effective configuration that names certificates.

    `server` is Postfix or Dovecot; `setting` its own word (`smtpd_tls_cert_file`, `ssl_cert`);
    `where` the line that sets it; `scope` what it is limited to, as written there (`submission`,
    `local_name mail.example.net`), else empty. `files` are the files read for it, in that order,
    the key's among them; `names` the server names (SNI) it is for, a pattern as the server writes
    it (`.example.net`, `*.example.net`), none: for everybody who asks for no other. `endpoints` are
    where it is served. `table` is the SNI map that holds it (`hash:/etc/postfix/sni`)."""

    server: str
    setting: str
    where: Location
    scope: str
    files: tuple[str, ...]
    names: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    table: str | None = None

    @property
    def label(self) -> str:
        """As a person would point at it."""
        return f"{self.setting} ({self.scope})" if self.scope else self.setting


@dataclass(frozen=True, slots=True)
class Installed:
    """One certificate that a reference leads to, as the disk has it.

    `file` is where the leaf stands (an SNI map: the map); `chain` is leaf first, in the file's
    order; `verdict` what a client would say to it for its name. `key_matches` says whether the key
    beside it is its own. `fault` is what keeps the server from using it (`/x.pem: no such file`),
    then there may be no chain."""

    reference: Reference
    file: str
    chain: tuple[Certificate, ...]
    verdict: ChainVerdict | None
    key_matches: bool | Unknown
    fault: str | None = None

    @property
    def leaf(self) -> Certificate | None:
        return self.chain[0] if self.chain else None


@dataclass(frozen=True, slots=True)
class SniMap:
    """A built SNI map (`tls_server_sni_maps`) against the files that its source names.

    `table` is `type:path`, `file` the built file. `stale` says, a phrase for each entry, what
    differs: empty, it holds what it was made from; Unknown where that cannot be told. `unusable` is
    what is wrong with the source's files, so that the map must not be made from them; `server` the
    Postfix instance that looks into it."""

    table: str
    file: str | None
    where: Location
    stale: tuple[str, ...] | Unknown
    unusable: str | None = None
    server: str = "Postfix"

    @property
    def is_stale(self) -> bool:
        """Known to be."""
        return not isinstance(self.stale, Unknown) and bool(self.stale)


@dataclass(frozen=True, slots=True)
class ExposedKey:
    """A file with a private key in it that every user of the machine may read (or write)."""

    file: str
    mode: int
    server: str


@dataclass(frozen=True, slots=True)
class Served:
    """What an endpoint serves to clients that send `name` (None: no SNI) and can do `key_type`
    (None: whatever is offered), beside what the disk holds for them.

    `expected` are the chains (SHA-256, leaf first) of which one would be right. `chains` are the
    different chains seen over `connections`; Unknown where none could be had."""

    server: str
    endpoint: Endpoint
    name: str | None
    key_type: KeyType | None
    expected: tuple[tuple[str, ...], ...]
    chains: tuple[tuple[Certificate, ...], ...] | Unknown
    connections: int

    @property
    def stale(self) -> tuple[tuple[Certificate, ...], ...]:
        """The chains served that are not those on disk: another leaf, or a certificate of the
        file's is missing. More may come: OpenSSL adds issuers that it knows to a bare leaf."""
        if isinstance(self.chains, Unknown):
            return ()
        return tuple(chain for chain in self.chains if not self._right(chain))

    def _right(self, chain: tuple[Certificate, ...]) -> bool:
        came = [each.sha256 for each in chain]
        return any(
            came[:1] == list(wanted[:1]) and set(wanted) <= set(came) for wanted in self.expected
        )


@dataclass(frozen=True, slots=True)
class ServerState:
    """One mail server of the machine; `running` is whether its master process is alive."""

    name: str
    version: str
    running: bool


@dataclass(frozen=True, slots=True)
class PendingDeployment:
    """A certificate that an ACME client handed over and that no server has been seen to serve yet.

    `client` is the ACME client's name, `subject` what it calls the certificate; `names` those that
    it is for. `since` is when it was handed over, `tried` the last of `attempts`, `reason` why
    that failed. `leaf` is None where its file cannot be read any more."""

    id: str
    client: str
    subject: str
    names: tuple[str, ...]
    since: datetime
    tried: datetime
    attempts: int
    reason: str
    leaf: Certificate | None


@dataclass(frozen=True, slots=True)
class DamagedDeployment:
    """What was kept of a hand-over and cannot be read; `path` is its folder."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is to be deployed yet, oldest first; `unknown` is why that cannot be told."""

    pending: tuple[PendingDeployment, ...] = ()
    damaged: tuple[DamagedDeployment, ...] = ()
    unknown: str | None = None

    def __bool__(self) -> bool:
        return bool(self.pending or self.damaged)


NOTHING_PENDING = Backlog()


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """All that is known at `started`; `seconds` is how long it took to learn, over `connections`.
    `name` is what was verified beside the names in the configuration, None: nothing more. `unknown`
    is what could not be found out, a sentence each."""

    started: datetime
    seconds: float
    name: str | None
    servers: tuple[ServerState, ...]
    installed: tuple[Installed, ...]
    maps: tuple[SniMap, ...]
    exposed: tuple[ExposedKey, ...]
    served: tuple[Served, ...]
    unknown: tuple[str, ...] = ()
    backlog: Backlog = NOTHING_PENDING

    @property
    def connections(self) -> int:
        return sum(each.connections for each in self.served)
