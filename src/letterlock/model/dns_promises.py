"""What a mail domain promises beside its MX records: MTA-STS, reports, and where its users go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from letterlock.model.service import (
    IMAP,
    IMAPS,
    POP3,
    POP3S,
    SUBMISSION,
    SUBMISSIONS,
    Endpoint,
    Service,
)
from letterlock.model.unknown import Unknown

if TYPE_CHECKING:
    from letterlock.model.dns_answer import Answer, HostAddresses

#: Of mail programs (RFC 6186 section 3, RFC 8314 section 5.1), those with TLS from the first byte
#: first.
SRV_SERVICES = {
    "_submissions._tcp": SUBMISSIONS,
    "_imaps._tcp": IMAPS,
    "_pop3s._tcp": POP3S,
    "_submission._tcp": SUBMISSION,
    "_imap._tcp": IMAP,
    "_pop3._tcp": POP3,
}
#: Tags that every CA knows (RFC 8659 section 4, RFC 9495, the CA/Browser Forum's contact tags).
CAA_TAGS = frozenset(
    ("issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone")
)


class StsMode(StrEnum):
    """What a sender does with mail that the policy speaks against (RFC 8461 section 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """An MTA-STS policy (RFC 8461 section 3.2). `mx` are host names or `*.` and a domain, in lower
    case; `max_age` is in seconds; `ignored` are the fields that senders pass over: repeated ones,
    and those that the RFC does not have."""

    mode: StsMode
    mx: tuple[str, ...]
    max_age: int
    ignored: tuple[str, ...] = ()

    def pattern_for(self, host: str) -> str | None:
        """The first pattern that a host name in A-labels matches (RFC 8461 section 4.1): a `*`
        stands for exactly one label."""
        name = host.lower().rstrip(".")
        label, _, parent = name.partition(".")
        for pattern in self.mx:
            if pattern == name or (label and pattern == f"*.{parent}"):
                return pattern
        return None


@dataclass(frozen=True, slots=True)
class StsFacts:
    """MTA-STS of a domain as a sender finds it. `record` are all texts at `_mta-sts`; `id` that of
    the one that counts; `fault` why senders have no policy although something is published: of
    the record, of the way to the policy, or of the policy itself. `host` are the addresses of
    `mta-sts.DOMAIN`, None where no record leads to it. `policy` is Unknown where it could not be
    had, None where nobody asks for it."""

    record: Answer[str] | Unknown
    id: str = ""
    fault: str = ""
    host: HostAddresses | None = None
    policy: StsPolicy | Unknown | None = None

    @property
    def in_force(self) -> StsPolicy | None:
        """The policy that senders go by, where there is one."""
        if self.fault or not isinstance(self.policy, StsPolicy):
            return None
        return self.policy


@dataclass(frozen=True, slots=True)
class StsForHost:
    """How a policy speaks of one MX host: `pattern` is the one that it matches, or None."""

    domain: str
    mode: StsMode
    pattern: str | None


@dataclass(frozen=True, slots=True)
class TlsRptFacts:
    """Where reports of failed deliveries go (RFC 8460). `record` are all texts at `_smtp._tls`;
    `addresses` those of the one that counts; `fault` why none does although there is one."""

    record: Answer[str] | Unknown
    addresses: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class CaaIssuer:
    """A CA that may issue, by its domain in lower case, empty: none; `parameters` in order, such as
    accounturi (RFC 8657)."""

    domain: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """A CAA record (RFC 8659 section 4.1), its tag in lower case. `issuer` is what an issue or
    issuewild value says; `fault` what is wrong with it."""

    flags: int
    tag: str
    value: str
    issuer: CaaIssuer | None = None
    fault: str = ""

    @property
    def critical(self) -> bool:
        return bool(self.flags & 128)

    def __str__(self) -> str:
        return f'{self.flags} {self.tag} "{self.value}"'


@dataclass(frozen=True, slots=True)
class CaaFacts:
    """The CAA records that count for a host name: `found` are those of the first name with some,
    from it upwards (RFC 8659 section 3); without records where no name has any. `wildcard` are
    those that count for a certificate with a `*` in its place."""

    found: Answer[CaaRecord] | Unknown
    wildcard: Answer[CaaRecord] | Unknown


@dataclass(frozen=True, slots=True)
class CaaMatch:
    """The records held against a certificate that is served at `endpoint`: `issuer` is its CA's
    organisation, `domains` those that the CA recognises in CAA records, none where they are not
    known to us. `name` is the certificate's that covers the host; `why_not` why the CA would not
    issue today, empty where it would."""

    endpoint: Endpoint
    issuer: str
    domains: tuple[str, ...]
    name: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ServicePromise:
    """What a domain tells its users' mail programs to go to: `host` in A-labels, the `port` and
    what listens there. `source` is where it is told (`SRV _imaps._tcp`, a page's host and path);
    `tls` False where programs are told to go without."""

    source: str
    host: str
    port: int
    service: Service
    tls: bool = True


@dataclass(frozen=True, slots=True)
class SrvRecord:
    """An SRV record (RFC 2782); `target` without the final dot, `.` where the service is not
    offered."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class SrvSet:
    """The SRV records of one service, such as `_imaps._tcp`."""

    service: str
    answer: Answer[SrvRecord] | Unknown


@dataclass(frozen=True, slots=True)
class ClientPage:
    """A page that mail programs look for, by its host and path; `status` of HTTP, None where there
    was no answer. `why` says why it tells nothing; `broken` that this is a fault, not a page that
    just is not there. Not `secure`: it came over HTTP."""

    at: str
    status: int | None
    why: str = ""
    broken: bool = False
    secure: bool = True

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://{self.at}"


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What a domain tells mail programs (RFC 6186, RFC 8314 section 5.1; Thunderbird's autoconfig,
    Autodiscover). `promises` are all of it, each once; `hosts` the addresses of those that they
    name; `left_out` counts promises beyond what is looked at."""

    srv: tuple[SrvSet, ...]
    autoconfig: tuple[ClientPage, ...]
    autodiscover: tuple[ClientPage, ...]
    promises: tuple[ServicePromise, ...]
    hosts: tuple[HostAddresses, ...]
    left_out: int = 0
