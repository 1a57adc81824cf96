"""Which versions of the protocol are offered, and how the unknown is taken."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import Rule, define, per_role
from letterlock.findings.settings import dovecot_floor, postfix_floor
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.tls_facts import TlsFacts
from letterlock.model.wording import Wording, joined

_LIBRARY = Wording("Update OpenSSL and the server, and look for a proxy or firewall in between.")

SSLV2 = define(
    "sslv2-offered",
    "SSLv2 is offered",
    "SSLv2 protects nothing, and whoever speaks it lends an attacker a means to decrypt sessions "
    "of every other port and server with the same key (DROWN). That is why it is no better than "
    "the clear between servers either: no sender needs it.",
    source="RFC 6176 section 3; RFC 9325 section 3.1.1",
    severity=per_role(Severity.HIGH, Severity.CRITICAL),
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
SSLV3 = define(
    "sslv3-offered",
    "SSLv3 is offered",
    "SSLv3 is broken (POODLE). Between servers the attack is hardly practical and the alternative "
    "for a sender that has nothing newer is the clear (RFC 7435), so that it weighs little there.",
    source="RFC 7568 section 3; RFC 9325 section 3.1.1",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
DEPRECATED = define(
    "deprecated-protocol-offered",
    "TLS 1.0 or 1.1 is offered",
    "Both are retired: no client of this decade needs them, and an attacker may talk a careless "
    "one down to them. On port 25 they keep old senders out of the clear (RFC 7435), which is "
    "worth more than refusing them: there it is only mentioned.",
    source="RFC 8996 section 4; RFC 9325 section 3.1.1",
    severity=per_role(Severity.INFO, Severity.MEDIUM),
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
NO_TLS12 = define(
    "tls12-not-offered",
    "Only TLS 1.3 is offered",
    "Users' programs of this decade all have TLS 1.3. Between servers many a sender has nothing "
    "newer than 1.2: it delivers in the clear, or not at all.",
    source="RFC 9325 section 3.1.1; RFC 7435 section 3",
    severity=per_role(Severity.MEDIUM, Severity.INFO),
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
NO_TLS13 = define(
    "tls13-not-offered",
    "TLS 1.3 is not offered",
    "TLS 1.2 can still be used safely, but only 1.3 hides the certificate, has no weak suites to "
    "choose and can be made ready for quantum computers. Between servers it is only mentioned.",
    source="RFC 9325 section 3.1.1",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix="Postfix: use OpenSSL 1.1.1 or later, and no upper bound (<=TLSv1.2, !TLSv1.3) in "
    "smtpd_tls_protocols and smtpd_tls_mandatory_protocols.",
    dovecot="Dovecot: use OpenSSL 1.1.1 or later and Dovecot 2.3 or later, without !TLSv1.3 in "
    "ssl_protocols.",
)
VERSION_INTOLERANT = define(
    "version-intolerant",
    "A newer version of TLS than the server knows makes it give up",
    "A server must answer an unknown version with the best it has. One that does not cuts off the "
    "clients of the future, and today those that fall back carelessly.",
    source="RFC 5246 appendix E.1; RFC 8446 section 4.2.1",
    severity=Severity.LOW,
    postfix=_LIBRARY,
)
GREASE_INTOLERANT = define(
    "grease-intolerant",
    "Unknown values in the hello make the server give up",
    "Clients send made-up suites, groups and extensions on purpose, so that servers which cannot "
    "ignore them are noticed before a real new one fails.",
    source="RFC 8701 section 3; RFC 8446 section 9.3",
    severity=Severity.LOW,
    postfix=_LIBRARY,
)
LARGE_HELLO_INTOLERANT = define(
    "large-hello-intolerant",
    "A large first hello is not answered",
    "Post-quantum key shares make the first hello larger than one packet. Clients with a current "
    "OpenSSL get no TLS here; senders then deliver in the clear.",
    source="RFC 8446 section 5.1; draft-ietf-tls-ecdhe-mlkem",
    severity=Severity.MEDIUM,
    postfix=_LIBRARY,
)
NO_FALLBACK_SCSV = define(
    "no-fallback-scsv",
    "A needless fallback to an older version is not refused",
    "A client that retries with an older version says so; a server that has a newer one should "
    "refuse then, since an attacker may have caused the retry. Mail servers do not retry so.",
    source="RFC 7507 section 3",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=joined(" ", (_LIBRARY, postfix_floor("TLSv1.2"))),
    dovecot=joined(" ", (_LIBRARY, dovecot_floor("TLSv1.2"))),
)

_OFFERED: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (SSLV2, ("SSLv2",)),
    (SSLV3, ("SSLv3",)),
    (DEPRECATED, ("TLSv1", "TLSv1.1")),
)


def offered(tls: TlsFacts, name: str) -> bool | None:
    """None where it is not known."""
    protocol = tls.protocol(name)
    known = protocol.offered if protocol else None
    return known if isinstance(known, bool) else None


def versions(facts: EndpointFacts) -> Iterator[Finding]:
    """Those that should not be there, and those that should."""
    tls = facts.tls
    if tls is None:
        return
    for rule, names in _OFFERED:
        found = [name for name in names if offered(tls, name)]
        if found:
            newer = [each.name for each in tls.protocols if each.offered is True]
            text = Wording(
                "{versions} accepted; offered in all: {all}",
                versions=joined(" and ", found),
                all=joined(", ", newer),
            )
            yield rule.at(facts.endpoint, text)
    pair = (offered(tls, "TLSv1.2"), offered(tls, "TLSv1.3"))
    if pair == (False, True):
        yield NO_TLS12.at(facts.endpoint, Wording("TLSv1.2 refused, TLSv1.3 accepted"))
    elif pair == (True, False):
        yield NO_TLS13.at(facts.endpoint, Wording("TLSv1.3 refused, TLSv1.2 accepted"))


def tolerance(facts: EndpointFacts) -> Iterator[Finding]:
    """What a server must ignore or refuse, and does not."""
    if facts.tls is None:
        return
    taken = facts.tls.behaviour
    for answer, rule, text in (
        (
            taken.tolerates_future_version,
            VERSION_INTOLERANT,
            Wording("a hello of a version above TLSv1.3 was not answered with a handshake"),
        ),
        (
            taken.tolerates_grease,
            GREASE_INTOLERANT,
            Wording("a hello with GREASE values was not answered with a handshake"),
        ),
        (
            taken.tolerates_large_hello,
            LARGE_HELLO_INTOLERANT,
            Wording("a hello above 512 bytes was not answered with a handshake"),
        ),
    ):
        if answer is False:
            yield rule.at(facts.endpoint, text)
    if taken.fallback_scsv is False:
        text = Wording("a fallback below the best version, marked as such, was accepted")
        yield NO_FALLBACK_SCSV.at(facts.endpoint, text)
