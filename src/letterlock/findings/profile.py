"""Facts against a profile: met, not met, or not to be told; and a finding for each breach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from letterlock.findings.rule import Rule, define
from letterlock.findings.settings import (
    DOVECOT,
    POSTFIX,
    dovecot_floor,
    postfix_floor,
)
from letterlock.model.certificate import Certificate
from letterlock.model.cipher_suites import cipher_suite_named, cipher_suites
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.finding import Finding, Severity
from letterlock.model.named_groups import GroupKind, named_groups
from letterlock.model.signature_schemes import signature_schemes
from letterlock.model.tls_facts import Order, ProtocolFacts, Ternary, TlsFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import ProfileVerdict
from letterlock.model.wording import Wording, counted, joined
from letterlock.profiles import demand
from letterlock.profiles.profile import BUILT_IN, PROTOCOL_VERSIONS, Profile, RoleProfile, Stance

_SECURE = Wording(
    "letterlock secure --profile {profile} writes what the profile asks for.", profile="NAME"
)
_BAR = Wording(
    "The profile is the bar you chose; what it asks of port 25 stands in its own section, which "
    "may be lower (RFC 7435)."
)


def _and_secure(remedy: str) -> str:
    return joined(" ", (Wording(remedy), _SECURE))


def _rule(
    name: str, title: str, explanation: str, postfix: str, dovecot: str | None = None
) -> Rule:
    return define(
        f"profile-{name}",
        title,
        joined(" ", (Wording(explanation), _BAR)),
        source="the profile's own source",
        severity=Severity.MEDIUM,
        postfix=postfix,
        dovecot=dovecot,
    )


NO_TLS = _rule(
    "no-tls",
    "The profile asks for TLS and there is none",
    "Without TLS no profile is met.",
    _and_secure("Postfix: smtpd_tls_security_level = may or encrypt."),
    _and_secure("Dovecot: ssl = yes or required."),
)
PROTOCOL = _rule(
    "protocol",
    "A version of TLS that the profile forbids, or one that it asks for",
    "Versions below the profile's minimum must be refused, required ones offered.",
    postfix_floor("TLSv1.2"),
    dovecot_floor("TLSv1.2"),
)
SUITE = _rule(
    "cipher-suite",
    "A cipher suite that the profile forbids",
    "A suite counts when the server agrees to it, whatever else it would prefer.",
    _and_secure(
        f"Postfix: {POSTFIX['cipher-grade-mandatory']} = high and "
        f"{POSTFIX['exclude-ciphers-mandatory']} with the classes to leave out."
    ),
    _and_secure(
        f"Dovecot: {DOVECOT['cipher-list']} with the profile's suites (TLS 1.3: "
        f"{DOVECOT['tls13-cipher-suites']})."
    ),
)
ORDER = _rule(
    "order",
    "The profile wants the server's order to decide",
    "With old suites on offer the server must see to it that they come last.",
    f"Postfix: {POSTFIX['server-preference']} = yes.",
    f"Dovecot: {DOVECOT['server-preference']}.",
)
GROUP = _rule(
    "group",
    "A named group that the profile forbids",
    "A group counts when the server agrees to it, whatever else it would prefer.",
    _and_secure(
        f"Postfix: {POSTFIX['named-groups']} with the profile's groups (3.8 and later also "
        f"{POSTFIX['ffdhe-groups']})."
    ),
    _and_secure(f"Dovecot: {DOVECOT['named-groups']} with the profile's groups."),
)
DH_SIZE = _rule(
    "dh-size",
    "A Diffie-Hellman prime below the profile's size",
    "Sizes are the least the profile accepts.",
    f"Postfix: no DHE suites (kDHE in {POSTFIX['exclude-ciphers-mandatory']}), or before 3.9 "
    f"{POSTFIX['dh-file']} with a larger group.",
    f"Dovecot: no DHE suites (!kDHE in {DOVECOT['cipher-list']}), or {DOVECOT['dh-file']} with a "
    "larger group.",
)
SIGNATURE = _rule(
    "signature",
    "A signature in the handshake that the profile forbids",
    "The hash is the client's choice among those the server has: it must not have the bad ones.",
    "In openssl.cnf: SignatureAlgorithms without the hash, and no @SECLEVEL below 2.",
)
CERTIFICATE = _rule(
    "certificate",
    "The certificate is not what the profile asks for",
    "Kind and size of key, hash of the signature, lifetime, trust: whichever the evidence names.",
    "Get a certificate as the profile asks: letterlock cert csr makes key and request.",
)
BEHAVIOUR = _rule(
    "behaviour",
    "What the profile says of compression, renegotiation and the like is not met",
    "The evidence names which.",
    "Postfix: tls_ssl_options = NO_COMPRESSION, NO_RENEGOTIATION; else update OpenSSL.",
    "Dovecot: take compression out of ssl_options; else update OpenSSL.",
)
PHASE_OUT = _rule(
    "phase-out",
    "What the profile wants phased out is still in use",
    "Met all the same: the profile accepts it for now.",
    _SECURE,
)


@dataclass(frozen=True, slots=True)
class _Breach:
    """One demand that is not met."""

    rule: Rule
    text: str


@dataclass(slots=True)
class _Comparison:
    """What was seen so far of one endpoint against one role's profile."""

    role: RoleProfile
    breaches: list[_Breach]
    phase_out: list[str]
    open_questions: list[str]

    def note(self, rule: Rule, text: str, stance: Stance = "forbidden") -> None:
        if stance == "forbidden":
            self.breaches.append(_Breach(rule, text))
        elif stance == "phase-out":
            self.phase_out.append(text)

    def unsure(self, what: str) -> None:
        self.open_questions.append(what)

    def ternary(self, answer: Ternary, what: str, rule: Rule, bad: bool, stance: Stance) -> None:
        """`bad` is the answer that the profile does not want."""
        if stance == "allowed":
            return
        if isinstance(answer, Unknown):
            if stance == "forbidden" and answer.cause is not Cause.NOT_APPLICABLE:
                self.unsure(Wording("whether {statement}", statement=what))
        elif answer is bad:
            self.note(rule, what, stance)


