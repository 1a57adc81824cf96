"""Every finding has facts that show it and facts that do not, and a severity for each role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from letterlock.findings import certificate as certificates
from letterlock.findings.assess import assess
from letterlock.findings.reach import determined
from letterlock.findings.rule import REGISTRY, define
from letterlock.model.certificate import ChainFault, ChainVerdict
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.model.service import (
    IMAP,
    IMAPS,
    POP3,
    POP3S,
    SERVICES,
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
    Role,
    Service,
)
from letterlock.model.unknown import Cause, Unknown
from tests.findings.sample import certificate, good, greeting, handshake, target

Spoil = Callable[[EndpointFacts], EndpointFacts]
INFO, LOW, MEDIUM = Severity.INFO, Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL


def unreached(cause: Cause) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        unknown = Unknown("the reason", cause)
        return replace(
            facts,
            greeting=facts.greeting and unknown,
            handshake=unknown,
            capabilities_inside=Unknown("no TLS session", Cause.NOT_REACHED),
            closed=cause is Cause.CONNECTION_REFUSED,
        )

    return spoil


def no_handshake(cause: Cause) -> Spoil:
    return lambda facts: replace(
        facts,
        handshake=Unknown("the reason", cause),
        capabilities_inside=Unknown("no TLS session", Cause.NOT_REACHED),
    )


def faulty(fault: ChainFault) -> Spoil:
    return lambda facts: replace(facts, handshake=handshake(fault))


def living(left: float, lifetime: float) -> Spoil:
    return lambda facts: replace(
        facts, handshake=handshake(leaf=certificate(left=left, lifetime=lifetime))
    )


def judged_twice(system: str | None, mozilla: str | None) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        seen = handshake()
        other = ChainVerdict(seen.verdict.path, mozilla, ())
        verdict = replace(seen.verdict, anchor=system, mozilla=other)
        return replace(facts, handshake=replace(seen, verdict=verdict))

    return spoil


#: id, what spoils the good facts, where, and how bad it is there.
CASES: list[tuple[str, Spoil, Service, Severity]] = [
    ("port-closed", unreached(Cause.CONNECTION_REFUSED), POP3, INFO),
    ("not-reachable", unreached(Cause.NO_ANSWER), SMTP, INFO),
    ("not-reachable", unreached(Cause.UNREACHABLE), IMAPS, INFO),
    ("could-not-determine", unreached(Cause.TIMEOUT), SMTP, INFO),
    ("could-not-determine", unreached(Cause.THROTTLED), IMAP, INFO),
    ("could-not-determine", unreached(Cause.BROKEN_DIALOGUE), POP3, INFO),
    ("could-not-determine", unreached(Cause.INTERRUPTED), POP3S, INFO),
    ("could-not-determine", no_handshake(Cause.DISCONNECTED), SMTP, INFO),
    (
        "could-not-determine",
        lambda facts: replace(facts, capabilities_inside=Unknown("x", Cause.TIMEOUT)),
        SUBMISSION,
        INFO,
    ),
    *(
        (
            "starttls-not-offered",
            lambda facts: replace(facts, greeting=greeting(starttls=False), handshake=None),
            service,
            severity,
        )
        for service, severity in ((SMTP, MEDIUM), (SUBMISSION, HIGH), (IMAP, HIGH), (POP3, HIGH))
    ),
    ("starttls-refused", no_handshake(Cause.STARTTLS_REFUSED), SMTP, HIGH),
    ("handshake-failed", no_handshake(Cause.TLS_ALERT), SMTP, HIGH),
    ("handshake-failed", no_handshake(Cause.TLS_ERROR), IMAPS, HIGH),
    ("plain-on-tls-port", no_handshake(Cause.PLAIN_ON_TLS_PORT), SUBMISSIONS, HIGH),
    (
        "tls-on-plain-port",
        lambda facts: replace(facts, greeting=Unknown("x", Cause.TLS_ON_PLAIN_PORT)),
        SMTP,
        HIGH,
    ),
    *(
        (
            "deprecated-protocol",
            lambda facts, version=version: replace(facts, handshake=handshake(version=version)),
            service,
            severity,
        )
        for version in ("TLSv1.0", "TLSv1.1", "SSLv3")
        for service, severity in ((SMTP, MEDIUM), (IMAPS, HIGH))
    ),
    (
        "no-forward-secrecy",
        lambda facts: replace(
            facts, handshake=handshake(version="TLSv1.2", suite="TLS_RSA_WITH_AES_128_CBC_SHA")
        ),
        SUBMISSION,
        MEDIUM,
    ),
    (
        "data-after-starttls",
        lambda facts: replace(facts, after_starttls=b"250 x\r\n"),
        IMAP,
        MEDIUM,
    ),
    *(
        (
            "cleartext-login",
            lambda facts: replace(facts, greeting=greeting("AUTH PLAIN")),
            service,
            severity,
        )
        for service, severity in ((SMTP, MEDIUM), (SUBMISSION, HIGH), (IMAP, HIGH), (POP3, HIGH))
    ),
    (
        "cleartext-login",
        lambda facts: replace(facts, greeting=greeting("USER"), from_same_address=True),
        POP3,
        INFO,
    ),
    (
        "cleartext-login",
        lambda facts: replace(facts, greeting=greeting("AUTH PLAIN"), from_same_address=True),
        SUBMISSION,
        HIGH,
    ),
    *(
        (id_, faulty(fault), service, severity)
        for id_, fault, mx, others in (
            ("chain-incomplete", ChainFault.INCOMPLETE, LOW, HIGH),
            ("no-trust-anchor", ChainFault.NO_TRUST_ANCHOR, LOW, HIGH),
            ("self-signed", ChainFault.SELF_SIGNED, LOW, HIGH),
            ("certificate-expired", ChainFault.EXPIRED, MEDIUM, CRITICAL),
            ("certificate-not-yet-valid", ChainFault.NOT_YET_VALID, MEDIUM, CRITICAL),
            ("name-mismatch", ChainFault.NAME_MISMATCH, LOW, HIGH),
            ("no-server-auth", ChainFault.NO_SERVER_AUTH, LOW, HIGH),
            ("weak-key", ChainFault.WEAK_KEY, MEDIUM, MEDIUM),
            ("weak-signature", ChainFault.WEAK_SIGNATURE, LOW, HIGH),
            ("chain-invalid", ChainFault.INVALID, LOW, HIGH),
        )
        for service, severity in ((SMTP, mx), (SUBMISSIONS, others), (IMAPS, others))
    ),
    ("roots-differ", judged_twice("CN=Our Root", None), IMAPS, LOW),
    ("roots-differ", judged_twice("CN=Our Root", None), SMTP, INFO),
    ("roots-differ", judged_twice(None, "CN=Example Root"), SUBMISSION, LOW),
    ("certificate-expires-soon", living(17.9, 90), IMAPS, LOW),
    ("certificate-expires-soon", living(8.9, 90), IMAPS, MEDIUM),
    ("certificate-expires-soon", living(29.9, 398), SMTP, LOW),
    ("certificate-expires-soon", living(13.9, 398), SMTP, MEDIUM),
    ("certificate-expires-soon", living(0.5, 6), SMTP, MEDIUM),
]


@pytest.mark.parametrize(
    ("id_", "spoil", "service", "severity"),
    CASES,
    ids=[f"{case[0]}-{case[2].name}-{position}" for position, case in enumerate(CASES)],
)
def test_shown_where_it_is_and_nowhere_else(
    id_: str, spoil: Spoil, service: Service, severity: Severity
) -> None:
    endpoints = tuple(spoil(good(each)) if each is service else good(each) for each in SERVICES)
    found = [finding for finding in assess(target(*endpoints)) if finding.id == id_]
    assert [finding.endpoint for finding in found] == [good(service).endpoint]
    assert found[0].severity is severity
    assert found[0].role is service.role
    others = {finding.id for finding in assess(target(*endpoints))} - {id_}
    assert others <= {"certificates-differ"}, others


@pytest.mark.parametrize("anchor", [None, "CN=Example Root"])
def test_stores_that_agree(anchor: str | None) -> None:
    """Which root it is they need not agree on: cross-signed ones have two."""
    other = anchor and "CN=The Same, Cross-signed"
    assert assess(target(judged_twice(anchor, other)(good(IMAPS)))) == ()


def test_a_good_server_has_no_findings() -> None:
    assert assess(target()) == ()


@pytest.mark.parametrize(("left", "lifetime"), [(18.1, 90), (30.1, 398), (1.3, 6), (-1, 90)])
def test_not_soon(left: float, lifetime: float) -> None:
    spoilt = living(left, lifetime)(good(IMAPS))
    assert not [each for each in assess(target(spoilt)) if each.id == "certificate-expires-soon"]


def test_suites_with_forward_secrecy() -> None:
    for suite in ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"):
        facts = replace(good(SMTP), handshake=handshake(version="TLSv1.2", suite=suite))
        assert assess(target(facts)) == ()


def with_leaf(service: Service, **values: object) -> EndpointFacts:
    leaf = replace(certificate(), **values)  # type: ignore[arg-type]
    return replace(good(service), handshake=handshake(leaf=leaf))


def parity(*facts: EndpointFacts) -> list[Severity]:
    found = [each for each in assess(target(*facts)) if each.id == "certificates-differ"]
    assert all(each.endpoint is None and each.role is None for each in found)
    return [each.severity for each in found]


def test_the_old_certificate_on_one_port() -> None:
    old = with_leaf(IMAPS, sha256="00" * 32)
    assert parity(good(SMTP), good(SUBMISSION), old) == [MEDIUM]
    (finding,) = [each for each in assess(target(good(SMTP), old)) if each.endpoint is None]
    assert "port 25: CN=mail.example.com" in finding.evidence
    assert "port 993: CN=mail.example.com" in finding.evidence
    assert "smtpd_tls_chain_files" in finding.remedy
    assert "ssl_cert" in finding.remedy


def test_certificates_for_different_names_or_key_types_are_a_choice() -> None:
    assert parity(good(SMTP), with_leaf(IMAPS, sha256="00" * 32, dns_names=("x",))) == [LOW]
    ecdsa = certificate(sha256="00" * 32, algorithm="ECDSA")
    assert parity(good(SMTP), replace(good(IMAPS), handshake=handshake(leaf=ecdsa))) == [LOW]


def test_an_address_that_answers_on_no_port() -> None:
    dead = [unreached(Cause.CONNECTION_REFUSED)(good(each, "2001:db8::1")) for each in SERVICES]
    found = assess(target(good(SMTP), *dead))
    assert [each.id for each in found if each.endpoint is None] == ["address-not-reachable"]
    assert "2001:db8::1" in found[0].evidence


def test_an_address_without_a_route_from_here_is_not_the_servers_fault() -> None:
    dead = [unreached(Cause.UNREACHABLE)(good(each, "2001:db8::1")) for each in SERVICES]
    assert {each.severity for each in assess(target(good(SMTP), *dead))} == {INFO}


def test_worst_first() -> None:
    facts = (
        faulty(ChainFault.SELF_SIGNED)(good(SMTP)),
        faulty(ChainFault.EXPIRED)(good(IMAPS)),
        unreached(Cause.CONNECTION_REFUSED)(good(POP3)),
        no_handshake(Cause.TLS_ALERT)(good(SUBMISSION)),
    )
    found = [each.severity for each in assess(target(*facts))]
    assert found == [CRITICAL, HIGH, LOW, INFO]


CLOSED, LOST = unreached(Cause.CONNECTION_REFUSED), unreached(Cause.TIMEOUT)


@pytest.mark.parametrize(
    ("facts", "asked", "answer"),
    [
        ((good(SMTP), good(IMAP)), False, True),
        ((good(SMTP), CLOSED(good(IMAP))), False, True),
        ((good(SMTP), CLOSED(good(IMAP))), True, False),
        ((CLOSED(good(SMTP)), CLOSED(good(IMAP))), False, False),
        ((good(SMTP), LOST(good(IMAP))), False, False),
        ((good(SMTP), unreached(Cause.NO_ANSWER)(good(IMAP))), False, True),
        ((good(SMTP), unreached(Cause.INTERRUPTED)(good(IMAP))), False, False),
        ((no_handshake(Cause.TLS_ALERT)(good(SMTP)),), True, True),
        ((no_handshake(Cause.DISCONNECTED)(good(SMTP)),), True, False),
    ],
)
def test_determined(facts: tuple[EndpointFacts, ...], asked: bool, answer: bool) -> None:
    assert determined(target(*facts), asked) is answer


def test_every_rule_says_all_that_explain_needs() -> None:
    shown = {case[0] for case in CASES} | {"certificates-differ", "address-not-reachable"}
    assert shown <= set(REGISTRY)
    for id_, rule in REGISTRY.items():
        assert rule.id == id_
        assert id_ == id_.lower()
        assert rule.title and rule.explanation.endswith(".") and rule.source
        assert rule.postfix and rule.dovecot
        assert {rule.severity_for(role) for role in Role} <= set(Severity)


def test_every_chain_fault_has_a_rule() -> None:
    assert set(certificates._BY_FAULT) == set(ChainFault)


def test_an_id_is_given_once() -> None:
    with pytest.raises(ValueError, match="two rules are called port-closed"):
        define("port-closed", "x", "x.", source="x", severity=INFO, postfix="x")
