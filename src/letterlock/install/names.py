"""Names that a server answers to besides its default, each with a certificate of its own (SNI,
RFC 6066 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from letterlock.certs.bundle import Bundle
from letterlock.certs.store import StoredCertificate
from letterlock.model.certificate import KeyType
from letterlock.model.plan import Expectation
from letterlock.model.service import Endpoint, TlsMode

#: Up to so many names are looked at on every port; of more, the first so many, and each of the
#: others on one port of every server.
NAMES_ON_EVERY_PORT = 8
#: What stands for the star where a wildcard is asked for: hardly anybody's own name.
_SOME_LABEL = "any-name"


@dataclass(frozen=True, slots=True)
class KeyAndChain:
    """One certificate as installed: the files that the servers' configurations name, and what is
    in them, the key first."""

    key_file: str
    certificate_file: str
    pem: bytes = field(repr=False)
    leaf_sha256: str
    key_type: KeyType | None = None

    @classmethod
    def of(cls, stored: StoredCertificate, bundles: Sequence[Bundle]) -> tuple[Self, ...]:
        """Each pair in the store with what the bundles will have put there."""
        contents = {bundle.leaf.sha256: bundle.combined_pem for bundle in bundles}
        return tuple(
            cls(
                pair.key_file,
                pair.certificate_file,
                contents[pair.leaf_sha256],
                pair.leaf_sha256,
                pair.key_type,
            )
            for pair in stored.pairs
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Key before certificates, as Postfix wants them (postconf(5) smtpd_tls_chain_files)."""
        return tuple(dict.fromkeys((self.key_file, self.certificate_file)))


@dataclass(frozen=True, slots=True)
class ServedName:
    """`name` in A-labels, or a wildcard `*.example.net`; `pairs` one certificate per key type, the
    preferred one first."""

    name: str
    pairs: tuple[KeyAndChain, ...]


def asked_name(name: str) -> str:
    """The name to send for one served: itself, or one that the wildcard covers."""
    return name.replace("*", _SOME_LABEL, 1)


def expected(served: ServedName, endpoint: Endpoint) -> list[Expectation]:
    """What must be seen of a name at an endpoint: of several certificates, each by a client that
    speaks its key type alone."""
    several = len(served.pairs) > 1
    return [
        Expectation(
            endpoint,
            asked_name(served.name),
            pair.leaf_sha256,
            pair.key_type if several else None,
        )
        for pair in served.pairs
    ]


def expectations(
    names: Sequence[ServedName], servers: Sequence[Sequence[Endpoint]]
) -> tuple[Expectation, ...]:
    """What must be seen: every name at every endpoint, or for many names (NAMES_ON_EVERY_PORT) at
    one endpoint of each server. `servers` are the endpoints, server by server."""
    every = [endpoint for endpoints in servers for endpoint in endpoints]
    one = [min(endpoints, key=cheapest) for endpoints in servers if endpoints]
    found = []
    for number, served in enumerate(names):
        for endpoint in every if number < NAMES_ON_EVERY_PORT else one:
            found += expected(served, endpoint)
    return tuple(dict.fromkeys(found))


def cheapest(endpoint: Endpoint) -> tuple[bool, bool, int]:
    """TLS from the first byte spares a dialogue."""
    starttls = endpoint.service.tls is TlsMode.STARTTLS
    return starttls, ":" in endpoint.address, endpoint.port
