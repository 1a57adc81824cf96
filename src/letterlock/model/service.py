"""The mail ports, and an address on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from letterlock.model.wording import Wording, counted, joined


class MailProtocol(StrEnum):
    """The dialogue spoken before or inside TLS."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    LMTP = "lmtp"
    SIEVE = "sieve"


class TlsMode(StrEnum):
    """How TLS begins: by a command in the clear (RFC 3207, 2595), or with the first byte
    (RFC 8314 section 3)."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Role(StrEnum):
    """Whom a port serves: other servers (opportunistic TLS), or the domain's own users."""

    MX = "mx"
    SUBMISSION = "submission"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Service:
    """A mail service: its IANA name, its port, its dialogue, how TLS begins, and its role."""

    name: str
    port: int
    protocol: MailProtocol
    tls: TlsMode
    role: Role


SMTP = Service("smtp", 25, MailProtocol.SMTP, TlsMode.STARTTLS, Role.MX)
SUBMISSIONS = Service("submissions", 465, MailProtocol.SMTP, TlsMode.IMPLICIT, Role.SUBMISSION)
SUBMISSION = Service("submission", 587, MailProtocol.SMTP, TlsMode.STARTTLS, Role.SUBMISSION)
POP3 = Service("pop3", 110, MailProtocol.POP3, TlsMode.STARTTLS, Role.ACCESS)
IMAP = Service("imap", 143, MailProtocol.IMAP, TlsMode.STARTTLS, Role.ACCESS)
IMAPS = Service("imaps", 993, MailProtocol.IMAP, TlsMode.IMPLICIT, Role.ACCESS)
POP3S = Service("pop3s", 995, MailProtocol.POP3, TlsMode.IMPLICIT, Role.ACCESS)

#: The seven ports in numerical order. Source: the IANA service name registry; 465 is
#: `submissions` since RFC 8314 section 7.3 (Postfix before 3.7 calls it `smtps`).
SERVICES = (SMTP, POP3, IMAP, SUBMISSIONS, SUBMISSION, IMAPS, POP3S)

#: No ports of every mail server, looked at where they are asked for. LMTP has no port of its own
#: (RFC 2033 section 5: not 25): 24, IANA's "any private mail system", is where Dovecot's guides
#: have it. ManageSieve's is RFC 5804 section 1.8's.
LMTP = Service("lmtp", 24, MailProtocol.LMTP, TlsMode.STARTTLS, Role.MX)
SIEVE = Service("sieve", 4190, MailProtocol.SIEVE, TlsMode.STARTTLS, Role.ACCESS)

#: All that can be looked at.
KNOWN_SERVICES = (*SERVICES, LMTP, SIEVE)

BY_PORT = {service.port: service for service in KNOWN_SERVICES}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service on one address. `address` is an IPv4 or IPv6 literal without brackets; `port`
    is where it listens, which need not be the service's own."""

    address: str
    port: int
    service: Service

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def port_words(ports: Sequence[int]) -> Wording:
    """`port 25`, `ports 25, 587`."""
    listed = joined(", ", map(str, ports))
    return counted("port {ports}", "ports {ports}", len(ports), ports=listed)
