"""What a certificate says, and what a relying party would say to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class KeyType(StrEnum):
    """The kinds of key of which a mail server can serve one certificate each, the one that every
    client can use first."""

    RSA = "RSA"
    ECDSA = "ECDSA"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`algorithm` is RSA, ECDSA, Ed25519, Ed448 or DSA; `bits` its size; `curve` the named group
    of an ECDSA key in OpenSSL's spelling (prime256v1), else None."""

    algorithm: str
    bits: int
    curve: str | None = None

    @property
    def key_type(self) -> KeyType | None:
        """None for a key that is neither RSA nor ECDSA."""
        return KeyType(self.algorithm) if self.algorithm in tuple(KeyType) else None

    def __str__(self) -> str:
        if self.curve:
            return f"{self.algorithm} {self.curve}"
        if self.algorithm in ("RSA", "DSA"):
            return f"{self.algorithm} {self.bits}"
        return self.algorithm


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of an X.509 certificate (RFC 5280). Times are aware, in UTC; digests are lower
    hex; `dns_names` and `ip_addresses` come from subjectAltName only (RFC 9525 section 6.3)."""

    der: bytes
    subject: str
    issuer: str
    serial_number: int
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    public_key: PublicKey
    signature_algorithm: str
    signature_hash: str | None
    is_ca: bool
    self_issued: bool
    #: Extended key usages by name (serverAuth, clientAuth, …) or dotted OID; None: no extension.
    extended_key_usage: tuple[str, ...] | None
    #: AIA caIssuers URLs (RFC 5280 section 4.2.2.1).
    issuer_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    must_staple: bool
    sha256: str
    spki_sha256: str
    #: What is malformed or against RFC 5280 in it, a phrase each.
    oddities: tuple[str, ...] = ()

    @property
    def lifetime(self) -> timedelta:
        return self.not_after - self.not_before

    def days_left(self, at: datetime) -> int:
        """Whole days until `not_after`; negative once it has passed."""
        return (self.not_after - at) // timedelta(days=1)


class ChainFault(StrEnum):
    """Why a chain as served or installed is not accepted."""

    NO_TRUST_ANCHOR = "no-trust-anchor"
    SELF_SIGNED = "self-signed"
    INCOMPLETE = "incomplete"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NAME_MISMATCH = "name-mismatch"
    NO_SERVER_AUTH = "no-server-auth"
    WEAK_KEY = "weak-key"
    WEAK_SIGNATURE = "weak-signature"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """One fault with the sentence that names the certificate, the value and what was expected."""

    fault: ChainFault
    text: str


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """A chain judged. `path` is the path found from the leaf up to, not including, the trust
    anchor; `anchor` the anchor's subject, None when none is reached; `problems` is empty when a
    relying party that knows the name and the trust store accepts it. `mozilla` is what one says
    that knows Mozilla's roots instead, None where it was not asked."""

    path: tuple[Certificate, ...]
    anchor: str | None
    problems: tuple[ChainProblem, ...]
    mozilla: ChainVerdict | None = None

    @property
    def accepted(self) -> bool:
        return not self.problems

    def has(self, fault: ChainFault) -> bool:
        return any(problem.fault is fault for problem in self.problems)
