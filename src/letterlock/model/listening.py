"""What a listening test saw of senders: one visit after the other, and the sheet of each sender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from letterlock.model.wording import Wording


class Trap(StrEnum):
    """A host that a sender is led to, by what is wrong with it."""

    GOOD = "good"
    EXPIRED = "expired"
    WRONG_NAME = "wrong-name"
    SELF_SIGNED = "self-signed"
    NO_STARTTLS = "no-starttls"
    TLSA_MISMATCH = "tlsa-mismatch"
    MTA_STS = "mta-sts"

    @property
    def checks(self) -> str:
        """What a sender checks that delivers nothing here."""
        return _CHECKS[self]


_CHECKS = {
    Trap.GOOD: "",
    Trap.EXPIRED: Wording("validity"),
    Trap.WRONG_NAME: Wording("name"),
    Trap.SELF_SIGNED: Wording("issuer"),
    Trap.NO_STARTTLS: Wording("that there is TLS"),
    Trap.TLSA_MISMATCH: "DANE",
    Trap.MTA_STS: "MTA-STS",
}


@dataclass(frozen=True, slots=True)
class HelloFacts:
    """What a ClientHello offers, by IANA's names, in the order sent, GREASE (RFC 8701) left out;
    a code point in no registry reads `0x` and its digits. `server_name` and `alpn` are as sent:
    hostile text. `key_shares` are the groups that a share was sent for."""

    versions: tuple[str, ...]
    cipher_suites: tuple[str, ...]
    groups: tuple[str, ...] = ()
    key_shares: tuple[str, ...] = ()
    signature_schemes: tuple[str, ...] = ()
    server_name: str | None = None
    alpn: tuple[str, ...] = ()
    #: Of an algorithm that a quantum computer would not break.
    post_quantum_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """One TLS handshake with a sender, as the bytes on the socket told it. `hello` is None where
    none could be read, `version`, `cipher_suite` and `group` where nothing was agreed on.

    `alert` is the last alert that the sender sent before or instead of mail, by its name of RFC
    8446 section 6; `failure` says why a handshake was not completed."""

    completed: bool
    hello: HelloFacts | None = None
    version: str | None = None
    cipher_suite: str | None = None
    group: str | None = None
    post_quantum: bool = False
    retried: bool = False
    alert: str | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that was taken and thrown away. `trap` and `token` come from its recipient: the
    token is only known by the first half of its SHA-256, in hexadecimal. `sender_domain` is the
    envelope sender's, empty for a bounce (`<>`)."""

    at: datetime
    trap: Trap
    token: str
    sender_domain: str
    size: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One connection, from the first byte to the last.

    `trap` is what the visitor was shown: of the address it came to or, where that is shared, of
    the SNI it sent; None where neither told. `helo` is what it called itself: hostile text.
    `recipients` are traps and tokens of its recipients, also where no mail followed. `injected`:
    it sent commands in the clear after STARTTLS, as in CVE-2011-0411."""

    at: datetime
    seconds: float
    address: str
    trap: Trap | None
    helo: str = ""
    starttls_offered: bool = False
    starttls_asked: bool = False
    tls: TlsSeen | None = None
    recipients: tuple[tuple[Trap, str], ...] = ()
    #: Recipients that were none of the test's.
    turned_away: int = 0
    mails: tuple[Mail, ...] = ()
    injected: bool = False
    #: Why we ended it, where we did.
    ended: str = ""

    @property
    def refusal(self) -> str:
        """What it was seen to end with, where no mail came: an alert's name, or a few words."""
        tls = self.tls
        if not self.helo:
            return Wording("left before EHLO")
        if self.injected:
            return Wording("commands before the handshake")
        if tls is None:
            return Wording("TLS not tried") if self.starttls_offered else Wording("no TLS offered")
        if tls.alert:
            return tls.alert
        return Wording("after the handshake") if tls.completed else tls.failure


@dataclass(frozen=True, slots=True)
class PolicyFetch:
    """The MTA-STS trap's policy was fetched: who did may be another machine than who sends."""

    at: datetime
    address: str


class Verdict(StrEnum):
    """What a sender did at a trap; the worst of what it did there counts."""

    #: Within TLS.
    DELIVERED = "delivered"
    #: In the clear, TLS was not tried.
    CLEAR = "delivered-clear"
    #: In the clear, after TLS was tried and failed or was left.
    FELL_BACK = "fell-back"
    #: It came and did not deliver.
    REFUSED = "refused"
    #: It delivered, and had been shown another host's certificate; or it was turned away or cut
    #: short by us, which says nothing either.
    INCONCLUSIVE = "inconclusive"
    NEVER_CAME = "never-came"

    @property
    def delivered(self) -> bool:
        return self in (Verdict.DELIVERED, Verdict.CLEAR, Verdict.FELL_BACK)


@dataclass(frozen=True, slots=True)
class Row:
    """A trap on a sender's sheet. `why` is what a refusal was seen by, the alert's name or a
    phrase, or why it says nothing; `visits` are all of its there, `tls` is the handshake that
    counts."""

    trap: Trap
    verdict: Verdict
    why: str = ""
    visits: int = 0
    mails: int = 0
    tls: TlsSeen | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One test of one sender: what came of the mails to a token. Who refuses says no recipient, so
    visits without one count for the token whose mails came from the same address. `token` is None
    for an address that no mail came from."""

    token: str | None
    addresses: tuple[str, ...]
    helo: tuple[str, ...]
    rows: tuple[Row, ...]
    #: The name of the token, where who asks knows it.
    label: str = ""

    def at(self, trap: Trap) -> Row:
        return next(row for row in self.rows if row.trap is trap)

    @property
    def does_not_check(self) -> tuple[str, ...]:
        """What it does not check, since mail arrived all the same."""
        return tuple(
            row.trap.checks for row in self.rows if row.verdict.delivered and row.trap.checks
        )
