"""What could not be determined: neither a pass nor a fault, and never silent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from letterlock.findings.rule import define
from letterlock.model.finding import Severity
from letterlock.model.tls_facts import NOT_ASKED, TlsFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined

COULD_NOT_DETERMINE = define(
    "could-not-determine",
    "Could not be determined",
    "The server did not let the question be answered: neither a pass nor a fault. The evidence "
    "says what happened; ask again later, or from another address.",
    source="RFC 5321 section 4.5.3.2",
    severity=Severity.INFO,
    postfix="Look in the server's log at the time of the check; if it throttles "
    "(anvil, postscreen), ask from an address that it trusts, or later.",
    dovecot="Look in the server's log at the time of the check; if it throttles "
    "(mail_max_userip_connections, client_limit), ask later.",
)

#: Answers that are missing because of these are not for a later try to bring: the server's own
#: words settle no more.
_FINAL = (Cause.OTHER, Cause.NOT_REACHED)


def gaps(tls: TlsFacts) -> Iterator[tuple[str, Unknown]]:
    """What was asked and not answered: its name and why. What this depth does not ask is none, nor
    a question that does not arise."""
    for name, value in _all(tls):
        if isinstance(value, Unknown) and is_gap(value):
            yield name, value


def is_gap(known: Unknown) -> bool:
    return known != NOT_ASKED and known.cause is not Cause.NOT_APPLICABLE


def withheld(tls: TlsFacts) -> bool:
    """Whether an answer is missing that the server, the network or the budget kept from us."""
    return bool(tls.left_out) or any(known.cause not in _FINAL for _, known in gaps(tls))


def told(tls: TlsFacts) -> str | None:
    """All gaps in one sentence, those with the same reason together; None where there is none."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, known in gaps(tls):
        names[known.reason].append(name)
    parts = [
        Wording("{name}: {what}", name=joined(", ", dict.fromkeys(each)), what=reason)
        for reason, each in names.items()
    ]
    return joined("; ", [*parts, *tls.left_out]) or None


#: Field of Behaviour, Resumption or DialogueFacts → what it asks.
_WORDS = {
    "compression": Wording("compression"),
    "secure_renegotiation": Wording("secure renegotiation"),
    "client_renegotiation": Wording("client renegotiation"),
    "extended_master_secret": Wording("extended master secret"),
    "encrypt_then_mac": Wording("encrypt then mac"),
    "fallback_scsv": Wording("fallback scsv"),
    "tolerates_grease": Wording("tolerates grease"),
    "tolerates_future_version": Wording("tolerates future version"),
    "tolerates_large_hello": Wording("tolerates large hello"),
    "strict_sni": Wording("strict sni"),
    "strict_alpn": Wording("strict alpn"),
    "early_data": Wording("early data"),
    "reuses_dh_value": Wording("reuses dh value"),
    "reuses_ecdh_value": Wording("reuses ecdh value"),
    "heartbeat": Wording("heartbeat"),
    "session_id": Wording("session id"),
    "ticket": Wording("ticket"),
    "ticket_tls13": Wording("ticket tls13"),
    "lifetime_hint": Wording("lifetime hint"),
    "injection": Wording("injection"),
    "second_starttls": Wording("second starttls"),
    "login_before_tls": Wording("login before tls"),
}


def _all(tls: TlsFacts) -> Iterator[tuple[str, object]]:
    for protocol in tls.protocols:
        yield protocol.name, protocol.offered
        yield Wording("order of suites in {version}", version=protocol.name), protocol.order
    for group in tls.groups:
        yield Wording("order of groups"), group.order
    for chain in tls.chains:
        kind = chain.key_type
        yield Wording("stapling ({key_type})", key_type=kind), chain.stapled
        yield Wording("certificate timestamps ({key_type})", key_type=kind), chain.scts
        yield (
            Wording("stapled response ({key_type})", key_type=kind),
            getattr(chain.stapled, "status", None),
        )
    taken = tls.behaviour
    for place, names in (
        (taken, [name for name in taken.__slots__ if name != "resumption"]),
        (taken.resumption, list(taken.resumption.__slots__)),
        (tls.dialogue, list(tls.dialogue.__slots__)),
    ):
        for name in names:
            yield _WORDS[name], getattr(place, name)
    for fault in tls.known_faults:
        yield fault.id, fault.present
