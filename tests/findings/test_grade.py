"""The grade is what docs/grades.md says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from letterlock.findings.assess import judge
from letterlock.findings.grade import MANY, NO_TLS, endpoint_grade, grade, server_grade
from letterlock.findings.rule import REGISTRY
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import IMAP, IMAPS, SMTP
from letterlock.model.tls_facts import Depth, TlsFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import Grade, Letter
from letterlock.profiles.profile import load
from tests.findings.deep import deep, good_tls, offering, refusing
from tests.findings.sample import endpoint, good, target

INFO, LOW, MEDIUM = Severity.INFO, Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL
PAGE = Path(__file__).parents[2] / "docs/grades.md"


def finding(severity: Severity, id_: str = "some", *, whole: bool = False) -> Finding:
    place = None if whole else endpoint(IMAPS)
    return Finding(id_, severity, f"title of {id_}", "seen", "RFC", "do", endpoint=place)


@pytest.mark.parametrize(
    ("findings", "letter"),
    [
        ([], Letter.A),
        ([finding(INFO)], Letter.A),
        ([finding(LOW)], Letter.B),
        ([finding(LOW, str(number)) for number in range(9)], Letter.B),
        ([finding(LOW), finding(MEDIUM)], Letter.C),
        ([finding(MEDIUM, "one"), finding(MEDIUM, "two")], Letter.C),
        ([finding(MEDIUM, "one"), finding(MEDIUM, "one"), finding(MEDIUM, "one")], Letter.C),
        ([finding(MEDIUM, "one"), finding(MEDIUM, "two"), finding(MEDIUM, "three")], Letter.D),
        ([finding(HIGH), finding(MEDIUM)], Letter.E),
        ([finding(CRITICAL)], Letter.F),
        *(([finding(MEDIUM, id_)], Letter.F) for id_ in sorted(NO_TLS)),
        ([finding(MEDIUM, "profile-protocol"), finding(LOW, "profile-phase-out")], Letter.A),
    ],
)
def test_the_letter(findings: list[Finding], letter: Letter) -> None:
    given = grade(findings)
    assert given.letter is letter
    assert bool(given.because) is (letter is not Letter.A)


def test_only_what_decides_is_the_reason() -> None:
    given = grade([finding(LOW, "a"), finding(HIGH, "b"), finding(HIGH, "b"), finding(HIGH, "c")])
    assert given.because == ("title of b", "title of c")


def without(tls: TlsFacts, name: str) -> TlsFacts:
    protocols = tuple(
        replace(each, offered=Unknown("421")) if each.name == name else each
        for each in tls.protocols
    )
    return replace(tls, protocols=protocols)


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        (None, "only one handshake was made"),
        (replace(good_tls(), depth=Depth.VERDICT), "verdict"),
        (without(good_tls(), "SSLv3"), "SSLv3"),
        (replace(good_tls(), protocols=()), "versions"),
        (
            replace(
                good_tls(),
                protocols=tuple(replace(each, cipher_suites=()) for each in good_tls().protocols),
            ),
            "cipher suites",
        ),
    ],
)
def test_a_grade_has_to_be_earned(tls: TlsFacts | None, reason: str) -> None:
    facts = replace(good(IMAPS), tls=tls)
    for findings in ([], [finding(LOW)], [finding(MEDIUM)]):
        given = endpoint_grade(facts, findings)
        assert isinstance(given, Unknown)
        assert reason in given.reason
    for severity, letter in ((HIGH, Letter.E), (CRITICAL, Letter.F)):
        given = endpoint_grade(facts, [finding(severity)])
        assert isinstance(given, Grade)
        assert given.letter is letter


def test_others_findings_are_not_ones_own() -> None:
    given = endpoint_grade(deep(IMAP), [finding(CRITICAL), finding(HIGH, whole=True)])
    assert given == Grade(Letter.A)


A, C, F = Grade(Letter.A), Grade(Letter.C, ("c",)), Grade(Letter.F, ("f",))


@pytest.mark.parametrize(
    ("endpoints", "own", "answer"),
    [
        ([A, A], [], A),
        ([A, C], [], Grade(Letter.C, ("c (port 993)",))),
        ([C, C], [], Grade(Letter.C, ("c (ports 25, 993)",))),
        ([A, A], [finding(LOW, "x", whole=True)], Grade(Letter.B, ("title of x",))),
        ([A, C], [finding(LOW, "x", whole=True)], Grade(Letter.C, ("c (port 993)",))),
        ([A, C], [finding(CRITICAL, "not its own")], Grade(Letter.C, ("c (port 993)",))),
        ([Unknown("x"), F], [], Grade(Letter.F, ("f (port 993)",))),
        ([A, Unknown("x")], [], Unknown("not determined for 192.0.2.25:993")),
        ([Unknown("x")], [], Unknown("no endpoint has a grade")),
        ([], [], Unknown("no endpoint has a grade")),
    ],
)
def test_the_server(
    endpoints: list[Grade | Unknown], own: list[Finding], answer: Grade | Unknown
) -> None:
    places = [endpoint(SMTP), endpoint(IMAPS)]
    assert server_grade(dict(zip(places, endpoints, strict=False)), own) == answer


def test_port_25_is_not_marked_down_for_what_helps_old_senders() -> None:
    spoil = offering("TLSv1", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_DH_anon_WITH_AES_128_CBC_SHA")
    _, verdict = judge(target(spoil(deep(SMTP)), spoil(deep(IMAPS))))
    port_25, port_993 = (each.grade for each in verdict.endpoints)
    assert port_25 == Grade(Letter.A)
    assert isinstance(port_993, Grade)
    assert port_993.letter is Letter.E


def test_port_25_with_tls_13_alone_is_marked_down() -> None:
    _, verdict = judge(target(refusing("TLSv1.2")(deep(SMTP))))
    assert verdict.grade == Grade(Letter.C, ("Only TLS 1.3 is offered (port 25)",))


def test_a_profile_does_not_change_the_grade() -> None:
    _, verdict = judge(target(deep(IMAPS)), [load("modern")])
    assert verdict.grade == Grade(Letter.A)
    assert verdict.endpoints[0].profiles[0].met is False


def test_the_lost_and_the_closed() -> None:
    lost = replace(
        good(IMAP),
        greeting=Unknown("421", Cause.THROTTLED),
        handshake=Unknown("421", Cause.THROTTLED),
        capabilities_inside=Unknown("x", Cause.NOT_REACHED),
    )
    refused = Unknown("refused", Cause.CONNECTION_REFUSED)
    closed = replace(good(SMTP), closed=True, greeting=refused, handshake=refused)
    _, verdict = judge(target(deep(IMAPS), lost, closed))
    assert [each.endpoint.port for each in verdict.endpoints] == [993, 143]
    assert isinstance(verdict.endpoints[1].grade, Unknown)
    assert isinstance(verdict.grade, Unknown)


def test_the_page_says_what_the_code_does() -> None:
    rows = re.findall(r"^\| ([A-F]) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [letter for letter, _ in rows] == ["F", "F", "E", "D", "C", "B", "A"]
    assert set(re.findall(r"`([a-z-]+)`", rows[0][1])) == NO_TLS
    for letter, words in rows[1:6]:
        severity = Severity(words.rpartition(" ")[2])
        count = MANY if words.startswith("three or more") else 1
        given = grade(finding(severity, str(number)) for number in range(count))
        assert given.letter == letter
    assert MANY == 3
    assert set(NO_TLS) <= set(REGISTRY)
