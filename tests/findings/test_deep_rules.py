"""Every finding of the deep facts has facts that show it and facts that do not, on port 25 and on
a users' port; what is unknown is never a fault; no rule raises whatever is unknown."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.findings import known_faults
from letterlock.findings.assess import assess, judge
from letterlock.findings.reach import determined
from letterlock.findings.rule import REGISTRY
from letterlock.findings.unknowns import is_gap
from letterlock.model.certificate import ChainFault
from letterlock.model.finding import Severity
from letterlock.model.service import IMAP, IMAPS, POP3, SERVICES, SMTP, SUBMISSION, SUBMISSIONS
from letterlock.model.tls_facts import (
    NOT_ASKED,
    Behaviour,
    Depth,
    DialogueFacts,
    DiffieHellman,
    GroupFacts,
    KnownFault,
    Order,
    ProtocolFacts,
    Resumption,
    ServedChain,
    Stapled,
    TlsFacts,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.profiles.profile import BUILT_IN, load
from tests.findings.deep import (
    GROUPS,
    SCHEMES,
    TLS12,
    Spoil,
    behaving,
    changed,
    deep,
    good_tls,
    ids,
    offering,
    refusing,
    served,
    with_tls,
)
from tests.findings.sample import certificate, good, greeting, target

INFO, LOW, MEDIUM = Severity.INFO, Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL
RSA_CBC = "TLS_RSA_WITH_AES_128_CBC_SHA"
ECDHE_CBC = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"


def fault(id_: str) -> Spoil:
    return changed(known_faults=(KnownFault(id_, True, "seen so"),))


def primes(bits: int, name: str | None = None) -> Spoil:
    return changed(diffie_hellman=(DiffieHellman(bits, 2, "00", name),))


def chains(*chains: ServedChain) -> Spoil:
    return changed(chains=chains)


def schemes(*names: str) -> Spoil:
    return changed(signature_schemes=(("TLSv1.2", (*SCHEMES, *names)),))


def groups(*names: str, complete: bool = True) -> Spoil:
    return changed(groups=(GroupFacts(names, ("TLSv1.3",), complete=complete),))


def dialogue(**answers: Any) -> Spoil:
    return changed(dialogue=replace(good_tls().dialogue, **answers))


def inside(*words: str) -> Spoil:
    return lambda facts: replace(facts, capabilities_inside=words)


def resuming(**answers: Any) -> Spoil:
    return behaving(resumption=replace(good_tls().behaviour.resumption, **answers))


def root() -> ServedChain:
    leaf = certificate()
    anchor = replace(
        certificate(), subject=leaf.issuer, issuer=leaf.issuer, self_issued=True, sha256="ff" * 32
    )
    return replace(served(), chain=(leaf, anchor))


def disordered() -> ServedChain:
    leaf = certificate()
    stranger = replace(certificate(), subject="CN=Stranger CA", issuer="CN=Root", sha256="ee" * 32)
    return replace(served(), chain=(leaf, stranger))


#: id, what spoils the good facts, how bad it is on port 25, how bad on users' ports.
CASES: list[tuple[str, Spoil, Severity, Severity]] = [
    ("sslv2-offered", offering("SSLv2", "SSL_CK_RC4_128_WITH_MD5"), HIGH, CRITICAL),
    ("sslv3-offered", offering("SSLv3", RSA_CBC), LOW, HIGH),
    ("deprecated-protocol-offered", offering("TLSv1", ECDHE_CBC), INFO, MEDIUM),
    ("deprecated-protocol-offered", offering("TLSv1.1", ECDHE_CBC), INFO, MEDIUM),
    ("tls12-not-offered", refusing("TLSv1.2"), MEDIUM, INFO),
    ("tls13-not-offered", refusing("TLSv1.3"), INFO, LOW),
    ("version-intolerant", behaving(tolerates_future_version=False), LOW, LOW),
    ("grease-intolerant", behaving(tolerates_grease=False), LOW, LOW),
    ("large-hello-intolerant", behaving(tolerates_large_hello=False), MEDIUM, MEDIUM),
    ("no-fallback-scsv", behaving(fallback_scsv=False), INFO, LOW),
    ("null-cipher", offering("TLSv1.2", "TLS_RSA_WITH_NULL_SHA256"), MEDIUM, CRITICAL),
    ("null-cipher", offering("TLSv1.3", "TLS_SHA256_SHA256"), MEDIUM, CRITICAL),
    ("anonymous-cipher", offering("TLSv1.2", "TLS_DH_anon_WITH_AES_128_CBC_SHA"), INFO, HIGH),
    ("anonymous-cipher", offering("TLSv1.2", "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"), INFO, HIGH),
    ("export-cipher", offering("TLSv1.2", "TLS_RSA_EXPORT_WITH_RC4_40_MD5"), MEDIUM, HIGH),
    ("des-cipher", offering("TLSv1.2", "TLS_RSA_WITH_DES_CBC_SHA"), LOW, HIGH),
    ("rc4-cipher", offering("TLSv1.2", "TLS_ECDHE_RSA_WITH_RC4_128_SHA"), LOW, MEDIUM),
    ("3des-cipher", offering("TLSv1.2", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"), INFO, LOW),
    ("cbc-cipher", offering("TLSv1.2", ECDHE_CBC), INFO, LOW),
    ("static-key-exchange", offering("TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"), INFO, LOW),
    ("static-key-exchange", offering("TLSv1.2", "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"), INFO, LOW),
    ("weak-cipher-preferred", offering("TLSv1.2", ECDHE_CBC, order=Order.SERVER), LOW, MEDIUM),
    ("weak-group", groups(*GROUPS, "secp192r1"), LOW, MEDIUM),
    ("weak-group", groups(*GROUPS, "sect163k1"), LOW, MEDIUM),
    ("no-post-quantum-group", groups("x25519", "secp256r1"), INFO, INFO),
    ("weak-dh", primes(1024), LOW, MEDIUM),
    ("weak-dh", primes(512), MEDIUM, HIGH),
    ("common-dh-prime", primes(1024, "RFC 2409 group 2"), LOW, MEDIUM),
    ("key-share-reused", behaving(reuses_dh_value=True), LOW, LOW),
    ("key-share-reused", behaving(reuses_ecdh_value=True), LOW, LOW),
    ("sha1-signature", schemes("rsa_pkcs1_sha1"), INFO, INFO),
    ("md5-signature", schemes("rsa_pkcs1_md5"), LOW, MEDIUM),
    ("certificate-expired", chains(served(ChainFault.EXPIRED, sha256="99" * 32)), MEDIUM, CRITICAL),
    ("name-mismatch", chains(served(ChainFault.NAME_MISMATCH, sha256="99" * 32)), LOW, HIGH),
    (
        "certificate-expires-soon",
        chains(served(sha256="99" * 32, not_after=certificate(left=5).not_after)),
        LOW,
        LOW,
    ),
    ("chain-order", chains(disordered()), INFO, LOW),
    ("root-in-chain", chains(root()), INFO, INFO),
    (
        "certificate-without-sni",
        chains(served(), served(ChainFault.NAME_MISMATCH, sni=None)),
        INFO,
        LOW,
    ),
    ("no-certificate-transparency", chains(replace(served(), scts=0)), INFO, INFO),
    ("must-staple-not-stapled", chains(served(must_staple=True)), LOW, MEDIUM),
    (
        "certificate-revoked",
        chains(replace(served(), stapled=Stapled("revoked"))),
        HIGH,
        CRITICAL,
    ),
    ("compression-offered", behaving(compression=True), LOW, MEDIUM),
    ("insecure-renegotiation", behaving(secure_renegotiation=False), LOW, MEDIUM),
    ("client-renegotiation", behaving(client_renegotiation=True), INFO, LOW),
    ("no-extended-master-secret", behaving(extended_master_secret=False), INFO, LOW),
    (
        "no-encrypt-then-mac",
        lambda facts: offering("TLSv1.2", ECDHE_CBC)(behaving(encrypt_then_mac=False)(facts)),
        INFO,
        INFO,
    ),
    ("long-lived-tickets", resuming(lifetime_hint=8 * 86400), INFO, LOW),
    (
        "no-resumption",
        resuming(session_id=False, ticket=False, ticket_tls13=False),
        INFO,
        INFO,
    ),
    ("early-data", behaving(early_data=True), LOW, MEDIUM),
    ("lax-sni", behaving(strict_sni=False), INFO, INFO),
    ("lax-alpn", behaving(strict_alpn=False), INFO, INFO),
    ("heartbeat-offered", behaving(heartbeat=True), INFO, INFO),
    ("heartbleed", fault("heartbleed"), CRITICAL, CRITICAL),
    ("ccs-injection", fault("ccs-injection"), MEDIUM, HIGH),
    ("robot", fault("robot"), HIGH, HIGH),
    ("ticketbleed", fault("ticketbleed"), HIGH, HIGH),
    ("drown", fault("drown"), HIGH, CRITICAL),
    ("poodle", fault("poodle"), INFO, MEDIUM),
    ("freak", fault("freak"), MEDIUM, HIGH),
    ("logjam", fault("logjam"), LOW, HIGH),
    ("sweet32", fault("sweet32"), INFO, LOW),
    ("beast", fault("beast"), INFO, INFO),
    ("lucky13", fault("lucky13"), INFO, INFO),
    ("crime", fault("crime"), INFO, LOW),
    ("dheat", fault("dheat"), INFO, LOW),
    ("starttls-injection", dialogue(injection=True), MEDIUM, HIGH),
    ("second-starttls-accepted", dialogue(second_starttls="220 2.0.0 Ready"), LOW, LOW),
    ("second-starttls-accepted", dialogue(second_starttls="a1 OK begin"), LOW, LOW),
    ("second-starttls-accepted", dialogue(second_starttls="+OK"), LOW, LOW),
    ("starttls-offered-inside-tls", inside("SIZE 1", "STARTTLS"), LOW, LOW),
    ("login-before-tls", dialogue(login_before_tls=True), MEDIUM, HIGH),
    (
        "could-not-determine",
        behaving(compression=Unknown("timed out", Cause.TIMEOUT)),
        INFO,
        INFO,
    ),
    ("could-not-determine", changed(left_out=("12 questions: connection budget",)), INFO, INFO),
]
#: What the same facts rightly show beside the case's own id.
COMPANIONS = {
    "sslv2-offered": {"rc4-cipher"},
    "sslv3-offered": {"cbc-cipher", "static-key-exchange"},
    "deprecated-protocol-offered": {"cbc-cipher"},
    "anonymous-cipher": {"cbc-cipher"},
    "weak-cipher-preferred": {"cbc-cipher"},
    "static-key-exchange": {"cbc-cipher"},
    "no-encrypt-then-mac": {"cbc-cipher"},
    "common-dh-prime": {"weak-dh"},
    "starttls-offered-inside-tls": {"ports-differ"},
}
_NUMBERED = [f"{case[0]}-{number}" for number, case in enumerate(CASES)]


@pytest.mark.parametrize(("id_", "spoil", "mx", "users"), CASES, ids=_NUMBERED)
def test_shown_where_it_is_and_nowhere_else(
    id_: str, spoil: Spoil, mx: Severity, users: Severity
) -> None:
    for service, severity in ((SMTP, mx), (SUBMISSION, users), (IMAPS, users)):
        found = assess(target(spoil(deep(service)), deep(POP3)))
        own = [finding for finding in found if finding.id == id_]
        assert [finding.endpoint for finding in own] == [deep(service).endpoint]
        assert own[0].severity is severity
        assert own[0].evidence
        assert ids(found) <= {id_} | COMPANIONS.get(id_, set())


def test_a_good_server_has_no_findings() -> None:
    assert assess(target(*(deep(service) for service in SERVICES))) == ()


def test_every_rule_has_facts_that_show_it() -> None:
    elsewhere = Path(__file__).parent.glob("test_*.py")
    named = set().union(*(re.findall(r'"([a-z0-9-]+)"', each.read_text()) for each in elsewhere))
    assert set(REGISTRY) <= named
    assert {case[0] for case in CASES} <= set(REGISTRY)


def test_every_known_fault_of_the_model_has_a_rule() -> None:
    documented = re.findall(r"[a-z0-9-]+", (KnownFault.__doc__ or "").partition("`id` is")[2])
    listed = {word for word in documented if word in known_faults.IDS}
    assert listed == known_faults.IDS
    assert set(REGISTRY) >= known_faults.IDS


def test_a_fault_nobody_has_heard_of_is_no_finding() -> None:
    assert assess(target(fault("tomorrow")(deep(SMTP)))) == ()


def test_several_weak_suites_are_one_finding_that_names_them() -> None:
    suites = tuple(f"TLS_ECDHE_RSA_WITH_{one}" for one in ("AES_128_CBC_SHA", "AES_256_CBC_SHA"))
    (finding,) = assess(target(offering("TLSv1.2", *suites)(deep(IMAP))))
    assert all(suite in finding.evidence for suite in suites)


def test_a_weak_suite_last_in_the_servers_order_is_in_its_place() -> None:
    facts = deep(IMAPS)
    assert facts.tls is not None
    ordered = tuple(
        replace(each, cipher_suites=(*TLS12, ECDHE_CBC), order=Order.SERVER)
        if each.name == "TLSv1.2"
        else each
        for each in facts.tls.protocols
    )
    found = assess(target(with_tls(facts, protocols=ordered)))
    assert ids(found) == {"cbc-cipher"}


def test_a_login_that_is_offered_anyway_is_told_once() -> None:
    facts = dialogue(login_before_tls=True)(deep(IMAP))
    facts = replace(facts, greeting=greeting("LOGIN"))
    assert ids(assess(target(facts))) == {"cleartext-login"}


def test_dovecot_trusts_its_own_address() -> None:
    facts = replace(dialogue(login_before_tls=True)(deep(IMAP)), from_same_address=True)
    (finding,) = assess(target(facts))
    assert (finding.id, finding.severity) == ("login-before-tls", INFO)


def test_a_second_starttls_turned_down_is_right() -> None:
    for answer in ("454 4.7.0 TLS not available", "a1 BAD already", "-ERR", "554 220 too often"):
        assert assess(target(dialogue(second_starttls=answer)(deep(SMTP)))) == ()


# Parity


def test_ports_for_the_same_users_that_differ() -> None:
    found = assess(target(deep(SUBMISSION), offering("TLSv1.1", ECDHE_CBC)(deep(SUBMISSIONS))))
    (finding,) = [each for each in found if each.id == "ports-differ"]
    assert finding.severity is LOW
    assert finding.endpoint is None
    assert "only port 465 has TLSv1.1" in finding.evidence
    assert "suites" in finding.evidence


@pytest.mark.parametrize(
    ("first", "second"), [(SMTP, SUBMISSIONS), (SMTP, SUBMISSION), (IMAP, POP3)]
)
def test_ports_for_others_may_differ(first: Any, second: Any) -> None:
    found = assess(target(deep(first), offering("TLSv1.2", ECDHE_CBC)(deep(second))))
    assert "ports-differ" not in ids(found)


def test_capabilities_alone_are_only_mentioned() -> None:
    facts = replace(deep(IMAPS), capabilities_inside=("IMAP4rev1", "IDLE"))
    plain = replace(deep(IMAP), capabilities_inside=("IMAP4rev1",))
    (finding,) = assess(target(plain, facts))
    assert (finding.id, finding.severity) == ("ports-differ", INFO)
    assert "only port 993 has IDLE" in finding.evidence


def test_what_is_not_known_in_full_is_not_compared() -> None:
    facts = deep(IMAPS)
    assert facts.tls is not None
    partly = tuple(
        replace(each, cipher_suites=each.cipher_suites[:1], complete=False)
        for each in facts.tls.protocols
    )
    some = tuple(replace(each, groups=each.groups[:1], complete=False) for each in facts.tls.groups)
    assert assess(target(deep(IMAP), with_tls(facts, protocols=partly, groups=some))) == ()


def test_addresses_that_differ() -> None:
    other = offering("TLSv1.2", ECDHE_CBC)(deep(IMAPS, "2001:db8::1"))
    found = assess(target(deep(IMAPS), other))
    (finding,) = [each for each in found if each.id == "addresses-differ"]
    assert "only [2001:db8::1]:993 has " + ECDHE_CBC in finding.evidence


def test_an_address_without_facts_is_not_compared() -> None:
    silent = replace(
        good(IMAPS), handshake=Unknown("x", Cause.TIMEOUT), capabilities_inside=Unknown("x")
    )
    found = assess(target(silent, deep(IMAPS, "2001:db8::1"), deep(IMAPS, "2001:db8::2")))
    assert ids(found) == {"could-not-determine"}


# Unknown

_UNKNOWNS = (
    NOT_ASKED,
    Unknown("does not arise", Cause.NOT_APPLICABLE),
    Unknown("timed out", Cause.TIMEOUT),
    Unknown("not reached", Cause.NOT_REACHED),
)


def unknown_everywhere(unknown: Unknown) -> TlsFacts:
    taken = {field.name: unknown for field in fields(Behaviour) if field.name != "resumption"}
    return replace(
        good_tls(),
        protocols=tuple(
            ProtocolFacts(each.name, unknown, order=unknown) for each in good_tls().protocols
        ),
        groups=(),
        signature_schemes=(),
        refused_schemes=(),
        chains=(replace(served(), stapled=unknown, scts=unknown),),
        behaviour=Behaviour(**taken, resumption=Resumption(unknown, unknown, unknown)),
        known_faults=tuple(KnownFault(id_, unknown) for id_ in sorted(known_faults.IDS)),
        dialogue=DialogueFacts(unknown, unknown, unknown),
    )


@pytest.mark.parametrize("unknown", _UNKNOWNS, ids=lambda one: one.cause.value)
@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)
def test_unknown_is_never_a_fault(unknown: Unknown, service: Any) -> None:
    facts = replace(deep(service), tls=unknown_everywhere(unknown))
    found = assess(target(facts))
    expected = ["could-not-determine"] if is_gap(unknown) else []
    assert [each.id for each in found] == expected
    for finding in found:
        assert finding.severity is INFO
        for word in ("SSLv2", "heartbleed", "compression", "injection", unknown.reason):
            assert word in finding.evidence


def test_gaps_are_told_by_their_reason_once() -> None:
    known = Unknown("421 too many", Cause.THROTTLED)
    facts = behaving(compression=known, heartbeat=known, early_data=Unknown("no tickets"))(
        deep(SMTP)
    )
    facts = behaving(strict_alpn=Unknown("no", Cause.NOT_APPLICABLE))(facts)
    (finding,) = assess(target(facts))
    assert finding.evidence == "compression, heartbeat: 421 too many; early data: no tickets"


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (lambda facts: facts, True),
        (behaving(compression=NOT_ASKED), True),
        (behaving(early_data=Unknown("no tickets")), True),
        (behaving(heartbeat=Unknown("421", Cause.THROTTLED)), False),
        (behaving(heartbeat=Unknown("slow", Cause.TIMEOUT)), False),
        (changed(left_out=("groups: connection budget",)), False),
    ],
)
def test_determined(spoil: Spoil, answer: bool) -> None:
    assert determined(target(spoil(deep(SMTP)), deep(IMAPS)), False) is answer


_TERNARY = st.sampled_from((True, False, *_UNKNOWNS))
_PROTOCOLS = st.builds(
    ProtocolFacts,
    st.sampled_from(("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")),
    _TERNARY,
    st.lists(
        st.sampled_from(("SSL_CK_RC4_128_WITH_MD5", RSA_CBC, *TLS12, "TLS_SHA256_SHA256", "0x4a4a"))
    ).map(tuple),
    st.booleans(),
    st.sampled_from((*Order, *_UNKNOWNS)),
)
_CHAINS = st.builds(
    ServedChain,
    st.sampled_from(("RSA", "ECDSA", "")),
    st.sampled_from((None, "mail.example.com")),
    st.sampled_from(((), (certificate(),), root().chain, disordered().chain)),
    st.sampled_from((served().verdict, served(ChainFault.EXPIRED).verdict)),
    st.sampled_from((None, Stapled("good"), Stapled("revoked"), Stapled(NOT_ASKED), *_UNKNOWNS)),
    st.sampled_from((0, 2, *_UNKNOWNS)),
)
_FACTS = st.builds(
    TlsFacts,
    depth=st.sampled_from(Depth),
    protocols=st.lists(_PROTOCOLS, max_size=6).map(tuple),
    groups=st.lists(
        st.builds(
            GroupFacts,
            st.sampled_from(((), GROUPS, ("secp192r1", "0x9a9a"))),
            st.sampled_from(((), ("TLSv1.2",), ("TLSv1.3",))),
            st.booleans(),
            st.sampled_from((*Order, *_UNKNOWNS)),
        ),
        max_size=2,
    ).map(tuple),
    diffie_hellman=st.sampled_from(((), (DiffieHellman(768, 2, "00", "x"),))),
    signature_schemes=st.sampled_from(((), (("TLSv1.2", ("rsa_pkcs1_sha1", "0x0909")),))),
    chains=st.lists(_CHAINS, max_size=3).map(tuple),
    behaviour=st.builds(
        Behaviour,
        **{field.name: _TERNARY for field in fields(Behaviour) if field.name != "resumption"},
        resumption=st.builds(
            Resumption, _TERNARY, _TERNARY, _TERNARY, st.sampled_from((None, 0, 10**7))
        ),
    ),
    known_faults=st.lists(
        st.builds(KnownFault, st.sampled_from((*sorted(known_faults.IDS), "new")), _TERNARY),
        max_size=4,
    ).map(tuple),
    dialogue=st.builds(
        DialogueFacts, _TERNARY, st.sampled_from(("220 go", "", "502", *_UNKNOWNS)), _TERNARY
    ),
)
_PROFILES = [load(name) for name in BUILT_IN]


@settings(max_examples=80, deadline=None)
@given(_FACTS, st.sampled_from(SERVICES), st.sampled_from((None, "closed", "lost", "refused")))
def test_no_rule_raises_on_any_combination(tls: TlsFacts, service: Any, spoilt: str | None) -> None:
    facts = replace(good(service), tls=tls)
    if spoilt:
        cause = {
            "closed": Cause.CONNECTION_REFUSED,
            "lost": Cause.TIMEOUT,
            "refused": Cause.STARTTLS_REFUSED,
        }[spoilt]
        unknown = Unknown("so", cause)
        facts = replace(
            facts, handshake=unknown, capabilities_inside=unknown, closed=spoilt == "closed"
        )
    seen = target(facts, deep(service, "192.0.2.26"))
    findings, verdict = judge(seen, _PROFILES)
    assert all(finding.evidence and finding.remedy for finding in findings)
    could_not = [each for each in findings if each.id == "could-not-determine"]
    assert len(could_not) == len({each.endpoint for each in could_not})
    assert all(len(each.profiles) == len(_PROFILES) for each in verdict.endpoints)