def compare(facts: EndpointFacts, profile: Profile) -> tuple[ProfileVerdict, tuple[Finding, ...]]:
    """An endpoint's verdict, and a finding for each kind of breach."""
    seen = _Comparison(profile.role(facts.endpoint.service.role), [], [], [])
    if _has_no_tls(facts):
        seen.note(NO_TLS, Wording("no TLS is offered, or it does not work"))
    else:
        _certificates(seen, facts)
        if facts.tls is None:
            seen.unsure(Wording("versions, suites and groups were not asked for"))
        else:
            for look in _LOOKS:
                look(seen, facts.tls)
    return _verdict(seen, profile), tuple(_findings(seen, profile, facts))


def _verdict(seen: _Comparison, profile: Profile) -> ProfileVerdict:
    breaches = tuple(dict.fromkeys(breach.text for breach in seen.breaches))
    met: bool | Unknown = not breaches
    if not breaches and seen.open_questions:
        met = Unknown(joined("; ", dict.fromkeys(seen.open_questions)))
    return ProfileVerdict(profile.name, _title(profile), met, breaches)


def _findings(seen: _Comparison, profile: Profile, facts: EndpointFacts) -> Iterator[Finding]:
    by_rule: dict[str, list[_Breach]] = {}
    for breach in seen.breaches:
        by_rule.setdefault(breach.rule.id, []).append(breach)
    for breaches in by_rule.values():
        texts = dict.fromkeys(breach.text for breach in breaches)
        yield _finding(breaches[0].rule, profile, facts, texts)
    if seen.phase_out:
        finding = _finding(PHASE_OUT, profile, facts, seen.phase_out)
        yield replace(finding, severity=Severity.LOW)


