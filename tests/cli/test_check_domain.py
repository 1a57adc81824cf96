"""`letterlock check` of a mail domain: DNS, then each mail server, over real DNS and Postfix."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from letterlock.check.run import Checked, Request, Unresolved, check_all
from letterlock.model.facts import TargetFacts
from letterlock.model.tls_facts import Depth
from letterlock.probe.examine import Manners
from letterlock.probe.guard import Guard, only_public
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.resolve import parse_target
from tests.dns_lab import UNCHECKED, VALIDATING, DnsLab, Signing
from tests.machine import HOSTNAME, ForbiddenError, Machine, follow_guide
from tests.web_lab import WebLab, page

pytestmark = pytest.mark.machine
_TRUSTING = ("--ca-file", "/root/roots.pem", "--depth", "verdict")
_POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: %s\r\nmax_age: 604800\r\n"


def leaf_digest(machine: Machine) -> str:
    (leaf, *_) = x509.load_pem_x509_certificates(machine.read(f"/etc/ssl/certs/{HOSTNAME}.crt"))
    return facts(leaf.public_bytes(Encoding.DER)).spki_sha256


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        machine = Machine(tmp_path_factory.mktemp("shared"))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine, WebLab(machine) as web:
        follow_guide(machine)
        machine.write("/root/roots.pem", machine.read("/root/guide/root.pem") + web.root)
        lab = DnsLab(machine)
        lab.zone(
            "example.com", f"@ MX 10 {HOSTNAME}.", "mail A 127.0.0.1", "also A 127.0.0.1",
            f"_25._tcp.mail TLSA 3 1 1 {leaf_digest(machine)}",
            f"_25._tcp.mail TLSA 3 1 1 {'ab' * 32}",
            f"_587._tcp.mail TLSA 3 1 1 {'ab' * 32}",
            '_mta-sts TXT "v=STSv1; id=1"', "mta-sts A 127.0.2.1",
        )  # fmt: skip
        lab.zone(
            "_25._tcp.mail.late.example", f"@ TLSA 3 1 1 {leaf_digest(machine)}",
            signing=Signing.EXPIRED, parent="late.example",
        )  # fmt: skip
        lab.zone("late.example", "@ MX 10 mail", "mail A 127.0.0.1")
        lab.zone("bogus.example", f"@ MX 10 {HOSTNAME}.", signing=Signing.TAMPERED)
        lab.zone("null.example", "@ MX 0 .")
        lab.zone(
            "strange.example", "@ MX 10 also.example.com.", '_mta-sts TXT "v=STSv1; id=1"',
            "mta-sts A 127.0.2.2",
        )  # fmt: skip
        lab.zone(
            "users.example", f"@ MX 10 {HOSTNAME}.", f"_imaps._tcp SRV 0 0 993 {HOSTNAME}.",
            "_pop3s._tcp SRV 0 0 10995 mail", "_imap._tcp SRV 0 0 143 mail", "mail A 127.0.0.1",
        )  # fmt: skip
        web.site("127.0.2.1", "mta-sts.example.com", page(_POLICY % b"mail.example.com"))
        web.site("127.0.2.2", "mta-sts.strange.example", page(_POLICY % b"*.example.com"))
        lab.start()
        machine.start()
        yield machine


def test_an_address_of_a_person(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "joe@example.com", *_TRUSTING, "--json", "-")
    assert done.status == 0, (done.text, done.complaints)
    report = json.loads(done.text)
    domain, host = report["targets"]
    assert domain["domain"]["exchange"]["records"]["security"] == "secure"
    assert domain["domain"]["resolver"] == {"address": "127.0.0.1", "validates": True}
    assert host["target"] == f"{HOSTNAME} (MX of example.com)"
    assert host["name"] == HOSTNAME
    (served,) = host["host"]["dane"]
    assert [bool(each["why_not"]) for each in served["records"]].count(False) == 1
    assert domain["domain"]["sts"]["policy"]["mx"] == [HOSTNAME]
    assert host["host"]["sts"] == {"domain": "example.com", "mode": "enforce", "pattern": HOSTNAME}
    places = [(each["address"], each["port"]) for each in report["endpoints"]]
    assert places == [("127.0.0.1", 25)]


def test_on_the_screen(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "@example.com", *_TRUSTING, COLUMNS="80")
    assert done.status == 0, (done.text, done.complaints)
    assert "resolver  127.0.0.1 (validates)" in done.text
    assert f"10 {HOSTNAME}  127.0.0.1 (secure)" in done.text
    assert f"{HOSTNAME} (MX of example.com)" in done.text
    assert "(matches ECDSA)" in done.text
    assert "MTA-STS   mode enforce (id 1, for 7 days)" in done.text
    assert "a sender delivers (example.com, mode enforce, mx mail.example.com)" in done.text
    assert "3 1 1 abababababababab… (matches nothing that is served)" in done.text
    assert "TLS on 1 of 1 ports" in done.text
    assert max(map(len, done.text.splitlines())) <= 80


def test_dane_of_a_host(machine: Machine) -> None:
    """Port 587's record matches nothing; OpenSSL says the same of both ports."""
    done = machine.warm_letterlock(
        "check", HOSTNAME, "--dns", "--port", "25", "--port", "587", *_TRUSTING, "--json", "-"
    )
    report = json.loads(done.text)
    ours = {
        each["endpoint"]["port"]: any(not one["why_not"] for one in each["records"])
        for each in report["targets"][0]["host"]["dane"]
    }
    assert ours == {25: True, 587: False}
    records = {25: leaf_digest(machine), 587: "ab" * 32}
    for port, digest in records.items():
        openssl = machine.run(
            "openssl", "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{port}",
            "-dane_tlsa_domain", HOSTNAME, "-dane_tlsa_rrdata", f"3 1 1 {digest}",
            "-verify_return_error", stdin=b"",
        )  # fmt: skip
        assert ("Verify return code: 0 (ok)" in openssl.text) is ours[port]
    found = {each["id"]: each["severity"] for each in report["findings"]}
    assert found["dane-mismatch"] == "medium"


