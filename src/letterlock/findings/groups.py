"""Key exchange: named groups, Diffie-Hellman parameters, values used twice, signatures."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import define, per_role
from letterlock.findings.settings import DOVECOT, POSTFIX, groups
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.named_groups import GroupKind, group_named
from letterlock.model.tls_facts import DiffieHellman
from letterlock.model.wording import Wording, joined

_GROUPS = groups("X25519 prime256v1 secp384r1")
_HYBRID = groups("X25519MLKEM768 X25519 prime256v1 secp384r1")
_NEEDS = Wording("It needs OpenSSL 3.5 or later.")

WEAK_GROUP = define(
    "weak-group",
    "A weak named group is offered",
    "Curves below 224 bits give less than 112 bits of security. No client needs one, the oldest "
    "sender neither.",
    source="RFC 9325 section 4.5; RFC 8422 section 5.1.1",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=_GROUPS[0],
    dovecot=_GROUPS[1],
)
NO_HYBRID = define(
    "no-post-quantum-group",
    "No post-quantum key exchange is offered",
    "Traffic recorded today can be read once there are large quantum computers, unless the key "
    "exchange is a hybrid with ML-KEM. Nothing to complain about yet.",
    source="draft-ietf-tls-ecdhe-mlkem section 3",
    severity=Severity.INFO,
    postfix=joined(" ", (_HYBRID[0], _NEEDS)),
    dovecot=joined(" ", (_HYBRID[1], _NEEDS)),
)
WEAK_DH = define(
    "weak-dh",
    "The Diffie-Hellman prime is too small",
    "Primes of 1024 bits are within reach of states, smaller ones of anybody; 2048 is the least. "
    "On port 25 a small prime still beats the clear, but current senders refuse it and go there.",
    source="RFC 9325 section 4.5; RFC 7919 section 1",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=f"Postfix: leave {POSTFIX['dh-file']} empty (its default has 2048 bits since 3.1; "
    "before, give it a file from openssl dhparam 2048); for anonymous suites OpenSSL takes 1024 "
    f"bits by itself: add aNULL to {POSTFIX['exclude-ciphers-mandatory']} (on port 25 to "
    f"{POSTFIX['exclude-ciphers-opportunistic']}).",
    dovecot=f"Dovecot: {DOVECOT['dh-file']} from openssl dhparam 2048 (before 2.3: "
    "ssl_dh_parameters_length = 2048), or no DHE suites at all.",
)
COMMON_PRIME = define(
    "common-dh-prime",
    "The Diffie-Hellman prime is small and in wide use",
    "The costly part of breaking a prime is done once and serves against every server that has "
    "it. The large standard groups (ffdhe2048 and up) are meant to be shared and are not counted.",
    source="RFC 9325 section 4.5; CVE-2015-4000",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix=WEAK_DH.postfix,
    dovecot=WEAK_DH.dovecot,
)
KEY_SHARE_REUSED = define(
    "key-share-reused",
    "The same Diffie-Hellman value is used again",
    "A value kept for several connections weakens forward secrecy and has been a lever for side "
    "channels (Raccoon). Current OpenSSL makes a new one for each.",
    source="RFC 9325 section 7.4",
    severity=Severity.LOW,
    postfix="Update OpenSSL to 1.1.0 or later; look for a TLS proxy in front of the server.",
)
SHA1_SIGNATURE = define(
    "sha1-signature",
    "The handshake may be signed with SHA-1",
    "A client that asks for nothing better gets a SHA-1 signature; collisions are affordable now. "
    "No current client asks, and Postfix has no setting for it: nothing to complain about.",
    source="RFC 9155 sections 2 and 4",
    severity=Severity.INFO,
    postfix="In openssl.cnf, or from 3.9 on in the file of Postfix's tls_config_file: "
    "SignatureAlgorithms without SHA1. Postfix takes OpenSSL's security level back to 0.",
    dovecot="Leave OpenSSL's security level at 1 or above (no @SECLEVEL=0 in ssl_cipher_list or "
    "CipherString of openssl.cnf).",
)
MD5_SIGNATURE = define(
    "md5-signature",
    "The handshake may be signed with MD5",
    "MD5 collisions are made in seconds, so that a signature proves next to nothing (SLOTH). No "
    "sender needs it.",
    source="RFC 9155 sections 2 and 4",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix="Update OpenSSL; leave its security level at 1 or above.",
)

_LEAST_STRENGTH = 112
_LEAST_DH_BITS = 2048
_BROKEN_DH_BITS = 1024


def is_weak(name: str) -> bool:
    """A curve of less than 112 bits of strength; ffdhe groups are judged by their prime."""
    group = group_named(name)
    return (
        group is not None
        and group.kind is GroupKind.ECDHE
        and group.security_bits < _LEAST_STRENGTH
    )


def named_groups(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None:
        return
    seen = dict.fromkeys(group for each in facts.tls.groups for group in each.groups)
    weak = [group for group in seen if is_weak(group)]
    if weak:
        yield WEAK_GROUP.at(facts.endpoint, joined(", ", weak))
    asked = [each for each in facts.tls.groups if each.complete and "TLSv1.3" in each.used_in]
    known = [group for group in map(group_named, seen) if group is not None]
    if asked and not any(group.post_quantum for group in known):
        offered = joined(", ", dict.fromkeys(group for each in asked for group in each.groups))
        text = Wording("offered in TLSv1.3: {groups}", groups=offered)
        yield NO_HYBRID.at(facts.endpoint, text)


def diffie_hellman(facts: EndpointFacts) -> Iterator[Finding]:
    small = (
        [each for each in facts.tls.diffie_hellman if each.bits < _LEAST_DH_BITS]
        if facts.tls
        else []
    )
    if not small:
        return
    severity = WEAK_DH.severity_for(facts.endpoint.service.role)
    if any(each.bits < _BROKEN_DH_BITS for each in small):
        severity = list(Severity)[severity.rank + 1]
    yield WEAK_DH.at(facts.endpoint, joined("; ", map(_described, small)), severity)
    common = [each for each in small if each.known_as]
    if common:
        yield COMMON_PRIME.at(facts.endpoint, joined("; ", map(_described, common)))


def reuse(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None:
        return
    taken = facts.tls.behaviour
    found = [
        name
        for name, answer in (
            ("DHE", taken.reuses_dh_value),
            ("ECDHE", taken.reuses_ecdh_value),
        )
        if answer is True
    ]
    if found:
        text = (
            Wording("the same DHE and the same ECDHE value in several connections")
            if len(found) > 1
            else Wording("the same {kind} value in several connections", kind=found[0])
        )
        yield KEY_SHARE_REUSED.at(facts.endpoint, text)


def signatures(facts: EndpointFacts) -> Iterator[Finding]:
    """TLS 1.1 and below have no choice of hash: they are judged by their version."""
    if facts.tls is None:
        return
    for rule, hash_ in ((MD5_SIGNATURE, "_md5"), (SHA1_SIGNATURE, "_sha1")):
        found = [
            Wording("{name} in {version}", name=name, version=version)
            for version, names in facts.tls.signature_schemes
            if version in ("TLSv1.2", "TLSv1.3")
            for name in names
            if name.endswith(hash_)
        ]
        if found:
            yield rule.at(facts.endpoint, joined(", ", found))


def _described(parameters: DiffieHellman) -> str:
    if parameters.known_as:
        return Wording("{bits} bits, {name}", bits=parameters.bits, name=parameters.known_as)
    return Wording("{bits} bits", bits=parameters.bits)