def _finding(rule: Rule, profile: Profile, facts: EndpointFacts, texts: Iterable[str]) -> Finding:
    evidence = Wording("{name}: {what}", name=profile.name, what=joined("; ", dict.fromkeys(texts)))
    finding = rule.at(facts.endpoint, evidence)
    name = profile.name if profile.name in BUILT_IN else "FILE"
    remedy = rule.remedy_at(facts.endpoint).with_values(profile=name)
    return replace(finding, source=profile.source, remedy=remedy)


def _title(profile: Profile) -> str:
    """Ours can be said in another language."""
    return Wording(profile.title) if profile.name in BUILT_IN else profile.title


def _has_no_tls(facts: EndpointFacts) -> bool:
    """Not offered, or broken; a deep conversation that succeeded shows that it is there."""
    if facts.tls is not None and any(each.offered is True for each in facts.tls.protocols):
        return False
    if isinstance(facts.greeting, Greeting) and not facts.greeting.starttls_offered:
        return True
    broken = (Cause.STARTTLS_REFUSED, Cause.PLAIN_ON_TLS_PORT, Cause.TLS_ALERT, Cause.TLS_ERROR)
    return isinstance(facts.handshake, Unknown) and facts.handshake.cause in broken


def _protocols(seen: _Comparison, tls: TlsFacts) -> None:
    known = {each.name: each.offered for each in tls.protocols}
    for name in ("SSLv2", *PROTOCOL_VERSIONS):
        offered = known.get(name, Unknown(Wording("not asked")))
        if demand.version(seen.role, name) == "forbidden":
            seen.ternary(
                offered, Wording("{version} is offered", version=name), PROTOCOL, True, "forbidden"
            )
        elif name in seen.role.required_protocols:
            seen.ternary(
                offered,
                Wording("{version} is not offered", version=name),
                PROTOCOL,
                False,
                "forbidden",
            )


def _suites(seen: _Comparison, tls: TlsFacts) -> None:
    """Of versions that the profile forbids only the version is held against the server."""
    offered: dict[str, list[str]] = {}
    for protocol in tls.protocols:
        if protocol.offered is False or demand.version(seen.role, protocol.name) == "forbidden":
            continue
        for suite in protocol.cipher_suites:
            offered.setdefault(suite, []).append(protocol.name)
        if protocol.offered is True and not protocol.complete:
            left = _unrefuted(seen.role, protocol)
            if left:
                seen.unsure(
                    counted(
                        "whether {count} suite that it forbids is in {version}",
                        "whether {count} suites that it forbids are in {version}",
                        left,
                        version=protocol.name,
                    )
                )
    _note_suites(seen, offered)


def _note_suites(seen: _Comparison, offered: Mapping[str, list[str]]) -> None:
    for suite, versions in offered.items():
        text = Wording("{name} in {version}", name=suite, version=joined(", ", versions))
        seen.note(SUITE, text, demand.cipher_suite(seen.role, suite))


def _unrefuted(role: RoleProfile, protocol: ProtocolFacts) -> int:
    """How many forbidden suites were neither seen nor refused. Those that need a shared secret
    no mail server has; unregistered ones nobody offers; 0x0000 is the state before a handshake and
    cannot be negotiated (RFC 5246 appendix A.5)."""
    settled = {*protocol.cipher_suites, *protocol.refused}
    return sum(
        1
        for suite in cipher_suites()
        if suite.registered
        and suite.code
        and not suite.needs_shared_secret
        and suite.name not in settled
        and suite.is_tls13 is (protocol.name == "TLSv1.3")
        and _has(protocol.name, suite.first_version)
        and demand.cipher_suite(role, suite.name) == "forbidden"
    )


_NUMBERS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}


def _has(version: str, first: int) -> bool:
    return _NUMBERS.get(version, first) >= first


