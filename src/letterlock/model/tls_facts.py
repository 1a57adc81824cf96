"""What many small conversations tell of a server's TLS: versions, suites, groups, certificates,
behaviour, known faults. No judgement here: that is `findings`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording

#: Yes, no, or not determined (with the reason).
Ternary = bool | Unknown

NOT_ASKED = Unknown(Wording("not asked at this depth"))


class Depth(StrEnum):
    """How much to ask of an endpoint."""

    VERDICT = "verdict"
    STANDARD = "standard"
    FULL = "full"


class Order(StrEnum):
    """Whose preference decides among what both sides offer."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class ProtocolFacts:
    """One protocol version. `name` is SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3;
    `cipher_suites` are IANA names (SSLv2: the draft's), in the server's order where it has one,
    else in the order found; `complete` says that every registered suite was asked for; `refused`
    are the suites that a version on offer was proven not to accept."""

    name: str
    offered: Ternary
    cipher_suites: tuple[str, ...] = ()
    complete: bool = False
    order: Order | Unknown = NOT_ASKED
    refused: tuple[str, ...] = ()

    def with_seen(self, cipher_suite: str) -> ProtocolFacts:
        """The same with a suite that was agreed on, and so with the version offered."""
        if self.offered is True:
            return self
        rest = tuple(each for each in self.refused if each != cipher_suite)
        suites = tuple(dict.fromkeys((*self.cipher_suites, cipher_suite)))
        return replace(
            self, offered=True, cipher_suites=suites, refused=rest, complete=False, order=NOT_ASKED
        )


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """Named groups (IANA names) for one kind of key exchange. `used_in` names the versions in
    which they were seen; `complete` says that every registered group was asked for; `refused` are
    those that were offered and proven not to be accepted."""

    groups: tuple[str, ...]
    used_in: tuple[str, ...]
    complete: bool = False
    order: Order | Unknown = NOT_ASKED
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiffieHellman:
    """Finite-field parameters of a DHE suite: the prime's bits, its name where it is a well-known
    one (ffdhe2048 of RFC 7919, `RFC 2409 group 2`, `Apache 2.2`, …), the generator."""

    bits: int
    generator: int
    prime_sha256: str
    known_as: str | None = None


@dataclass(frozen=True, slots=True)
class Stapled:
    """A stapled OCSP response (RFC 6066 section 8): its certificate status (good, revoked,
    unknown) or why it cannot be read."""

    status: str | Unknown


@dataclass(frozen=True, slots=True)
class ServedChain:
    """A chain that the server serves. `key_type` is RSA, ECDSA, Ed25519 …; `sni` the name sent,
    None where none was; `scts` the signed certificate timestamps seen in certificate, extension or
    stapled response (RFC 6962 section 3.3)."""

    key_type: str
    sni: str | None
    chain: tuple[Certificate, ...]
    verdict: ChainVerdict
    stapled: Stapled | Unknown | None = None
    scts: int | Unknown = NOT_ASKED


@dataclass(frozen=True, slots=True)
class Resumption:
    """By session id and by ticket, in TLS 1.2 and below; tickets of TLS 1.3; `lifetime_hint` in
    seconds (RFC 5077 section 3.3)."""

    session_id: Ternary = NOT_ASKED
    ticket: Ternary = NOT_ASKED
    ticket_tls13: Ternary = NOT_ASKED
    lifetime_hint: int | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server takes what a client may send. Each is NOT_ASKED until a question was."""

    #: TLS compression (RFC 3749) is agreed to.
    compression: Ternary = NOT_ASKED
    #: renegotiation_info is answered (RFC 5746).
    secure_renegotiation: Ternary = NOT_ASKED
    #: A renegotiation that the client begins is carried out.
    client_renegotiation: Ternary = NOT_ASKED
    #: RFC 7627.
    extended_master_secret: Ternary = NOT_ASKED
    #: RFC 7366.
    encrypt_then_mac: Ternary = NOT_ASKED
    #: A needless fallback is refused (RFC 7507).
    fallback_scsv: Ternary = NOT_ASKED
    #: Unknown values everywhere are ignored (RFC 8701).
    tolerates_grease: Ternary = NOT_ASKED
    #: A ClientHello of a version that does not exist is answered with a lower one.
    tolerates_future_version: Ternary = NOT_ASKED
    #: A hello larger than 512 bytes, as post-quantum key shares make it, is answered.
    tolerates_large_hello: Ternary = NOT_ASKED
    #: A name that is not the server's is refused (ALPACA's countermeasure), and so is a protocol.
    strict_sni: Ternary = NOT_ASKED
    strict_alpn: Ternary = NOT_ASKED
    #: 0-RTT is allowed (RFC 8446 section 2.3): max_early_data_size above 0.
    early_data: Ternary = NOT_ASKED
    #: The same DHE or ECDHE value is sent twice.
    reuses_dh_value: Ternary = NOT_ASKED
    reuses_ecdh_value: Ternary = NOT_ASKED
    heartbeat: Ternary = NOT_ASKED
    resumption: Resumption = field(default_factory=Resumption)


@dataclass(frozen=True, slots=True)
class KnownFault:
    """A published attack tried or deduced. `id` is heartbleed, ccs-injection, robot, ticketbleed,
    drown, poodle, freak, logjam, sweet32, beast, lucky13, crime or dheat; `evidence` says what was
    seen."""

    id: str
    present: Ternary
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class DialogueFacts:
    """How the mail dialogue around STARTTLS behaves. `injection` is True where a command sent in
    the clear together with STARTTLS is answered inside TLS (CVE-2011-0411 and its family);
    `second_starttls` what STARTTLS inside TLS is answered with; `login_before_tls` whether a login
    command, without credentials, is accepted in the clear beyond what is offered."""

    injection: Ternary = NOT_ASKED
    second_starttls: str | Unknown = NOT_ASKED
    login_before_tls: Ternary = NOT_ASKED


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """Everything learnt of one endpoint beyond its one full handshake. `connections` counts those
    opened, `refused` those that the server turned away (421, reset, time-out); `left_out` says what
    was not asked and why (budget, throttling), a phrase each."""

    depth: Depth
    protocols: tuple[ProtocolFacts, ...]
    groups: tuple[GroupFacts, ...] = ()
    diffie_hellman: tuple[DiffieHellman, ...] = ()
    #: IANA names of the schemes the server signs with, per version.
    signature_schemes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: The same, of those that it was proven not to sign with.
    refused_schemes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    chains: tuple[ServedChain, ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    known_faults: tuple[KnownFault, ...] = ()
    dialogue: DialogueFacts = field(default_factory=DialogueFacts)
    connections: int = 0
    refused: int = 0
    left_out: tuple[str, ...] = ()

    def with_seen(self, version: str, cipher_suite: str) -> TlsFacts:
        """The same where a full handshake is known to have agreed on that version and suite: what
        was seen outweighs a hello that was hung up on."""
        name = version.removesuffix(".0")
        return replace(
            self,
            protocols=tuple(
                each.with_seen(cipher_suite) if each.name == name else each
                for each in self.protocols
            ),
        )

    def protocol(self, name: str) -> ProtocolFacts | None:
        return next((each for each in self.protocols if each.name == name), None)
