"""Is the certificate as served one that a client accepts, and for how long?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from letterlock.findings.rule import Rule, define, per_role
from letterlock.model.certificate import Certificate, ChainFault
from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import port_words
from letterlock.model.wording import Wording, counted, joined

_POSTFIX_FILES = "smtpd_tls_chain_files (or smtpd_tls_cert_file)"
_DOVECOT_FILES = "ssl_cert (2.4: ssl_server_cert_file)"
_RENEW_POSTFIX = (
    f"Renew the certificate, put it where Postfix's {_POSTFIX_FILES} points, postfix reload."
)
_RENEW_DOVECOT = (
    f"Renew the certificate, put it where Dovecot's {_DOVECOT_FILES} points, doveadm reload."
)

CHAIN_INCOMPLETE = define(
    "chain-incomplete",
    "An intermediate certificate is missing from the chain",
    "The server must send every certificate between its own and the root. Browsers often repair "
    "this by themselves, mail programs and other mail servers do not.",
    source="RFC 8446 section 4.4.2",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=f"Append the CA's intermediate to the file in Postfix's {_POSTFIX_FILES}, "
    "leaf first; postfix reload.",
    dovecot=f"Append the CA's intermediate to the file in Dovecot's {_DOVECOT_FILES}, "
    "leaf first; doveadm reload.",
)
NO_TRUST_ANCHOR = define(
    "no-trust-anchor",
    "The chain ends at no trusted root",
    "Clients that verify refuse it. A private CA is fine where every client has its root: say "
    "--ca-file then.",
    source="RFC 5280 section 6.1",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=f"Install a certificate of a CA that clients trust in Postfix's {_POSTFIX_FILES}.",
    dovecot=f"Install a certificate of a CA that clients trust in Dovecot's {_DOVECOT_FILES}.",
)
SELF_SIGNED = define(
    "self-signed",
    "The certificate is self-signed",
    "Nobody but its owner vouches for it: mail programs warn or refuse. Between servers it "
    "encrypts against listeners but proves nothing, unless a DANE record names it.",
    source="RFC 7435 section 3; RFC 7672 section 3.1",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=f"Install a certificate of a CA that clients trust in Postfix's {_POSTFIX_FILES}.",
    dovecot=f"Install a certificate of a CA that clients trust in Dovecot's {_DOVECOT_FILES}.",
)
EXPIRED = define(
    "certificate-expired",
    "The certificate has expired",
    "Mail programs refuse or warn. After a renewal this means that the server still serves the "
    "old file: it must be told to load the new one.",
    source="RFC 5280 section 4.1.2.5",
    severity=per_role(Severity.MEDIUM, Severity.CRITICAL),
    postfix=_RENEW_POSTFIX,
    dovecot=_RENEW_DOVECOT,
)
NOT_YET_VALID = define(
    "certificate-not-yet-valid",
    "The certificate is not valid yet",
    "Its validity begins in the future: it was installed too early, or a clock is wrong.",
    source="RFC 5280 section 4.1.2.5",
    severity=per_role(Severity.MEDIUM, Severity.CRITICAL),
    postfix="Check the clock of this machine; else go back to the certificate before this one.",
)
EXPIRES_SOON = define(
    "certificate-expires-soon",
    "The certificate expires soon",
    "Less than a fifth of its lifetime (at most 30 days) is left, so that a renewal which should "
    "have happened has not. Below a tenth (at most 14 days) it is urgent.",
    source="RFC 5280 section 4.1.2.5",
    severity=Severity.LOW,
    postfix=_RENEW_POSTFIX,
    dovecot=_RENEW_DOVECOT,
)
NAME_MISMATCH = define(
    "name-mismatch",
    "The certificate is for another name",
    "Clients compare the name they were told with the certificate's subjectAltName. Between "
    "servers it matters where DANE or MTA-STS is used.",
    source="RFC 9525 section 6.3; RFC 7817 section 3",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix="Get a certificate with that name, or tell clients a name it has; several names on "
    "one Postfix: tls_server_sni_maps.",
    dovecot="Get a certificate with that name, or tell clients a name it has; several names on "
    "one Dovecot: a local_name block each.",
)
NO_SERVER_AUTH = define(
    "no-server-auth",
    "The certificate is not for servers",
    "Its extended key usage leaves out serverAuth; clients refuse it.",
    source="RFC 5280 section 4.2.1.12",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix="Get a certificate with the purpose serverAuth from the CA.",
)
WEAK_KEY = define(
    "weak-key",
    "A key in the chain is too small",
    "RSA below 2048 bits, or an elliptic curve below 224, can be broken.",
    source="RFC 9325 section 4.5",
    severity=Severity.MEDIUM,
    postfix="Make a new key (RSA 2048 or more, or P-256) and get a new certificate for it: "
    "letterlock cert csr.",
)
WEAK_SIGNATURE = define(
    "weak-signature",
    "A certificate in the chain is signed with a broken hash",
    "SHA-1 and MD5 signatures can be forged; current software refuses them.",
    source="RFC 9155; RFC 9325 section 4.5",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix="Get a certificate signed with SHA-256 or better, chain included.",
)
INVALID = define(
    "chain-invalid",
    "The chain is not valid",
    "A certificate breaks the rules for its place in the chain, or cannot be read.",
    source="RFC 5280 section 6.1",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix="Install the chain as the CA delivers it: letterlock cert bundle puts it in order.",
)
ROOTS_DIFFER = define(
    "roots-differ",
    "The system's roots and Mozilla's do not agree on the chain",
    "Mail programs bring roots of their own, Mozilla's or much like them; servers use their "
    "system's. One of the two believes this chain. A private CA in the system's store is the "
    "harmless case; a root that Mozilla gave up, or a system without updates, are the others.",
    source="RFC 5280 section 6.1; Mozilla Root Store Policy section 7",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix="For strangers' clients: install a certificate of a CA that both believe. Where the "
    "system's store is the one that lacks the root: update ca-certificates.",
)
CERTIFICATES_DIFFER = define(
    "certificates-differ",
    "Ports of the same server serve different certificates",
    "Often the sign of a renewal that reached one server and not the other, or of a process that "
    "still serves the old file.",
    source="RFC 7817 section 3",
    severity=Severity.LOW,
    postfix=f"Point Postfix's {_POSTFIX_FILES}",
    dovecot=f"and Dovecot's {_DOVECOT_FILES} to the same file and reload both.",
)

_BY_FAULT: dict[ChainFault, Rule] = {
    ChainFault.NO_TRUST_ANCHOR: NO_TRUST_ANCHOR,
    ChainFault.SELF_SIGNED: SELF_SIGNED,
    ChainFault.INCOMPLETE: CHAIN_INCOMPLETE,
    ChainFault.EXPIRED: EXPIRED,
    ChainFault.NOT_YET_VALID: NOT_YET_VALID,
    ChainFault.NAME_MISMATCH: NAME_MISMATCH,
    ChainFault.NO_SERVER_AUTH: NO_SERVER_AUTH,
    ChainFault.WEAK_KEY: WEAK_KEY,
    ChainFault.WEAK_SIGNATURE: WEAK_SIGNATURE,
    ChainFault.INVALID: INVALID,
}


def chain(facts: EndpointFacts) -> Iterator[Finding]:
    """What the relying party's verdict holds against the chain."""
    if isinstance(facts.handshake, Handshake):
        for problem in facts.handshake.verdict.problems:
            yield _BY_FAULT[problem.fault].at(facts.endpoint, problem.text)


