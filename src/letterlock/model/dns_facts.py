"""What DNS says of a mail domain and of a mail host, and how far it can be believed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

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

Record = TypeVar("Record", covariant=True)


class Security(StrEnum):
    """How an answer stands by DNSSEC (RFC 4035 section 4.3)."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"


@dataclass(frozen=True, slots=True)
class ResolverFacts:
    """Whom we asked, and whether it validates: tried with a name whose signatures are broken."""

    address: str
    validates: bool | Unknown


@dataclass(frozen=True, slots=True)
class Answer(Generic[Record]):
    """The records of one type at `name`, in the order of the answer; none where there are none,
    with `exists` False where the name itself does not exist (RFC 8020). `aliases` are the CNAMEs
    followed. `security` is Unknown where the resolver is not known to validate. A bogus answer's
    records are those that a resolver gives which was told not to validate; `why` are a resolver's
    own words for what is wrong (RFC 8914)."""

    name: str
    records: tuple[Record, ...]
    security: Security | Unknown
    exists: bool = True
    aliases: tuple[str, ...] = ()
    why: str = ""

    @property
    def secure(self) -> bool:
        return self.security is Security.SECURE

    @property
    def bogus(self) -> bool:
        return self.security is Security.BOGUS


@dataclass(frozen=True, slots=True)
class HostAddresses:
    """A host name and its addresses, literals without brackets."""

    name: str
    ipv4: Answer[str] | Unknown
    ipv6: Answer[str] | Unknown

    @property
    def addresses(self) -> tuple[str, ...]:
        """IPv4 first; those of bogus answers are left out, as a validating resolver does."""
        known = [one for one in (self.ipv4, self.ipv6) if isinstance(one, Answer)]
        return tuple(address for one in known if not one.bogus for address in one.records)

    @property
    def aliases(self) -> tuple[str, ...]:
        known = [one for one in (self.ipv4, self.ipv6) if isinstance(one, Answer)]
        return next((one.aliases for one in known if one.aliases), ())

    @property
    def is_literal(self) -> bool:
        """Whether the name is an IP address in a host name's place."""
        try:
            ipaddress.ip_address(self.name.strip("[]"))
        except ValueError:
            return False
        return True


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
