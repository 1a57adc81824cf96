"""An answer of DNS, and how far it can be believed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

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
