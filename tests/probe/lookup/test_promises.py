"""What a domain promises, from real DNS and over real HTTPS, kept or hostile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.check.parts import domains
from letterlock.check.run import Checked, Request, Unresolved, check_all
from letterlock.model.dns_answer import Answer, Security
from letterlock.model.dns_facts import DomainFacts
from letterlock.model.dns_promises import (
    CaaFacts,
    ClientFacts,
    StsFacts,
    StsMode,
    StsPolicy,
    TlsRptFacts,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.fetch import Bounds
from letterlock.probe.https import Web
from letterlock.probe.lookup import sts as sts_module
from letterlock.probe.lookup.caa import look_up_caa
from letterlock.probe.lookup.clients import look_up_clients
from letterlock.probe.lookup.domain import look_up_domain
from letterlock.probe.lookup.promises import look_up_promises
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.lookup.sts import POLICY_BOUNDS, look_up_sts
from letterlock.probe.lookup.tls_rpt import look_up_tls_rpt
from letterlock.probe.resolve import parse_target
from tests.dns_lab import VALIDATING, DnsLab, Signing
from tests.machine import ForbiddenError, Machine
from tests.web_lab import Answer as Said
from tests.web_lab import WebLab, page, pages
from tests.wire.promises.test_autoconfig import IMAPS_993, config, server

pytestmark = pytest.mark.machine
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.good.example\r\nmax_age: 604800\r\n"
TXT = '"v=STSv1; id=1;"'
#: Held back until a test is over, so that no server's thread sleeps.
OVER = threading.Event()
NO_WEB = Web(TrustStore.of([]), admits=lambda _address: False)


def endless(_path: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while True:
        yield b"x: y\n" * 4000


def dawdling(_path: str) -> Iterator[bytes]:
    """A byte, and another, and for ever: each within any bound for a step."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while not OVER.wait(0.05):
        yield b"v"


def silent(_path: str) -> Iterator[bytes]:
    OVER.wait(60)
    yield b""


def padded(size: int) -> bytes:
    """The policy, made as long with a field that nobody knows."""
    return POLICY + b"x: " + b"y" * (size - len(POLICY) - 5) + b"\r\n"


#: Name of a zone → what its web server says, and what we say of that; None: it is accepted.
HOSTILE: dict[str, tuple[Said, str | None]] = {
    "lf": (page(POLICY.replace(b"\r\n", b"\n"), "Text/Plain; charset=utf-8"), None),
    "whole": (page(padded(64 * 1024)), None),
    "large": (page(padded(64 * 1024 + 1)), "gives more than 64 KiB"),
    "endless": (endless, "gives more than 64 KiB"),
    "dawdling": (dawdling, "takes longer than"),
    "silent": (silent, "takes longer than"),
    "redirect": (
        page(b"", status="301 Moved", more="Location: https://mta-sts.good.example/\r\n"),
        "answers 301, a redirect",
    ),
    "missing": (page(b"", status="404 Not Found"), "answers 404"),
    "partial": (page(POLICY, status="206 Partial Content"), "answers 206"),
    "html": (page(POLICY, "text/html"), "comes as 'text/html', not text/plain"),
    "coded": (page(POLICY, more="Content-Encoding: gzip\r\n"), "sends it coded"),
    "broken": (page(b"version: STSv1\n"), "the policy has no mode"),
    "babble": (page(b"", status="\x00\xff"), "mta-sts.babble.example: "),
}


@dataclass(frozen=True)
class Lab:
    machine: Machine
    web: WebLab

    def sts(self, domain: str, **more: object) -> StsFacts:
        resolver = Resolver.parse(VALIDATING)
        web = Web(self.web.trust(), **more)  # type: ignore[arg-type]
        return self.machine.call(lambda: look_up_sts(domain, resolver, web))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        machine = Machine()
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine, WebLab(machine) as web:
        dns = DnsLab(machine)
        put_up_sts(dns, web)
        put_up_records(dns)
        put_up_clients(dns, web)
        dns.start()
        yield Lab(machine, web)
        OVER.set()