def roots(facts: EndpointFacts) -> Iterator[Finding]:
    """Where one of two stores has an anchor for the chain."""
    if not isinstance(facts.handshake, Handshake):
        return
    system = facts.handshake.verdict
    mozilla = system.mozilla
    if mozilla is None or (system.anchor is None) is (mozilla.anchor is None):
        return
    if mozilla.anchor is None:
        text = Wording("the system trusts {root}, Mozilla does not", root=system.anchor)
    else:
        text = Wording("Mozilla trusts {root}, the system does not", root=mozilla.anchor)
    yield ROOTS_DIFFER.at(facts.endpoint, text)


def expires_soon(facts: EndpointFacts, at: datetime) -> Iterator[Finding]:
    for handshake in (facts.handshake, *facts.further):
        if not isinstance(handshake, Handshake) or not handshake.chain:
            continue
        leaf = handshake.chain[0]
        severity = urgency(leaf, at)
        if severity is not None:
            yield EXPIRES_SOON.at(facts.endpoint, remaining(leaf, at), severity)


def fault_rule(fault: ChainFault) -> Rule:
    return _BY_FAULT[fault]


def remaining(leaf: Certificate, at: datetime) -> str:
    return counted(
        "{count} day left of {lifetime}: until {end} UTC",
        "{count} days left of {lifetime}: until {end} UTC",
        leaf.days_left(at),
        lifetime=leaf.lifetime // timedelta(days=1),
        end=format(leaf.not_after, "%Y-%m-%d %H:%M"),
    )


def urgency(leaf: Certificate, at: datetime) -> Severity | None:
    """None while there is time, and once it has expired, which is a finding of its own."""
    left = leaf.not_after - at
    if left <= timedelta(0):
        return None
    if left < min(leaf.lifetime / 10, timedelta(days=14)):
        return Severity.MEDIUM
    if left < min(leaf.lifetime / 5, timedelta(days=30)):
        return Severity.LOW
    return None


def parity(target: TargetFacts) -> Iterator[Finding]:
    """The same name, more than one certificate. Two kinds of key for the same names are one
    server's choice; the same kind twice with different dates looks like a renewal half done."""
    places: defaultdict[str, list[EndpointFacts]] = defaultdict(list)
    leaves: dict[str, Certificate] = {}
    for facts in target.endpoints:
        if isinstance(facts.handshake, Handshake) and facts.handshake.chain:
            leaf = facts.handshake.chain[0]
            leaves[leaf.sha256] = leaf
            places[leaf.sha256].append(facts)
    if len(leaves) < 2:
        return
    kinds = {(frozenset(leaf.dns_names), leaf.public_key.algorithm) for leaf in leaves.values()}
    severity = Severity.MEDIUM if len(kinds) < len(leaves) else Severity.LOW
    text = joined(
        "; ",
        (
            Wording("{ports}: {certificate}", ports=_ports(places[key]), certificate=_brief(leaf))
            for key, leaf in leaves.items()
        ),
    )
    yield CERTIFICATES_DIFFER.of_server(text, severity)


def _ports(places: list[EndpointFacts]) -> str:
    return port_words(sorted({facts.endpoint.port for facts in places}))


def _brief(leaf: Certificate) -> str:
    return Wording(
        "{subject}, until {day} ({sha256}…)",
        subject=leaf.subject or Wording("no subject"),
        day=leaf.not_after.date().isoformat(),
        sha256=leaf.sha256[:12],
    )
