"""What DNS says of a mail domain and of a mail host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from letterlock.model.dns_answer import Answer, HostAddresses, ResolverFacts, Security
from letterlock.model.dns_promises import (
    CaaFacts,
    CaaMatch,
    ClientFacts,
    ServicePromise,
    StsFacts,
    StsForHost,
    TlsRptFacts,
)
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class MxRecord:
    """One MX record; `exchange` in A-labels without the final dot, `.` of a null MX (RFC 7505)."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True)
class MailExchange:
    """Where mail for the domain goes: the records, and the hosts that they name, the most wanted
    first, each once. Without any record the domain's own name is the one host, `implicit`
    (RFC 5321 section 5.1). `left_out` counts hosts beyond what is looked at."""

    records: Answer[MxRecord]
    hosts: tuple[HostAddresses, ...]
    implicit: bool = False
    left_out: int = 0

    @property
    def null(self) -> bool:
        """Whether the domain says that it takes no mail."""
        return any(one.exchange == "." for one in self.records.records)


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """All that DNS tells of a mail domain, and what it leads to; None: not asked."""

    domain: str
    resolver: ResolverFacts
    exchange: MailExchange | Unknown
    sts: StsFacts | None = None
    tls_rpt: TlsRptFacts | None = None
    clients: ClientFacts | None = None


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """A TLSA record as published (RFC 6698 section 2.1); the numbers may be unassigned ones."""

    usage: int
    selector: int
    matching: int
    association: bytes

    def __str__(self) -> str:
        data = self.association.hex()
        shown = data if len(data) <= 16 else f"{data[:16]}…"
        return f"{self.usage} {self.selector} {self.matching} {shown}"


@dataclass(frozen=True, slots=True)
class TlsaSet:
    """The TLSA records for a port."""

    port: int
    answer: Answer[TlsaRecord] | Unknown


@dataclass(frozen=True, slots=True)
class RecordMatch:
    """One record held against one chain. `unusable` says why a client passes the record over,
    `why_not` why it does not match; both are empty where they do not apply."""

    record: TlsaRecord
    unusable: str = ""
    why_not: str = ""

    @property
    def matches(self) -> bool:
        return not self.unusable and not self.why_not


@dataclass(frozen=True, slots=True)
class DaneMatch:
    """A port's records held against a chain that is served there: `key_type` of its leaf (RSA,
    ECDSA), `sha256` the leaf's fingerprint, `not_after` its end."""

    endpoint: Endpoint
    key_type: str
    sha256: str
    not_after: datetime
    records: tuple[RecordMatch, ...]

    @property
    def verified(self) -> bool:
        return any(each.matches for each in self.records)


@dataclass(frozen=True, slots=True)
class HostDns:
    """What DNS says of a mail host. `domain` is the one whose MX record led here, with the
    `exchange_security` of that record; None and None where the host itself was the target."""

    name: str
    domain: str | None
    resolver: ResolverFacts
    exchange_security: Security | Unknown | None
    addresses: HostAddresses
    tlsa: tuple[TlsaSet, ...] = ()
    dane: tuple[DaneMatch, ...] = ()
    #: What the domain's MTA-STS policy says of this host; None where there is none in force.
    sts: StsForHost | None = None
    #: None: not asked.
    caa: CaaFacts | None = None
    issuers: tuple[CaaMatch, ...] = ()
    #: What a domain promises its users of this host.
    promises: tuple[ServicePromise, ...] = ()

    @property
    def leads_securely(self) -> bool:
        """Whether a sender that does DANE looks for TLSA records at all: MX and address records
        are signed (RFC 7672 section 2.2)."""
        if self.exchange_security not in (None, Security.SECURE):
            return False
        known = (self.addresses.ipv4, self.addresses.ipv6)
        found = [one for one in known if isinstance(one, Answer) and one.records]
        return bool(found) and all(one.secure for one in found)
