"""What is said of what a domain tells its users' mail programs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.findings.assess import assess
from letterlock.findings.clients import clients_determined
from letterlock.model.certificate import ChainFault
from letterlock.model.dns_answer import Answer, HostAddresses, ResolverFacts
from letterlock.model.dns_facts import HostDns
from letterlock.model.dns_promises import (
    ClientFacts,
    ClientPage,
    ServicePromise,
    SrvRecord,
    SrvSet,
)
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import IMAP, IMAPS, SUBMISSIONS
from letterlock.model.unknown import Cause, Unknown
from tests.findings.sample import good, handshake, target
from tests.findings.test_exchange import BOGUS, FAILED, SECURE, answer, domain, host

PROMISE = ServicePromise("SRV _imaps._tcp", "a.example", 993, IMAPS)
RECORDS = Answer("_imaps._tcp.example.com", (SrvRecord(0, 1, 993, "a.example"),), SECURE)
NONE: Answer[SrvRecord] = Answer("_imaps._tcp.example.com", (), SECURE)
NOT_ASKED = Unknown("an address", Cause.NOT_APPLICABLE)
PAGE = ClientPage("autoconfig.example.com/mail/config-v1.1.xml", 200)


def facts(
    *promises: ServicePromise,
    srv: Answer[SrvRecord] | Unknown = RECORDS,
    page: ClientPage = PAGE,
    at: HostAddresses | None = None,
    left_out: int = 0,
) -> ClientFacts:
    hosts = (at or host(),)
    return ClientFacts((SrvSet("_imaps._tcp", srv),), (page,), (), promises, hosts, left_out)


CASES: dict[str, tuple[ClientFacts, dict[str, str]]] = {
    "all well": (facts(PROMISE), {}),
    "no records": (facts(srv=NONE), {"srv-missing": "info"}),
    "not to be had": (facts(srv=FAILED), {"could-not-determine": "info"}),
    "bogus": (facts(srv=replace(RECORDS, security=BOGUS)), {"dnssec-bogus": "high"}),
    "a broken page": (
        facts(PROMISE, page=replace(PAGE, why="not well-formed XML", broken=True)),
        {"client-page-broken": "low"},
    ),
    "a page over HTTP": (
        facts(PROMISE, page=replace(PAGE, secure=False)),
        {"client-page-without-tls": "medium"},
    ),
    "no page": (facts(PROMISE, page=replace(PAGE, status=404, why="HTTP 404")), {}),
    "in the clear": (
        facts(replace(PROMISE, source="autoconfig.example.com", tls=False)),
        {"clients-told-to-go-without-tls": "high"},
    ),
    "no address": (
        facts(PROMISE, at=host("a.example", answer(), answer())),
        {"promised-host-missing": "medium"},
    ),
    "an address that is not to be had": (
        facts(PROMISE, at=HostAddresses("a.example", FAILED, answer())),
        {"could-not-determine": "info"},
    ),
    "an address in a name's place": (
        facts(PROMISE, at=HostAddresses("192.0.2.1", NOT_ASKED, NOT_ASKED)),
        {},
    ),
    "another host without address": (facts(PROMISE, at=host("b.example", answer(), answer())), {}),
    "Outlook's record alone": (
        replace(facts(), srv=(SrvSet("_imaps._tcp", NONE), SrvSet("_autodiscover._tcp", RECORDS))),
        {"srv-missing": "info"},
    ),
    "one of two not to be had": (
        replace(facts(), srv=(SrvSet("_imaps._tcp", RECORDS), SrvSet("_imap._tcp", FAILED))),
        {"could-not-determine": "info"},
    ),
    "an alias of a page": (
        facts(
            replace(PROMISE, source="autoconfig.example.com"),
            at=host(ipv4=answer("192.0.2.1", aliases=("b.example",))),
        ),
        {},
    ),
    "an alias": (
        facts(PROMISE, at=host(ipv4=answer("192.0.2.1", aliases=("b.example",)))),
        {"srv-names-alias": "low"},
    ),
    "a bogus address": (
        facts(PROMISE, at=host(ipv4=answer("192.0.2.1", security=BOGUS))),
        {"dnssec-bogus": "high"},
    ),
    "too many": (facts(PROMISE, left_out=2), {"could-not-determine": "info"}),
}


@pytest.mark.parametrize("case", CASES)
def test_of_the_domain(case: str) -> None:
    clients, expected = CASES[case]
    known = replace(domain(host()), clients=clients)
    told = assess(replace(target(), endpoints=(), domain=known))
    assert {each.id: each.severity.value for each in told} == expected
    assert clients_determined(known) is ("to be had" not in case)


def told_of(*served: EndpointFacts, promise: ServicePromise = PROMISE) -> dict[str, str]:
    known = HostDns(
        "a.example", None, ResolverFacts("127.0.0.1", True), None, host(), promises=(promise,)
    )
    findings = assess(replace(target(*served), host=known))
    return {
        each.id: each.evidence
        for each in findings
        if each.id.startswith("promised-") and each.endpoint is not None
    }


def seen(handshake: object) -> EndpointFacts:
    return replace(good(IMAPS), handshake=handshake)  # type: ignore[arg-type]


def test_of_a_host() -> None:
    assert told_of(good(IMAPS)) == {}
    closed = seen(Unknown("refused", Cause.CONNECTION_REFUSED))
    assert told_of(closed) == {"promised-port-silent": "SRV _imaps._tcp: a.example:993"}
    assert told_of(seen(Unknown("no answer", Cause.NO_ANSWER))).keys() == {"promised-port-silent"}
    assert told_of(seen(Unknown("plain text", Cause.PLAIN_ON_TLS_PORT))).keys() == {
        "promised-tls-missing"
    }
    assert told_of(seen(handshake(ChainFault.NAME_MISMATCH))).keys() == {
        "promised-name-not-covered"
    }


def test_what_is_not_the_promise_s() -> None:
    assert told_of(seen(Unknown("cut short", Cause.INTERRUPTED))) == {}
    assert told_of(seen(handshake(ChainFault.EXPIRED))) == {}
    without = replace(good(IMAP), handshake=None)
    plain = ServicePromise("autoconfig.example.com", "a.example", 143, IMAP, tls=False)
    assert told_of(without, promise=plain) == {}
    assert told_of(without, promise=replace(plain, tls=True)).keys() == {"promised-tls-missing"}
    closed = replace(good(SUBMISSIONS), handshake=Unknown("refused", Cause.CONNECTION_REFUSED))
    assert told_of(closed) == {}
    elsewhere = replace(PROMISE, port=10993)
    assert told_of(seen(Unknown("refused", Cause.CONNECTION_REFUSED)), promise=elsewhere) == {}
