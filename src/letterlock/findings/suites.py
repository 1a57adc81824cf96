"""Which cipher suites are offered, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from letterlock.findings.rule import Rule, define, per_role
from letterlock.findings.settings import DOVECOT, POSTFIX, dovecot_exclude, postfix_exclude
from letterlock.findings.words import some
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.tls_facts import Order, ProtocolFacts, TlsFacts
from letterlock.model.wording import Wording, joined
from letterlock.profiles import suite_class as suites

NULL = define(
    "null-cipher",
    "Suites without encryption are offered",
    "What is sent under them is authenticated at most, and readable by anyone: TLS in the log, "
    "clear text on the wire. Between servers that is no better than no TLS, and hides it.",
    source="RFC 9325 section 4.1",
    severity=per_role(Severity.MEDIUM, Severity.CRITICAL),
    postfix=postfix_exclude("eNULL"),
    dovecot=dovecot_exclude("eNULL"),
)
ANONYMOUS = define(
    "anonymous-cipher",
    "Anonymous suites are offered",
    "The server does not prove who it is: anyone on the way can answer in its place. Between "
    "servers hardly any sender verifies, and Postfix offers them on port 25 on purpose (it saves "
    "sending a certificate nobody looks at), so there it is only mentioned.",
    source="RFC 9325 section 4.1; RFC 7435 section 3",
    severity=per_role(Severity.INFO, Severity.HIGH),
    postfix=postfix_exclude("aNULL"),
    dovecot=dovecot_exclude("aNULL"),
)
EXPORT = define(
    "export-cipher",
    "Export suites are offered",
    "Keys of 40 to 56 bits, made to be broken in the nineties. Besides, they make FREAK and Logjam "
    "possible against clients that would never choose them. No sender is left that needs them.",
    source="RFC 9325 section 4.1",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix=postfix_exclude("EXPORT"),
    dovecot=dovecot_exclude("EXPORT"),
)
DES = define(
    "des-cipher",
    "Suites with DES or RC2 are offered",
    "56 bits and less are searched through in a day. Between servers it still beats the clear for "
    "a sender that has nothing else, but there is none left.",
    source="RFC 9325 section 4.1; RFC 5469",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=postfix_exclude("DES", "RC2"),
    dovecot=dovecot_exclude("DES", "RC2"),
)
RC4 = define(
    "rc4-cipher",
    "Suites with RC4 are offered",
    "RC4's output is biased: passwords that are sent often can be recovered. Between servers an "
    "old sender's RC4 still beats the clear (RFC 7435).",
    source="RFC 7465 section 2; RFC 9325 section 4.1",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=postfix_exclude("RC4"),
    dovecot=dovecot_exclude("RC4"),
)
TRIPLE_DES = define(
    "3des-cipher",
    "Suites with 3DES are offered",
    "3DES is slow and its 64-bit blocks repeat after some gigabytes (Sweet32). On port 25 it keeps "
    "the oldest senders out of the clear and is only mentioned.",
    source="RFC 9325 section 4.1",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=postfix_exclude("3DES", port_25=False),
    dovecot=dovecot_exclude("3DES"),
)
CBC = define(
    "cbc-cipher",
    "Suites in CBC mode are offered",
    "They have needed care against padding attacks ever since; suites with authenticated "
    "encryption (GCM, ChaCha20-Poly1305) do not. On port 25 they serve older senders.",
    source="RFC 9325 section 4.2; RFC 7366",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=postfix_exclude("SHA1", "SHA256", "SHA384", port_25=False),
    dovecot=dovecot_exclude("SHA1", "SHA256", "SHA384"),
)
STATIC = define(
    "static-key-exchange",
    "Suites without forward secrecy are offered",
    "With static RSA or static (EC)DH, whoever gets the server's key later can read all recorded "
    "traffic that used them. On port 25 they serve older senders.",
    source="RFC 9325 sections 4.1 and 7.3; draft-ietf-tls-deprecate-obsolete-kex",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=postfix_exclude("kRSA", "kDHr", "kDHd", "kECDH", port_25=False),
    dovecot=dovecot_exclude("kRSA", "kDHr", "kDHd", "kECDH"),
)
WEAK_PREFERRED = define(
    "weak-cipher-preferred",
    "The server prefers a weaker suite to a stronger one",
    "A server whose own order decides must put the strong suites first: as it is, clients that "
    "offer both get the weaker.",
    source="RFC 9325 section 4.2",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=f"Postfix: {POSTFIX['server-preference']} = no leaves the choice to the client; or set "
    f"{POSTFIX['cipher-grade-mandatory']} = high.",
    dovecot=f"Dovecot: {DOVECOT['cipher-list']} with the strong suites first, as in "
    f"ECDHE+AESGCM:ECDHE+CHACHA20; the server's order is {DOVECOT['server-preference']}.",
)

_CLASSES: tuple[tuple[Rule, Callable[[str], bool]], ...] = (
    (NULL, suites.is_null),
    (ANONYMOUS, suites.is_anonymous),
    (EXPORT, suites.is_export),
    (DES, lambda s: (suites.is_single_des(s) or suites.is_rc2(s)) and not suites.is_export(s)),
    (RC4, lambda suite: suites.is_rc4(suite) and not suites.is_export(suite)),
    (TRIPLE_DES, suites.is_3des),
    (
        CBC,
        lambda suite: suites.is_cbc(suite) and not suites.is_3des(suite) and not _broken(suite),
    ),
    (STATIC, lambda s: suites.is_static(s) and not suites.is_ssl2(s) and not _broken(s)),
)
_SHOWN = 4


def offered_suites(tls: TlsFacts) -> tuple[str, ...]:
    """All suites seen, each once, newest version first."""
    seen = (suite for each in reversed(tls.protocols) for suite in each.cipher_suites)
    return tuple(dict.fromkeys(seen))


def classes(facts: EndpointFacts) -> Iterator[Finding]:
    """One finding for each class of suites that has one on offer."""
    if facts.tls is None:
        return
    offered = offered_suites(facts.tls)
    for rule, belongs in _CLASSES:
        found = [suite for suite in offered if belongs(suite)]
        if found:
            yield rule.at(facts.endpoint, some(found, _SHOWN))


def order(facts: EndpointFacts) -> Iterator[Finding]:
    """The server's own order, where it has one."""
    if facts.tls is None:
        return
    swaps = [swap for each in facts.tls.protocols if (swap := _swap(each))]
    if swaps:
        yield WEAK_PREFERRED.at(facts.endpoint, joined("; ", swaps))


def strength(suite: str) -> int:
    """3 authenticated encryption with forward secrecy, 2 with forward secrecy only, 1 without,
    0 broken."""
    if _broken(suite) or suites.is_anonymous(suite):
        return 0
    if suites.is_static(suite) or suites.is_3des(suite):
        return 1
    return 3 if suites.is_aead(suite) else 2


def _broken(suite: str) -> bool:
    tests = (suites.is_null, suites.is_export, suites.is_single_des, suites.is_rc2, suites.is_rc4)
    return suites.is_ssl2(suite) or any(test(suite) for test in tests)


def _swap(protocol: ProtocolFacts) -> str | None:
    """The first stronger suite that comes after a weaker one. Anonymous suites first is Postfix's
    habit on port 25 and told by a finding of its own."""
    if protocol.order is not Order.SERVER:
        return None
    listed = [suite for suite in protocol.cipher_suites if not suites.is_anonymous(suite)]
    for before, after in pairwise(listed):
        if strength(before) < strength(after):
            return Wording(
                "{version}: {weaker} comes before {stronger}",
                version=protocol.name,
                weaker=before,
                stronger=after,
            )
    return None
