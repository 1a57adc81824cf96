"""The vocabulary between the planner, which knows what to ask, and the driver, which asks it.

planner.ready() ─► Ask ─► driver: a fresh connection, brought to where TLS begins ─► Outcome
                    ▲                                                                  │
                    └────────────────── planner.learn(ask, outcome) ◄──────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from letterlock.model.unknown import Unknown

if TYPE_CHECKING:
    from letterlock.wire.tls.answer import Answer


class ProcedureName(StrEnum):
    """The scripts of `probe.procedures`; beside each, its result type and its usual weight."""

    #: HandshakeResult, 1: one full handshake by OpenSSL, as TlsOptions say.
    HANDSHAKE = "handshake"
    #: Renegotiated, 1: a renegotiation begun by us (TLS 1.2 and below).
    RENEGOTIATE = "renegotiate"
    #: Resumed, 2 for one version: `options.maximum` says TLSv1.2 (session id and ticket, 3 or 4) or
    #: TLSv1.3 (ticket, 2).
    RESUME = "resume"
    #: EarlyData, 1: the max_early_data_size of TLS 1.3's tickets (RFC 8446 section 4.6.1).
    EARLY_DATA = "early-data"
    #: Tried, 1 each.
    HEARTBLEED = "heartbleed"
    CCS = "ccs"
    #: Tried, 10 at most: five kinds of broken padding, tried again only where answers differ.
    ROBOT = "robot"
    #: Tried, 2.
    TICKETBLEED = "ticketbleed"
    #: AroundStarttls, 1: as many of the three below as one connection bears.
    AROUND_STARTTLS = "around-starttls"
    #: Tried, 1: about the dialogue itself, `options` is not looked at but for `sni`.
    STARTTLS_INJECTION = "starttls-injection"
    #: Replied, 1.
    SECOND_STARTTLS = "second-starttls"
    #: Tried, 1.
    LOGIN_BEFORE_TLS = "login-before-tls"


@dataclass(frozen=True, slots=True)
class Session:
    """A session of TLS 1.3 that a ticket was given for, as OpenSSL serialises it with its secret;
    `lifetime` in seconds (RFC 8446 section 4.6.1), None where the ticket leaves it open."""

    serialised: bytes = field(repr=False)
    lifetime: int | None = None
    max_early_data_size: int = 0


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """What a procedure's hello offers. Versions are SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3;
    suites, groups and schemes are IANA names, best first; an empty tuple leaves them to the
    procedure. `sni` None sends no server_name. `alpn` are protocol names as sent. `session_ids`
    False says that the server is known to give none, so that resuming by one need not be tried.
    `resume` is a session that an earlier procedure was given, `login` whether the one about
    STARTTLS tries a login before it too."""

    sni: str | None
    minimum: str = "TLSv1"
    maximum: str = "TLSv1.3"
    cipher_suites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    signature_schemes: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    session_ids: bool = True
    resume: Session | None = None
    login: bool = False


@dataclass(frozen=True, slots=True)
class Hello:
    """One raw hello, complete records as they go out, on a fresh connection on which TLS may
    begin; what comes back is read by `wire.tls` until the server's flight ends (ServerHelloDone,
    HelloRetryRequest, TLS 1.3's ServerHello, an alert, SSLv2's SERVER-HELLO) or the connection
    does. `sslv2` says that the answer may be an SSLv2 record."""

    client_hello: bytes
    sslv2: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """A small script on a fresh connection (or several, see `Ask.weight`)."""

    name: ProcedureName
    options: TlsOptions


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask. `key` names it uniquely within its planner, in words fit for a log;
    `weight` is how many TCP connections it costs at most."""

    key: str
    what: Hello | Procedure
    weight: int = 1


@dataclass(frozen=True, slots=True)
class HandshakeResult:
    """What a full handshake agreed on, or, where the server turned it down, `alert` (its name in
    RFC 8446 section 6) and nothing else. `chain` is DER as served; `ocsp_response` the stapled
    response's DER, empty where none came; `scts` counts the timestamps of the TLS extension;
    `alpn` the protocol chosen."""

    alert: str | None = None
    version: str = ""
    cipher_suite: str = ""
    named_group: str | None = None
    signature_scheme: str | None = None
    chain: tuple[bytes, ...] = ()
    ocsp_response: bytes = b""
    scts: int = 0
    alpn: str | None = None
    #: RFC 7627; None in TLS 1.3, which is always so.
    extended_master_secret: bool | None = None
    #: Whether a session ticket came, and of TLS 1.3's the largest max_early_data_size, 0 where
    #: there is none (so that `early-data` need not be asked again after a handshake in TLS 1.3).
    ticket: bool = False
    max_early_data_size: int = 0


@dataclass(frozen=True, slots=True)
class Renegotiated:
    """Whether a renegotiation begun by the client was carried out; `evidence` says what the server
    did (a new ServerHello, no_renegotiation, closed)."""

    accepted: bool
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Resumption as tried; None where the version asked for does not have it, or the server gave
    nothing to resume with by that means is False. `lifetime_hint` in seconds;
    `max_early_data_size` as in EarlyData, None where no TLS 1.3 ticket was looked at."""

    session_id: bool | None = None
    ticket: bool | None = None
    ticket_tls13: bool | None = None
    lifetime_hint: int | None = None
    max_early_data_size: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EarlyData:
    """The largest max_early_data_size among the tickets; 0 where there was none."""

    max_early_data_size: int


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether what the procedure tries for is there, and what was seen. Where it could not be
    told, the procedure's outcome is an Unknown instead."""

    present: bool
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Replied:
    """The server's reply, as a readable line."""

    reply: str


@dataclass(frozen=True, slots=True)
class AroundStarttls:
    """What one connection told of STARTTLS; None is for what it did not, and what is to be asked on
    a connection of its own. `session` can be resumed."""

    login: Tried | None = None
    injection: Tried | None = None
    second: Replied | None = None
    session: Session | None = field(default=None, compare=False)


ProcedureResult = (
    HandshakeResult | Renegotiated | Resumed | EarlyData | Tried | Replied | AroundStarttls
)

#: What an Ask comes to. A TLS alert is an Answer (or a HandshakeResult with `alert`), and so is the
#: connection's end instead of an answer to a hello (CLOSED), which is how Dovecot turns one down;
#: Unknown means that no answer was had: refused before, throttled, timed out, budget.
Outcome: TypeAlias = "Answer | ProcedureResult | Unknown"