def _order(seen: _Comparison, tls: TlsFacts) -> None:
    """With TLS 1.3 alone there is nothing that an order would have to keep back."""
    if not seen.role.server_preference:
        return
    orders = [
        each.order
        for each in tls.protocols
        if each.offered is True and each.name != "TLSv1.3" and len(each.cipher_suites) > 1
    ]
    if Order.CLIENT in orders:
        seen.note(ORDER, Wording("the client's order decides"))
    elif any(isinstance(each, Unknown) for each in orders):
        seen.unsure(Wording("whose order decides"))


def _groups(seen: _Comparison, tls: TlsFacts) -> None:
    if seen.role.allowed_groups is None:
        return
    for each in tls.groups:
        for group in each.groups:
            seen.note(GROUP, group, demand.named_group(seen.role, group))
    if not tls.groups:
        seen.unsure(Wording("groups"))
    elif not all(
        each.complete or _groups_refuted(seen.role, each.groups, each.refused, each.used_in)
        for each in tls.groups
    ):
        seen.unsure(Wording("groups that it forbids"))


def _groups_refuted(
    role: RoleProfile, seen: Iterable[str], refused: Iterable[str], used_in: Iterable[str]
) -> bool:
    """Whether every forbidden group of these versions was seen or refused."""
    settled = {*map(demand.same_group, seen), *map(demand.same_group, refused)}
    tls13, older = "TLSv1.3" in used_in, any(name != "TLSv1.3" for name in used_in)
    return all(
        demand.same_group(group.name) in settled
        for group in named_groups()
        if demand.named_group(role, group.name) == "forbidden"
        and ((tls13 and group.in_tls13) or (older and group.in_tls12))
        and group.kind is not GroupKind.KEM
        and not group.is_placeholder
    )


def _diffie_hellman(seen: _Comparison, tls: TlsFacts) -> None:
    least = seen.role.dh_bits
    for each in tls.diffie_hellman if least else ():
        if least and each.bits < least:
            text = Wording("{bits} bits, at least {least} wanted", bits=each.bits, least=least)
            seen.note(DH_SIZE, text)


def _signatures(seen: _Comparison, tls: TlsFacts) -> None:
    """Before TLS 1.2 the hash is not negotiated; in TLS 1.3 SHA-1 and MD5 cannot be (RFC 8446
    section 4.2.3), so that only TLS 1.2 must have refused what the profile forbids."""
    for version, names in tls.signature_schemes:
        if demand.version(seen.role, version) == "forbidden" or version not in _WITH_SCHEMES:
            continue
        for name in names:
            stance = demand.signature_scheme(seen.role, name)
            text = Wording("{name} in {version}", name=name, version=version)
            seen.note(SIGNATURE, text, stance)
    protocol = tls.protocol("TLSv1.2")
    if protocol is not None and protocol.offered is True:
        open_ = _unrefuted_schemes(seen.role, tls, protocol.cipher_suites)
        if open_:
            seen.unsure(Wording("whether it signs with {schemes}", schemes=joined(", ", open_)))


_WITH_SCHEMES = ("TLSv1.2", "TLSv1.3")


def _unrefuted_schemes(role: RoleProfile, tls: TlsFacts, suites: Iterable[str]) -> list[str]:
    """Forbidden schemes of TLS 1.2, for the kinds of key that its suites show, that were neither
    seen nor refused."""
    known = [*tls.signature_schemes, *tls.refused_schemes]
    settled = {name for version, names in known if version == "TLSv1.2" for name in names}
    found = map(cipher_suite_named, suites)
    keys = {
        one.authentication.lower()
        for one in found
        if one is not None and one.key_exchange in ("DHE", "ECDHE")
    }
    return [
        one.name
        for one in signature_schemes()
        if one.in_tls12
        and one.signature in keys
        and one.name not in settled
        and demand.signature_scheme(role, one.name) == "forbidden"
    ]


