"""What is said of MTA-STS, and of each mail server by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.findings.assess import assess
from letterlock.findings.mta_sts import sts_determined
from letterlock.model.certificate import ChainFault
from letterlock.model.dns_answer import ResolverFacts
from letterlock.model.dns_facts import DomainFacts, HostDns
from letterlock.model.dns_promises import StsFacts, StsForHost, StsMode, StsPolicy
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import IMAPS, SMTP
from letterlock.model.unknown import Cause, Unknown
from tests.findings.deep import deep, served, with_tls
from tests.findings.sample import good, handshake, target
from tests.findings.test_exchange import BOGUS, FAILED, SECURE, answer, domain, host

ENFORCE, TESTING, NONE = StsMode.ENFORCE, StsMode.TESTING, StsMode.NONE


def sts(mode: StsMode = ENFORCE, *mx: str, max_age: int = 604800, **more: object) -> StsFacts:
    policy = StsPolicy(mode, mx or ("a.example",), max_age)
    found = StsFacts(answer("v=STSv1; id=1"), "1", host=host("mta-sts.example.com"), policy=policy)
    return replace(found, **more)  # type: ignore[arg-type]


CASES: dict[str, tuple[StsFacts | None, dict[str, str]]] = {
    "not asked": (None, {}),
    "enforced": (sts(), {}),
    "a wildcard": (sts(ENFORCE, "*.example"), {}),
    "none": (StsFacts(answer()), {"mta-sts-missing": "info"}),
    "testing": (sts(TESTING), {"mta-sts-testing": "info"}),
    "withdrawn": (sts(NONE), {"mta-sts-withdrawn": "info"}),
    "withdrawn, with hosts of before": (
        sts(NONE, "b.example", max_age=60),
        {"mta-sts-withdrawn": "info"},
    ),
    "short": (sts(max_age=86399), {"mta-sts-short-lived": "low"}),
    "broken": (sts(fault="answers 404", policy=FAILED), {"mta-sts-broken": "medium"}),
    "a broken record beside a good policy": (
        sts(fault="2 records where there must be one"),
        {"mta-sts-broken": "medium"},
    ),
    "another host": (
        sts(ENFORCE, "b.example"),
        {"mta-sts-mx-not-covered": "high", "mta-sts-pattern-unused": "info"},
    ),
    "another host, testing": (
        sts(TESTING, "a.example.com", "*.example.com"),
        {
            "mta-sts-mx-not-covered": "low",
            "mta-sts-testing": "info",
            "mta-sts-pattern-unused": "info",
        },
    ),
    "a field twice": (
        sts(policy=StsPolicy(ENFORCE, ("a.example",), 604800, ("mode: none",))),
        {"mta-sts-field-ignored": "low"},
    ),
    "bogus": (StsFacts(answer("v=STSv1; id=1", security=BOGUS)), {"dnssec-bogus": "high"}),
    "a bogus address": (
        sts(
            host=host("mta-sts.example.com", answer("192.0.2.1", security=BOGUS)),
            fault="mta-sts.example.com has no address",
            policy=FAILED,
        ),
        {"dnssec-bogus": "high", "mta-sts-broken": "medium"},
    ),
    "not to be had": (StsFacts(FAILED), {"could-not-determine": "info"}),
    "no address to be had": (sts(policy=FAILED), {"could-not-determine": "info"}),
}


@pytest.mark.parametrize("case", CASES)
def test_of_the_domain(case: str) -> None:
    found, expected = CASES[case]
    facts = replace(domain(host()), sts=found)
    told = assess(replace(target(), endpoints=(), domain=facts))
    assert {each.id: each.severity.value for each in told} == expected
    assert sts_determined(facts) is ("could-not-determine" not in expected)


def told_of_exchange(found: StsFacts, facts: DomainFacts) -> dict[str, str]:
    told = assess(replace(target(), endpoints=(), domain=replace(facts, sts=found)))
    return {each.id: each.severity.value for each in told}


def test_only_hosts_that_are_looked_at_are_held_against_it() -> None:
    two = sts(ENFORCE, "a.example", "b.example")
    assert told_of_exchange(two, domain(host(), left_out=1)) == {"could-not-determine": "info"}
    literal = told_of_exchange(sts(), domain(host(), host("192.0.2.7", FAILED, FAILED)))
    assert "mta-sts-mx-not-covered" not in literal


def told_of(
    *served: EndpointFacts, mode: StsMode = ENFORCE, pattern: str | None = "a.example"
) -> list[str]:
    spoken = StsForHost("example.com", mode, pattern)
    known = HostDns(
        "a.example", "example.com", ResolverFacts("127.0.0.1", True), SECURE, host(), sts=spoken
    )
    findings = assess(replace(target(*served), host=known))
    return [
        f"{one.severity}: {one.evidence}" for one in findings if one.id == "mta-sts-not-delivered"
    ]


def seen(handshake: object, service: object = SMTP) -> EndpointFacts:
    return replace(good(service), handshake=handshake)  # type: ignore[arg-type]


def test_of_a_host() -> None:
    assert not told_of(good(SMTP))
    mismatch = seen(handshake(ChainFault.NAME_MISMATCH))
    assert told_of(mismatch) == [
        "high: policy of example.com, mode enforce: the certificate: name-mismatch"
    ]
    assert told_of(mismatch, mode=TESTING) == [
        "low: policy of example.com, mode testing: the certificate: name-mismatch"
    ]
    assert told_of(seen(None)) == [
        "high: policy of example.com, mode enforce: it offers no STARTTLS"
    ]
    assert told_of(seen(Unknown("an alert", Cause.TLS_ALERT)))


def test_what_another_finding_tells_is_not_told_twice() -> None:
    mismatch = seen(handshake(ChainFault.NAME_MISMATCH))
    assert not told_of(mismatch, pattern=None)
    assert not told_of(seen(Unknown("refused", Cause.CONNECTION_REFUSED)))
    assert not told_of(seen(handshake(ChainFault.NAME_MISMATCH), IMAPS))


def test_a_second_certificate_counts() -> None:
    second = handshake(ChainFault.EXPIRED)
    assert told_of(replace(good(SMTP), further=(second,)))
    for sni, counts in (("a.example", True), (None, False)):
        chains = (served(sni=sni), served(ChainFault.EXPIRED, sni=sni))
        assert bool(told_of(with_tls(deep(SMTP), chains=chains))) is counts