def test_signatures_that_ran_out_on_the_way_to_dane(machine: Machine) -> None:
    """MX and address are secure, the TLSA records are in a zone whose signatures have expired."""
    done = machine.warm_letterlock("check", "@late.example", *_TRUSTING, "--json", "-")
    assert done.status == 1, done.complaints
    report = json.loads(done.text)
    host = report["targets"][1]["host"]
    assert host["addresses"]["ipv4"]["security"] == "secure"
    assert host["tlsa"][0]["answer"]["security"] == "bogus"
    (found,) = [each for each in report["findings"] if each["id"] == "dane-lookup-fails"]
    assert found["severity"] == "high"
    assert "a signature ran out on 20" in found["evidence"]


def test_a_bogus_domain_is_a_finding(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "--mx", "bogus.example", *_TRUSTING)
    assert done.status == 1, done.complaints
    assert "dnssec-bogus" in done.text


def test_mail_that_a_policy_turns_away(machine: Machine) -> None:
    """The host is one that the policy names, and its certificate is for another name."""
    done = machine.warm_letterlock("check", "@strange.example", *_TRUSTING)
    assert done.status == 1, done.complaints
    assert "a sender does not deliver (strange.example, mode enforce)" in done.text
    assert "mta-sts-not-delivered" in done.text


def test_what_users_are_promised(machine: Machine) -> None:
    """993 keeps it; nobody listens on 10995; the certificate of 143 is for another name."""
    done = machine.warm_letterlock("check", "@users.example", *_TRUSTING, "--json", "-")
    assert done.status == 1, done.complaints
    report = json.loads(done.text)
    names = [each["target"] for each in report["targets"]]
    assert names[2:] == [
        f"{HOSTNAME} (clients of users.example)",
        "mail.users.example (clients of users.example)",
    ]
    told = {
        (each["id"], each["endpoint"]["port"])
        for each in report["findings"]
        if each["id"].startswith("promised-")
    }
    assert told == {("promised-port-silent", 10995), ("promised-name-not-covered", 143)}
    only = machine.warm_letterlock("check", "@users.example", *_TRUSTING, "--port", "25")
    assert "clients of" not in only.text


def told_of(
    machine: Machine, domain: str, guard: Guard, left_alone: str = ""
) -> list[Checked | Unresolved]:
    """What is told of a domain by who visits for strangers."""
    told: list[Checked | Unresolved] = []
    request = Request(
        TrustStore.of([]),
        resolver=Resolver.parse(VALIDATING),
        manners=Manners(guard=guard),
        depth=Depth.VERDICT,
        refusal=lambda host: f"{host} is left alone" if host == left_alone else None,
    )
    machine.call(lambda: check_all([parse_target(domain)], request, done=told.append))
    return told


def looked_at(machine: Machine, domain: str, guard: Guard) -> list[TargetFacts]:
    return [each.facts for each in told_of(machine, domain, guard) if isinstance(each, Checked)]


def test_under_a_guard_no_odd_port_is_gone_to(machine: Machine) -> None:
    found = looked_at(machine, "@users.example", lambda _address: None)
    assert {each.endpoint.port for facts in found for each in facts.endpoints} == {25, 143, 993}


def test_under_a_guard_no_page_is_fetched_from_within(machine: Machine) -> None:
    (found,) = looked_at(machine, "@example.com", only_public)
    assert found.domain is not None
    assert found.domain.sts is not None
    assert found.domain.sts.fault == "mta-sts.example.com has no address that may be gone to"


def test_a_refused_host_is_not_gone_to_wherever_its_name_was_found(machine: Machine) -> None:
    """It is where mail is taken, and where users are sent to; the other is looked at."""
    told = told_of(machine, "@users.example", lambda _address: None, left_alone=HOSTNAME)
    refused = [each for each in told if isinstance(each, Unresolved)]
    assert [str(each.error) for each in refused] == [f"{HOSTNAME} is left alone"] * 2
    seen = {each.facts.name for each in told if isinstance(each, Checked) if each.facts.endpoints}
    assert seen == {"mail.users.example"}
    (only,) = told_of(machine, HOSTNAME, lambda _address: None, left_alone=HOSTNAME)
    assert isinstance(only, Unresolved)


def test_a_domain_without_mail(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "@null.example")
    assert done.status == 0, done.complaints
    assert "The domain says that it takes no mail" in done.text


def test_a_resolver_that_does_not_validate_is_told(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "@example.com", *_TRUSTING, "--resolver", UNCHECKED)
    assert "The resolver asked does not validate" in done.text


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("@gone.example",), 3, "the domain gone.example does not exist; check the spelling"),
        (("@example.com", "--resolver", "resolver.example"), 2, "is not the address of a resolver"),
        (("@example.com", "--name", "x.example"), 2, "--name does not go with a mail domain"),
        (("@example.com", "--name", "@x.example"), 2, "is an e-mail address: it is only a name"),
        (("127.0.0.1", "--dns"), 2, "--dns asks for names, and there are only addresses"),
        (("--mx", "example.com:25"), 2, "is not a mail domain"),
    ],
)
def test_wrong_input_is_one_line(
    machine: Machine, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = machine.warm_letterlock("check", *arguments)
    assert done.status == status, done.complaints
    (line,) = done.complaints
    assert said in line
