"""What was seen on the wire, endpoint by endpoint. No judgement here: that is `findings`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from letterlock.model.certificate import Certificate, ChainVerdict, KeyType
from letterlock.model.dns_facts import DomainFacts, HostDns
from letterlock.model.revocation import Revocation
from letterlock.model.service import Endpoint
from letterlock.model.tls_facts import TlsFacts
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first words and what it offers before TLS. `capabilities` are the EHLO
    keywords (RFC 5321 section 4.1.1.1), IMAP CAPABILITY or POP3 CAPA (RFC 2449) lines, as sent.

    `cleartext_logins` names every way to send a password that is open before TLS: SASL mechanisms,
    `LOGIN` (IMAP without LOGINDISABLED, RFC 2595 section 3.2), `USER` (POP3)."""

    banner: str
    capabilities: tuple[str, ...]
    starttls_offered: bool
    cleartext_logins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handshake:
    """One full TLS handshake. Names of versions, suites and groups are IANA's (TLSv1.3,
    TLS_AES_128_GCM_SHA256, x25519); `chain` is what was served, in the order served."""

    version: str
    cipher_suite: str
    named_group: str | Unknown
    chain: tuple[Certificate, ...]
    verdict: ChainVerdict
    seconds: float


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """All that is known of one endpoint.

    `greeting` is Unknown where the connection or the dialogue failed, and on implicit-TLS ports
    None: nothing is said before TLS there. `handshake` is None where the server offers no TLS.
    `capabilities_inside` is what it offers inside TLS."""

    endpoint: Endpoint
    name: str
    greeting: Greeting | Unknown | None
    handshake: Handshake | Unknown | None
    capabilities_inside: tuple[str, ...] | Unknown = field(
        default_factory=lambda: Unknown(Wording("no TLS session"))
    )
    #: True when the address refused the connection: nothing listens there.
    closed: bool = False
    #: What the server sent in the clear between its answer to STARTTLS and our ClientHello.
    after_starttls: bytes = b""
    #: True when we came from the very address that we went to: some servers count that as secure.
    from_same_address: bool = False
    #: What further conversations told, where they were asked for.
    tls: TlsFacts | None = None
    #: The one key type that our client spoke; None where it spoke all.
    key_type: KeyType | None = None
    #: The handshakes of clients that spoke another key type alone (`together`).
    further: tuple[Handshake, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """All that is known of one target, as given by the user; `name` is what was sent as SNI and
    verified."""

    target: str
    name: str
    started: datetime
    seconds: float
    endpoints: tuple[EndpointFacts, ...]
    connections: int
    #: What DNS says, where the target is a mail domain: it has no endpoints, its hosts are targets
    #: of their own.
    domain: DomainFacts | None = None
    #: What DNS says of a host, where it was asked.
    host: HostDns | None = None
    #: What CAs say of the certificates served; None where they were not asked.
    revocations: tuple[Revocation, ...] | None = None


def together(facts: Iterable[EndpointFacts]) -> tuple[EndpointFacts, ...]:
    """The facts of each endpoint and name as one: the first, with the handshakes of the others,
    which spoke another key type, as its `further` ones."""
    first: dict[tuple[Endpoint, str], EndpointFacts] = {}
    for each in facts:
        known = first.setdefault((each.endpoint, each.name), each)
        if known is not each and isinstance(each.handshake, Handshake):
            more = (*known.further, each.handshake)
            first[each.endpoint, each.name] = replace(known, further=more)
    return tuple(first.values())