def put_up_sts(dns: DnsLab, web: WebLab) -> None:
    dns.zone("good.example", "@ MX 10 a", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.2.1")
    web.site("127.0.2.1", "mta-sts.good.example", page(POLICY))
    for number, (name, (answer, _)) in enumerate(HOSTILE.items(), 1):
        address = f"127.0.3.{number}"
        dns.zone(f"{name}.example", f"_mta-sts TXT {TXT}", f"mta-sts A {address}")
        web.site(address, f"mta-sts.{name}.example", answer)
    dns.zone("none.example", "@ TXT nothing")
    dns.zone(
        "twice.example",
        f"_mta-sts TXT {TXT}",
        '_mta-sts TXT "v=STSv1; id=2"',
        "mta-sts A 127.0.2.1",
    )
    dns.zone(
        "split.example", '_mta-sts TXT "v=STSv1; i" "d=7;"', "mta-sts CNAME mta-sts.good.example."
    )
    dns.zone("gone.example", f"_mta-sts TXT {TXT}")
    dns.zone("closed.example", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.2.99")
    dns.zone("later.example", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.2.99", "mta-sts A 127.0.4.1")
    web.site("127.0.4.1", "mta-sts.later.example", page(POLICY))
    dns.zone("foreign.example", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.4.2")
    web.site("127.0.4.2", "mta-sts.foreign.example", page(POLICY), ca=web.strangers)
    dns.zone(
        "ended.example", "@ MX 10 a", "a A 127.0.2.98", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.4.4"
    )  # fmt: skip
    web.site("127.0.4.4", "mta-sts.ended.example", page(POLICY.replace(b"enforce", b"none")))
    dns.zone("mixed.example", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.4.2", "mta-sts A 127.0.4.3")
    web.site("127.0.4.3", "mta-sts.mixed.example", page(POLICY))
    dns.zone(
        "bogus.example", f"_mta-sts TXT {TXT}", "mta-sts A 127.0.2.1", "_imaps._tcp SRV 0 0 993 a",
        '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@b.example"', signing=Signing.EXPIRED,
    )  # fmt: skip
    dns.zone("half.example", f"_mta-sts TXT {TXT}", "mta-sts CNAME mta-sts.bogus.example.")


def put_up_records(dns: DnsLab) -> None:
    dns.zone("null.example", "@ MX 0 .", f"_mta-sts TXT {TXT}")
    dns.zone(
        "caa.example", '@ CAA 0 issue "letsencrypt.org"', "a A 127.0.0.1", "b.a A 127.0.0.1",
        'own CAA 0 issue "sectigo.com; accounturi=https://a/1;validationmethods=dns-01"',
        'own CAA 0 issue "not a ca"', "alias CNAME own", "lost CNAME plain.none.example.",
        '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@caa.example,https://caa.example/tls"',
    )  # fmt: skip
    dns.zone(
        "rpt.example", '_smtp._tls TXT "v=TLSRPTv1;rua=mailto:a@b.example"',
        '_smtp._tls TXT "v=TLSRPTv1;rua=mailto:c@d.example"',
    )  # fmt: skip


def put_up_clients(dns: DnsLab, web: WebLab) -> None:
    dns.zone(
        "users.example", "@ A 127.0.5.9", "@ MX 10 mail", "mail A 127.0.5.1", "mail AAAA ::1",
        "_imaps._tcp SRV 10 0 993 mail", "_imaps._tcp SRV 5 0 10993 MAIL", "_imap._tcp SRV 0 0 0 .",
        "_submissions._tcp SRV 0 1 465 gone", "autoconfig A 127.0.5.2", "autodiscover A 127.0.5.3",
        "_autodiscover._tcp SRV 0 0 443 autodiscover", "_autodiscover._tcp SRV 5 0 8443 mail",
        "_pop3._tcp SRV 0 0 110 .",
    )  # fmt: skip
    autoconfig = {
        "/mail/config-v1.1.xml": page(
            config(server("smtp", "mail.users.example", 465, "SSL"), IMAPS_993), "text/xml"
        )
    }
    web.site("127.0.5.2", "autoconfig.users.example", pages(autoconfig))
    web.plain_site("127.0.5.2", pages(autoconfig))
    web.site("127.0.5.9", "users.example", page(b"<html>", "text/html"))
    unauthorized = {"/autodiscover/autodiscover.xml": page(b"", status="401 Unauthorized")}
    web.site("127.0.5.3", "autodiscover.users.example", pages(unauthorized))
    dns.zone(
        "careless.example", "@ A 127.0.5.4", "autoconfig A 127.0.5.99", "autodiscover A 127.0.5.4",
        "_autodiscover._tcp SRV 0 0 443 autodiscover",
    )  # fmt: skip
    dns.zone("crowd.example", *(f"_imaps._tcp SRV {n} 0 993 h{n}" for n in range(20)))
    dns.zone(
        "many.example", *(f"_imaps._tcp SRV {n} 0 {1000 + n} h" for n in range(30)),
        "autoconfig A 127.0.5.5", "autodiscover A 127.0.5.5",
        "_autodiscover._tcp SRV 0 0 443 autodiscover",
    )  # fmt: skip
    web.site("127.0.5.5", "*.many.example", page(b"", status="503 Service Unavailable"))
    web.site("127.0.5.4", "careless.example", page(b"<clientConfig>", "text/xml"))
    dns.zone("plain.example", "@ A 127.0.5.6", "autoconfig A 127.0.5.7")
    web.plain_site("127.0.5.6", page(b"<html>", "text/html"))
    web.plain_site("127.0.5.7", pages(autoconfig))
    web.site("127.0.5.7", "autoconfig.plain.example", page(b""), ca=web.strangers)


def test_a_policy_is_had(lab: Lab) -> None:
    found = lab.sts("good.example")
    assert isinstance(found.record, Answer)
    assert found.record.security is Security.SECURE
    assert (found.id, found.fault) == ("1", "")
    assert found.in_force == StsPolicy(StsMode.ENFORCE, ("*.good.example",), 604800)
    assert ("mta-sts.good.example", "/.well-known/mta-sts.txt") in lab.web.asked


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_servers(lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sts_module, "POLICY_BOUNDS", Bounds(POLICY_BOUNDS.largest, longest=60))
    if name in ("dawdling", "silent"):
        monkeypatch.setattr(sts_module, "POLICY_BOUNDS", Bounds(1 << 16, longest=0.5))
    said = HOSTILE[name][1]
    found = lab.sts(f"{name}.example")
    assert (found.in_force is None) is bool(said)
    assert (said or "") in found.fault
    assert bool(found.fault) is bool(said)


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("twice.example", "2 records where there must be one"),
        ("gone.example", "mta-sts.gone.example has no address"),
        ("closed.example", "mta-sts.closed.example: "),
        ("foreign.example", "certificate is not valid: unable to get local issuer"),
        ("mixed.example", "certificate is not valid: unable to get local issuer"),
        ("split.example", "certificate is not valid: Hostname mismatch"),
        ("half.example", "mta-sts.half.example has no address"),
    ],
)
def test_no_policy(lab: Lab, domain: str, said: str) -> None:
    found = lab.sts(domain)
    assert said in found.fault
    assert found.in_force is None


def test_a_text_in_pieces(lab: Lab) -> None:
    assert lab.sts("split.example").id == "7"


def test_none(lab: Lab) -> None:
    found = lab.sts("none.example")
    assert (found.policy, found.fault, found.host) == (None, "", None)


def test_a_bogus_record_leads_nowhere(lab: Lab) -> None:
    found = lab.sts("bogus.example")
    assert isinstance(found.record, Answer)
    assert found.record.bogus
    assert found.policy is None
    assert not any(host.endswith("bogus.example") for host, _ in lab.web.asked)


def test_the_next_address_is_tried(lab: Lab) -> None:
    assert lab.sts("later.example").in_force is not None


def test_an_address_that_is_not_admitted_is_not_gone_to(lab: Lab) -> None:
    asked = len(lab.web.asked)
    found = lab.sts("good.example", admits=lambda address: not address.startswith("127."))
    assert found.fault == "mta-sts.good.example has no address that may be gone to"
    assert len(lab.web.asked) == asked


def test_mozilla_s_roots_are_believed_too(lab: Lab) -> None:
    trust = TrustStore.of([])
    trust.mozilla = lab.web.trust()
    web = Web(trust)
    resolver = Resolver.parse(VALIDATING)
    assert lab.machine.call(lambda: look_up_sts("good.example", resolver, web)).in_force is not None


def test_a_web_server_whose_address_is_not_to_be_had_is_no_fault(lab: Lab) -> None:
    found = lab.machine.call(
        lambda: look_up_sts("good.example", Deaf(Resolver.parse(VALIDATING).servers), NO_WEB)
    )
    assert (found.id, found.fault) == ("1", "")
    assert found.policy == Unknown("no answer", Cause.DNS_FAILURE)


class Deaf(Resolver):
    """Does not answer for `kinds`."""

    kinds: tuple[str, ...] = ("A", "AAAA")

    def look_up(self, name: str, kind: str, read: Callable[[Any], Any]) -> Answer[Any] | Unknown:
        if kind in self.kinds:
            return Unknown("no answer", Cause.DNS_FAILURE)
        return Resolver.look_up(self, name, kind, read)


class DeafToPromises(Deaf):
    kinds = ("TXT",)


def test_a_policy_that_is_withdrawn_binds_no_host(lab: Lab) -> None:
    target, resolver = parse_target("@ended.example"), Resolver.parse(VALIDATING)
    web = Web(lab.web.trust())
    found = lab.machine.call(lambda: domains([target], resolver, web, (25,)))[target]
    assert isinstance(found.domain, DomainFacts)
    assert found.domain.sts is not None
    assert found.domain.sts.in_force is not None
    assert [host.sts for host in found.hosts] == [None]


def test_what_is_not_told_of_promises_is_not_determined(lab: Lab) -> None:
    told: list[Checked | Unresolved] = []
    resolver = DeafToPromises(Resolver.parse(VALIDATING).servers)
    request = Request(TrustStore.of([]), resolver=resolver, web=NO_WEB)
    target = parse_target("@ended.example")
    lab.machine.call(lambda: check_all([target], request, done=told.append))
    (domain,) = (each for each in told if isinstance(each, Checked) and each.facts.domain)
    assert not domain.determined


def test_a_domain_that_takes_no_mail_promises_nothing(lab: Lab) -> None:
    resolver = Resolver.parse(VALIDATING)

    def look() -> DomainFacts:
        return look_up_promises(look_up_domain("null.example", resolver), resolver, NO_WEB)

    found = lab.machine.call(look)
    assert (found.sts, found.tls_rpt, found.clients) == (None, None, None)


def caa(lab: Lab, name: str) -> CaaFacts:
    return lab.machine.call(lambda: look_up_caa(name, Resolver.parse(VALIDATING)))


@pytest.mark.parametrize(
    ("name", "at", "domains"),
    [
        ("caa.example", "caa.example", ["letsencrypt.org"]),
        ("b.a.caa.example", "caa.example", ["letsencrypt.org"]),
        ("own.caa.example", "own.caa.example", ["", "sectigo.com"]),
        ("alias.caa.example", "alias.caa.example", ["", "sectigo.com"]),
        ("lost.caa.example", "caa.example", ["letsencrypt.org"]),
        ("none.example", "example", []),
    ],
)
def test_caa_by_climbing(lab: Lab, name: str, at: str, domains: list[str]) -> None:
    found = caa(lab, name).found
    assert isinstance(found, Answer)
    issuers = sorted(one.issuer.domain if one.issuer else "" for one in found.records)
    assert (found.name, issuers) == (at, domains)


def test_caa_of_a_wildcard_is_that_of_the_name_above(lab: Lab) -> None:
    found = caa(lab, "own.caa.example").wildcard
    assert isinstance(found, Answer)
    assert found.name == "caa.example"


def test_bogus_caa_stops_the_climb(lab: Lab) -> None:
    found = caa(lab, "a.bogus.example").found
    assert isinstance(found, Answer)
    assert found.bogus


def tls_rpt(lab: Lab, domain: str) -> TlsRptFacts:
    return lab.machine.call(lambda: look_up_tls_rpt(domain, Resolver.parse(VALIDATING)))


def test_tls_reporting(lab: Lab) -> None:
    assert tls_rpt(lab, "caa.example").addresses == (
        "mailto:tls@caa.example",
        "https://caa.example/tls",
    )
    assert tls_rpt(lab, "rpt.example").fault == "2 records where there must be one"
    assert tls_rpt(lab, "bogus.example").addresses == ()
    none = tls_rpt(lab, "none.example")
    assert (none.addresses, none.fault) == ((), "")


def clients(lab: Lab, domain: str) -> ClientFacts:
    web = Web(lab.web.trust())
    return lab.machine.call(lambda: look_up_clients(domain, Resolver.parse(VALIDATING), web))


def test_what_mail_programs_are_told(lab: Lab) -> None:
    found = clients(lab, "users.example")
    assert [(one.source, one.host, one.port, one.service.name) for one in found.promises] == [
        ("SRV _submissions._tcp", "gone.users.example", 465, "submissions"),
        ("SRV _imaps._tcp", "mail.users.example", 10993, "imaps"),
        ("SRV _imaps._tcp", "mail.users.example", 993, "imaps"),
        ("autoconfig.users.example", "mail.users.example", 465, "submissions"),
        ("autoconfig.users.example", "mail.example.com", 993, "imaps"),
    ]
    addresses = {host.name: host.addresses for host in found.hosts}
    assert addresses["mail.users.example"] == ("127.0.5.1", "::1")
    assert addresses["gone.users.example"] == ()
    assert [(one.status, one.why) for one in found.autoconfig] == [(200, ""), (200, "another page")]
    assert [(one.status, one.why) for one in found.autodiscover] == [(401, "")]


def test_hosts_without_number_are_bounded(lab: Lab) -> None:
    found = clients(lab, "crowd.example")
    assert len(found.hosts) == 6
    assert (len(found.promises), found.left_out) == (6, 14)
    many = clients(lab, "many.example")
    assert (len(many.promises), many.left_out) == (24, 6)
    assert [(one.status, one.why) for one in many.autoconfig] == [(503, "HTTP 503")]
    assert [(one.status, one.broken) for one in many.autodiscover] == [(503, True)]


def test_a_page_over_http_where_there_is_none_over_https(lab: Lab) -> None:
    """As Thunderbird takes it; and what is no such page is not told."""
    found = clients(lab, "plain.example")
    untrusted, plain = found.autoconfig
    assert (untrusted.secure, untrusted.status) == (True, None)
    assert "certificate is not valid" in untrusted.why
    assert (plain.url, plain.status, plain.why) == (
        "http://autoconfig.plain.example/mail/config-v1.1.xml", 200, "",
    )  # fmt: skip
    assert {one.source for one in found.promises} == {"autoconfig.plain.example"}
    assert ("autoconfig.plain.example", "/mail/config-v1.1.xml") in lab.web.asked
    assert ("plain.example", "/.well-known/autoconfig/mail/config-v1.1.xml") in lab.web.asked
    assert all(page.secure for page in clients(lab, "users.example").autoconfig)


@pytest.mark.parametrize("domain", ["none.example", "bogus.example"])
def test_nothing_is_promised(lab: Lab, domain: str) -> None:
    found = clients(lab, domain)
    assert (found.promises, found.autoconfig, found.autodiscover) == ((), (), ())


def test_pages_that_are_broken(lab: Lab) -> None:
    found = clients(lab, "careless.example")
    (configured,) = found.autoconfig
    assert configured.broken
    assert "not well-formed XML" in configured.why
    (discovered,) = found.autodiscover
    assert discovered.broken
    assert "certificate is not valid: Hostname mismatch" in discovered.why


def test_a_resolver_that_does_not_answer(lab: Lab) -> None:
    nobody = Resolver((("127.0.0.99", 53),), patience=0.1)
    web = Web(lab.web.trust())
    found = lab.machine.call(lambda: look_up_sts("good.example", nobody, web))
    assert isinstance(found.record, Unknown)
