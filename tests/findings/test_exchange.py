"""What is said of MX records and of DNSSEC."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.findings.assess import assess
from letterlock.findings.exchange import domain_determined
from letterlock.model.dns_answer import Answer, HostAddresses, ResolverFacts, Security
from letterlock.model.dns_facts import DomainFacts, MailExchange, MxRecord
from letterlock.model.unknown import Cause, Unknown
from tests.findings.sample import target

SECURE, INSECURE, BOGUS = Security.SECURE, Security.INSECURE, Security.BOGUS
FAILED = Unknown("the resolver answers SERVFAIL", Cause.DNS_FAILURE)


def answer(*records: str, security: Security | Unknown = SECURE, **more: object) -> Answer[str]:
    return replace(Answer("a.example", records, security), **more)  # type: ignore[arg-type]


ONE, NONE = answer("192.0.2.1"), answer()


def host(
    name: str = "a.example",
    ipv4: Answer[str] | Unknown = ONE,
    ipv6: Answer[str] | Unknown = NONE,
) -> HostAddresses:
    return HostAddresses(name, ipv4, ipv6)


def domain(
    *hosts: HostAddresses,
    exchanges: tuple[str, ...] | None = None,
    security: Security | Unknown = SECURE,
    validates: bool | Unknown = True,
    **more: object,
) -> DomainFacts:
    names = [one.name for one in hosts] if exchanges is None else exchanges
    records = tuple(MxRecord(10 * n, name) for n, name in enumerate(names))
    found = MailExchange(Answer("example.com", records, security), hosts)
    exchange = replace(found, **more)  # type: ignore[arg-type]
    return DomainFacts("example.com", ResolverFacts("127.0.0.1", validates), exchange)


CASES: dict[str, tuple[DomainFacts, dict[str, str]]] = {
    "nothing wrong": (domain(host()), {}),
    "null": (domain(exchanges=(".",)), {"domain-takes-no-mail": "info"}),
    "null among others": (
        domain(host(), exchanges=(".", "a.example")),
        {"null-mx-among-others": "medium"},
    ),
    "implicit": (domain(host(), exchanges=(), implicit=True), {"mx-implicit": "low"}),
    "nothing at all": (
        domain(host("example.com", NONE, NONE), exchanges=(), implicit=True),
        {"mx-missing": "high"},
    ),
    "an alias": (
        domain(host(ipv4=answer("192.0.2.1", aliases=("b.example",)))),
        {"mx-is-alias": "medium"},
    ),
    "an address": (
        domain(HostAddresses("192.0.2.1", FAILED, FAILED)),
        {"mx-is-address": "high"},
    ),
    "the only one is gone": (
        domain(host(ipv4=answer(exists=False), ipv6=NONE)),
        {"mx-without-address": "high"},
    ),
    "one of two is gone": (
        domain(host(), host("b.example", NONE, NONE)),
        {"mx-without-address": "medium"},
    ),
    "bogus": (
        domain(host(), security=BOGUS),
        {"dnssec-bogus": "high"},
    ),
    "a bogus address is not a missing one": (
        domain(host(ipv4=answer("192.0.2.1", security=BOGUS))),
        {"dnssec-bogus": "high"},
    ),
    "not signed": (domain(host(), security=INSECURE), {"dnssec-missing": "low"}),
    "hosts not signed": (
        domain(host(ipv4=answer("192.0.2.1", security=INSECURE))),
        {"dnssec-missing": "low"},
    ),
    "not validating": (
        domain(host(), security=FAILED, validates=False),
        {"resolver-does-not-validate": "info"},
    ),
    "not known whether it validates": (
        domain(host(), security=FAILED, validates=FAILED),
        {"could-not-determine": "info"},
    ),
    "addresses not to be had": (domain(host(ipv6=FAILED)), {"could-not-determine": "info"}),
    "too many": (domain(host(), left_out=3), {"could-not-determine": "info"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str) -> None:
    facts, expected = CASES[case]
    found = assess(replace(target(), endpoints=(), domain=facts))
    assert {each.id: each.severity.value for each in found} == expected


def test_determined() -> None:
    assert domain_determined(domain(host()))
    assert not domain_determined(domain(host(ipv6=FAILED)))
    assert not domain_determined(domain(host(), left_out=1))
    assert not domain_determined(replace(domain(host()), exchange=FAILED))