def _behaviour(seen: _Comparison, tls: TlsFacts) -> None:
    taken, role = tls.behaviour, seen.role
    old = any(
        each.offered is True and each.name not in ("TLSv1.3", "SSLv2") for each in tls.protocols
    )
    text = Wording("0-RTT is accepted")
    seen.ternary(taken.early_data, text, BEHAVIOUR, True, role.early_data)
    if not old:
        return
    text = Wording("compression is agreed to")
    seen.ternary(taken.compression, text, BEHAVIOUR, True, role.compression)
    text = Wording("a renegotiation begun by the client is carried out")
    seen.ternary(taken.client_renegotiation, text, BEHAVIOUR, True, role.client_renegotiation)
    for wanted, answer, text in (
        (
            role.secure_renegotiation,
            taken.secure_renegotiation,
            Wording("no secure renegotiation"),
        ),
        (
            role.extended_master_secret,
            taken.extended_master_secret,
            Wording("no extended master secret"),
        ),
    ):
        seen.ternary(answer, text, BEHAVIOUR, False, "forbidden" if wanted else "allowed")


_LOOKS: tuple[Callable[[_Comparison, TlsFacts], None], ...] = (
    _protocols,
    _suites,
    _order,
    _groups,
    _diffie_hellman,
    _signatures,
    _behaviour,
)


def _certificates(seen: _Comparison, facts: EndpointFacts) -> None:
    leaves: dict[str, Certificate] = {}
    if isinstance(facts.handshake, Handshake):
        if seen.role.accepted_certificate and not facts.handshake.verdict.accepted:
            text = Wording("clients that verify do not accept the chain")
            seen.note(CERTIFICATE, text)
        leaves |= {each.sha256: each for each in facts.handshake.chain[:1]}
    for served in facts.tls.chains if facts.tls else ():
        leaves |= {each.sha256: each for each in served.chain[:1]}
    if not leaves:
        seen.unsure(Wording("the certificate"))
    for leaf in leaves.values():
        _leaf(seen, leaf)


def _leaf(seen: _Comparison, leaf: Certificate) -> None:
    role, key = seen.role, leaf.public_key
    if role.certificate_key_types is not None and key.algorithm not in role.certificate_key_types:
        wanted = joined(" or ", role.certificate_key_types)
        text = Wording("the key is {key}, {wanted} wanted", key=key, wanted=wanted)
        seen.note(CERTIFICATE, text)
    if key.algorithm == "RSA":
        _rsa(seen, key.bits)
    if key.curve and role.certificate_curves is not None:
        allowed = set(map(demand.same_group, role.certificate_curves))
        if demand.same_group(key.curve) not in allowed:
            text = Wording("the key is on the curve {curve}", curve=key.curve)
            seen.note(CERTIFICATE, text)
    hash_ = leaf.signature_hash
    if hash_ and role.certificate_hashes is not None and hash_ not in role.certificate_hashes:
        seen.note(CERTIFICATE, Wording("the certificate is signed with {hash}", hash=hash_))
    days = leaf.lifetime // timedelta(days=1)
    if role.certificate_days is not None and days > role.certificate_days:
        text = counted(
            "valid for {count} day, at most {most} wanted",
            "valid for {count} days, at most {most} wanted",
            days,
            most=role.certificate_days,
        )
        seen.note(CERTIFICATE, text)


def _rsa(seen: _Comparison, bits: int) -> None:
    least, soon = seen.role.rsa_bits, seen.role.phase_out_rsa_bits
    if least is not None and bits < least:
        text = Wording("the key is RSA {bits}, at least {least} wanted", bits=bits, least=least)
        seen.note(CERTIFICATE, text)
    elif soon is not None and bits < soon:
        text = Wording("the key is RSA {bits}, {soon} wanted in future", bits=bits, soon=soon)
        seen.note(CERTIFICATE, text, "phase-out")
