"""How the server takes what a client may send: compression, renegotiation, resumption and more."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings import suites as offered
from letterlock.findings.rule import Rule, define, per_role
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.tls_facts import Behaviour, Ternary
from letterlock.model.wording import Wording
from letterlock.profiles.suite_class import is_cbc

_OPENSSL = "Update OpenSSL (1.1.1 or later) and the server built on it."
_NO_NAMES = (
    "Neither Postfix nor Dovecot has a setting for it: keep mail names out of web certificates "
    "(no wildcard), so that no session can be passed off as another service's."
)

COMPRESSION = define(
    "compression-offered",
    "TLS compression is agreed to",
    "Compressing secret and chosen text together tells the secret by the length (CRIME). Between "
    "servers nobody chooses text often enough to make use of it.",
    source="RFC 9325 section 3.3",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix="Postfix: tls_ssl_options = NO_COMPRESSION (2.11 and later), or update OpenSSL, which "
    "has had it off since 1.1.0.",
    dovecot="Dovecot: take compression out of ssl_options (before 2.3: add no_compression).",
)
INSECURE_RENEGOTIATION = define(
    "insecure-renegotiation",
    "Renegotiation is not tied to its session",
    "An attacker can put bytes of its own before a client's, so that the server takes them for one "
    "stream. Between servers, where anyone may send, it gains little.",
    source="RFC 5746 section 3.6; RFC 9325 section 3.5",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=_OPENSSL,
)
CLIENT_RENEGOTIATION = define(
    "client-renegotiation",
    "Clients may start a renegotiation",
    "A handshake costs the server many times what it costs the client: one connection can keep a "
    "processor busy. No mail program needs it.",
    source="RFC 9325 section 3.5; CVE-2011-1473",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix="Postfix: tls_ssl_options = NO_RENEGOTIATION (3.4 and later, OpenSSL 1.1.1).",
    dovecot="Dovecot: TLS 1.3 has no renegotiation (ssl_min_protocol = TLSv1.3 where all clients "
    "have it); else in openssl.cnf Options = NoRenegotiation.",
)
NO_EMS = define(
    "no-extended-master-secret",
    "The extended master secret is not supported",
    "Without it two sessions can be made to share their secret (triple handshake), which defeats "
    "what is bound to a channel, such as SCRAM-PLUS logins.",
    source="RFC 7627 section 4; RFC 9325 section 3.5",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=_OPENSSL,
)
NO_ETM = define(
    "no-encrypt-then-mac",
    "CBC suites without encrypt-then-MAC",
    "Encrypt-then-MAC ends the padding attacks on CBC suites for clients that know it. Nothing to "
    "complain about where authenticated encryption is preferred.",
    source="RFC 7366 section 3",
    severity=Severity.INFO,
    postfix=_OPENSSL,
)
LONG_TICKETS = define(
    "long-lived-tickets",
    "Session tickets are valid for more than a week",
    "As long as a ticket's key lives, who gets it can read the sessions begun with it: forward "
    "secrecy ends there.",
    source="RFC 8446 section 4.6.1; RFC 9325 section 3.4",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix="Postfix: smtpd_tls_session_cache_timeout = 3600s (its default).",
    dovecot="Dovecot: ssl_options = no_ticket, or restart it daily, which makes new keys.",
)
NO_RESUMPTION = define(
    "no-resumption",
    "Sessions cannot be resumed",
    "Each connection costs a full handshake; programs that open many are slower. A matter of "
    "speed, not of safety.",
    source="RFC 8446 section 2.2",
    severity=Severity.INFO,
    postfix="Postfix: take NO_TICKET out of tls_ssl_options; "
    "smtpd_tls_session_cache_timeout above 0.",
    dovecot="Dovecot: its login processes do not share ticket keys; with service_count = 0 in the "
    "login services one process takes many clients and resumes its own. No no_ticket in "
    "ssl_options.",
)
EARLY_DATA = define(
    "early-data",
    "0-RTT data is accepted",
    "What is sent in the first flight can be replayed by anyone who recorded it. A protocol must "
    "say how it may be used; SMTP, IMAP and POP3 have not.",
    source="RFC 8446 section 8 and appendix E.5; RFC 9325 section 3.10",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix="Neither Postfix nor Dovecot offers it: turn it off in the TLS proxy in front.",
)
LAX_SNI = define(
    "lax-sni",
    "A name that is not the server's is answered all the same",
    "Refusing foreign names is a countermeasure to passing off one service's session as another's "
    "(ALPACA). Hardly any mail server does; nothing to complain about.",
    source="RFC 9325 section 3.7; RFC 6066 section 3",
    severity=Severity.INFO,
    postfix=_NO_NAMES,
)
LAX_ALPN = define(
    "lax-alpn",
    "A foreign application protocol is answered all the same",
    "A server that is asked for a protocol which it does not speak, such as h2, should refuse: the "
    "other countermeasure to ALPACA. Hardly any mail server does; nothing to complain about.",
    source="RFC 9325 section 3.8; RFC 7301 section 3.2",
    severity=Severity.INFO,
    postfix=_NO_NAMES,
)
HEARTBEAT = define(
    "heartbeat-offered",
    "The heartbeat extension is offered",
    "Made for datagrams, of no use over TCP, and the door through which Heartbleed came. OpenSSL "
    "has dropped it.",
    source="RFC 6520 section 2",
    severity=Severity.INFO,
    postfix=_OPENSSL,
)

_WEEK = 7 * 24 * 3600
#: Rule, which answer shows it, what it says then.
_RULES: tuple[tuple[Rule, str, bool, str], ...] = (
    (COMPRESSION, "compression", True, Wording("DEFLATE was chosen when offered")),
    (
        INSECURE_RENEGOTIATION,
        "secure_renegotiation",
        False,
        Wording("renegotiation_info is not answered"),
    ),
    (CLIENT_RENEGOTIATION, "client_renegotiation", True, Wording("one was carried out")),
    (NO_EMS, "extended_master_secret", False, Wording("offered and not answered")),
    (EARLY_DATA, "early_data", True, Wording("a ticket allows early data")),
    (LAX_SNI, "strict_sni", False, Wording("a handshake for a made-up name was answered")),
    (LAX_ALPN, "strict_alpn", False, Wording("a handshake for a made-up protocol was answered")),
    (HEARTBEAT, "heartbeat", True, Wording("the extension was answered")),
)


def behaviour(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None:
        return
    for rule, name, shows, text in _RULES:
        answer: Ternary = getattr(facts.tls.behaviour, name)
        if answer is shows:
            yield rule.at(facts.endpoint, text)


def encrypt_then_mac(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None or facts.tls.behaviour.encrypt_then_mac is not False:
        return
    found = [suite for suite in offered.offered_suites(facts.tls) if is_cbc(suite)]
    if found:
        yield NO_ETM.at(facts.endpoint, Wording("not answered with {suite}", suite=found[0]))


def resumption(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None:
        return
    lifetime = facts.tls.behaviour.resumption.lifetime_hint
    if lifetime is not None and lifetime > _WEEK:
        text = Wording("{seconds} s, {days} days", seconds=lifetime, days=lifetime // 86400)
        yield LONG_TICKETS.at(facts.endpoint, text)
    if _never_resumes(facts.tls.behaviour):
        yield NO_RESUMPTION.at(facts.endpoint, Wording("neither by session id nor by ticket"))


def _never_resumes(taken: Behaviour) -> bool:
    """Every way that was tried failed, and session ids and tickets both were tried."""
    ways = (taken.resumption.session_id, taken.resumption.ticket)
    return all(way is False for way in ways) and taken.resumption.ticket_tls13 is not True
