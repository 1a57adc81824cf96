"""MX records and what they lead to, from a real resolver over a signed tree of zones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from letterlock.model.dns_answer import Security
from letterlock.model.dns_facts import DomainFacts, MailExchange
from letterlock.model.errors import UndeterminedError
from letterlock.model.unknown import Unknown
from letterlock.probe.lookup.domain import MOST_HOSTS, look_up_domain
from letterlock.probe.lookup.resolver import Resolver
from tests.dns_lab import UNCHECKED, VALIDATING, DnsLab, Signing
from tests.machine import ForbiddenError, Machine

pytestmark = pytest.mark.machine
HOSTS = ("a A 127.0.1.1", "a A 127.0.1.2", "a AAAA ::1", "b A 127.0.1.3")


@pytest.fixture(scope="module")
def lab() -> Iterator[Machine]:
    try:
        machine = Machine()
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        lab = DnsLab(machine)
        lab.zone("good.example", "@ MX 20 b", "@ MX 10 A", *HOSTS)
        lab.zone("plain.example", "@ MX 10 a", *HOSTS, signing=Signing.NONE)
        lab.zone("expired.example", "@ MX 10 a", *HOSTS, signing=Signing.EXPIRED)
        lab.zone("tampered.example", "@ MX 10 a", *HOSTS, signing=Signing.TAMPERED)
        lab.zone("wrong-ds.example", "@ MX 10 a", *HOSTS, signing=Signing.WRONG_DS)
        lab.zone("null.example", "@ MX 0 .")
        lab.zone("implicit.example", "@ A 127.0.1.1")
        lab.zone("empty.example", "@ TXT nothing")
        lab.zone(
            "odd.example", "@ MX 10 alias", "@ MX 20 192.0.2.1.", "@ MX 30 gone", "@ MX 40 loop",
            "alias CNAME a.good.example.", "loop CNAME pool", "pool CNAME loop",
        )  # fmt: skip
        many = [f"@ MX {number} {'x' * 40}{number:03}" for number in range(150)]
        lab.zone("many.example", *many)
        lab.start()
        yield machine


def look_up(machine: Machine, domain: str, resolver: str = VALIDATING) -> DomainFacts:
    return machine.call(lambda: look_up_domain(domain, Resolver.parse(resolver)))


def exchange(machine: Machine, domain: str) -> MailExchange:
    found = look_up(machine, domain).exchange
    assert isinstance(found, MailExchange)
    return found


def test_hosts_in_their_order_with_every_address(lab: Machine) -> None:
    found = look_up(lab, "good.example")
    assert found.resolver.validates is True
    mail = found.exchange
    assert isinstance(mail, MailExchange)
    assert mail.records.secure
    assert [(host.name, host.addresses) for host in mail.hosts] == [
        ("a.good.example", ("127.0.1.1", "127.0.1.2", "::1")),
        ("b.good.example", ("127.0.1.3",)),
    ]


@pytest.mark.parametrize(
    ("domain", "security"),
    [
        ("good.example", Security.SECURE),
        ("plain.example", Security.INSECURE),
        ("expired.example", Security.BOGUS),
        ("tampered.example", Security.BOGUS),
        ("wrong-ds.example", Security.BOGUS),
    ],
)
def test_security(lab: Machine, domain: str, security: Security) -> None:
    mail = exchange(lab, domain)
    assert mail.records.security is security
    assert f"a.{domain}" in [each.exchange for each in mail.records.records]
    assert bool(mail.records.why) is (security is Security.BOGUS)
    assert ("ran out" in mail.records.why) is (domain == "expired.example")


def test_a_bogus_address_is_not_gone_to(lab: Machine) -> None:
    (host,) = exchange(lab, "expired.example").hosts
    assert host.addresses == ()


def test_a_resolver_that_does_not_validate_is_found_out(lab: Machine) -> None:
    found = look_up(lab, "good.example", UNCHECKED)
    assert found.resolver.validates is False
    assert isinstance(found.exchange, MailExchange)
    assert isinstance(found.exchange.records.security, Unknown)


def test_null_implicit_and_none(lab: Machine) -> None:
    assert exchange(lab, "null.example").null
    assert exchange(lab, "null.example").hosts == ()
    implicit = exchange(lab, "implicit.example")
    assert implicit.implicit
    assert implicit.hosts[0].addresses == ("127.0.1.1",)
    assert exchange(lab, "empty.example").hosts[0].addresses == ()


def test_mistakes(lab: Machine) -> None:
    alias, literal, gone, loop = exchange(lab, "odd.example").hosts
    assert alias.aliases == ("a.good.example",)
    assert alias.addresses == ("127.0.1.1", "127.0.1.2", "::1")
    assert literal.is_literal
    assert gone.addresses == ()
    assert loop.addresses == ()


def test_a_truncated_answer_comes_over_tcp_and_is_bounded(lab: Machine) -> None:
    mail = exchange(lab, "many.example")
    assert len(mail.hosts) == MOST_HOSTS
    assert mail.left_out > 0


def test_what_does_not_exist_or_answer(lab: Machine) -> None:
    with pytest.raises(UndeterminedError, match=r"the domain gone.example does not exist"):
        look_up(lab, "gone.example")
    nobody = Resolver((("127.0.0.99", 53),), patience=0.1)
    with pytest.raises(UndeterminedError, match=r"127.0.0.99 does not answer"):
        lab.call(lambda: look_up_domain("good.example", nobody))
