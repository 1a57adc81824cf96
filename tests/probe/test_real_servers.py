"""Stock Postfix and Dovecot on all seven ports, compared with what `openssl s_client` sees."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.cli.demo_ca import Delivery
from letterlock.findings.assess import assess
from letterlock.model.certificate import ChainFault
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.finding import Severity
from letterlock.model.service import BY_PORT, SERVICES, SMTP, SUBMISSIONS, Endpoint, TlsMode
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from tests.machine import HOSTNAME, ForbiddenError, Machine, follow_guide

pytestmark = pytest.mark.machine
PORTS = [service.port for service in SERVICES]
MAIN_CF = "/etc/postfix/main.cf"


class Guided:
    """A machine as the guide leaves it, running, and the CA's delivery."""

    def __init__(self, machine: Machine, delivery: Delivery) -> None:
        self.machine = machine
        self._marker = 2000
        self.root = machine.call(lambda: TrustStore.from_file(delivery.root))

    def look(
        self, *ports: int, address: str = "127.0.0.1", name: str = HOSTNAME
    ) -> tuple[EndpointFacts, ...]:
        endpoints = [Endpoint(address, port, BY_PORT[port]) for port in ports]
        return self.machine.system.call(
            lambda: observe(endpoints, name, self.root, ehlo_name="probe.example.org")
        )

    @contextmanager
    def postfix(self, settings: str, master: str = "") -> Iterator[None]:
        """Postfix with further settings, and with them taken out again.

        The master takes up a reload some time after `postfix reload` has returned; it comes to the
        last service last, so a port there says when all are as they should be."""
        self._marker += 1
        master += f"{self._marker} inet n - y - - smtpd\n"
        before = {MAIN_CF: settings, "/etc/postfix/master.cf": master}
        saved = {path: self.machine.read(path) for path in before}
        for path, text in before.items():
            self.machine.write(path, saved[path] + text.encode())
        self.machine.must("postfix", "reload")
        deadline = time.monotonic() + 60
        while self._marker not in self.machine.listening():
            assert time.monotonic() < deadline, self.machine.log()
            time.sleep(0.02)
        try:
            yield
        finally:
            for path, data in saved.items():
                self.machine.write(path, data)
            self.machine.must("postfix", "reload")


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guided]:
    try:
        machine = Machine(tmp_path_factory.mktemp("shared"))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        delivery = follow_guide(machine)
        machine.start()
        yield Guided(machine, delivery)


@pytest.fixture(scope="module")
def seven(guided: Guided) -> dict[int, EndpointFacts]:
    return dict(zip(PORTS, guided.look(*PORTS), strict=True))


def shaken(facts: EndpointFacts) -> Handshake:
    assert isinstance(facts.handshake, Handshake), facts
    return facts.handshake


@pytest.mark.parametrize("port", PORTS)
def test_the_same_as_openssl_s_client(
    guided: Guided, seven: dict[int, EndpointFacts], port: int
) -> None:
    service = BY_PORT[port]
    starttls = service.protocol.value if service.tls is TlsMode.STARTTLS else None
    seen = guided.machine.s_client(port, starttls).text
    pems = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", seen, re.DOTALL)
    ours = shaken(seven[port])
    shown = seen[: seen.index("Server certificate")]
    assert shown.count("BEGIN CERTIFICATE") == len(ours.chain)
    assert [ssl.PEM_cert_to_DER_cert(pem) for pem in pems[: len(ours.chain)]] == [
        each.der for each in ours.chain
    ]
    assert f"New, {ours.version}, Cipher is {ours.cipher_suite}" in seen
    assert "Server Temp Key: X25519," in seen
    assert ours.named_group == "x25519"


@pytest.mark.parametrize("port", PORTS)
def test_chain_and_name_are_accepted(seven: dict[int, EndpointFacts], port: int) -> None:
    verdict = shaken(seven[port]).verdict
    assert verdict.accepted, verdict.problems
    assert verdict.anchor == "CN=Example Trust Root R1"


def test_what_is_offered_before_and_inside_tls(seven: dict[int, EndpointFacts]) -> None:
    submission = seven[587].greeting
    assert isinstance(submission, Greeting)
    assert submission.starttls_offered
    assert submission.cleartext_logins == ("AUTH PLAIN",)
    assert "STARTTLS" in submission.capabilities
    inside = seven[587].capabilities_inside
    assert isinstance(inside, tuple)
    assert "STARTTLS" not in inside
    assert "AUTH PLAIN" in inside
    pop3 = seven[110].greeting
    assert isinstance(pop3, Greeting)
    assert "STLS" in pop3.capabilities
    for port in (465, 993, 995):
        assert seven[port].greeting is None
    assert isinstance(seven[993].capabilities_inside, tuple)
    assert "IMAP4rev1" in seven[993].capabilities_inside


def test_our_manners(guided: Guided) -> None:
    """Postfix counts what each client said, Dovecot notes how it left."""
    before = len(guided.machine.log())
    guided.look(*PORTS)
    lines = guided.machine.log()[before:]
    left = [line for line in lines if "disconnect from" in line]
    assert sum("ehlo=2 starttls=1 quit=1 commands=4" in line for line in left) == 2, lines
    assert sum("ehlo=1 quit=1 commands=2" in line for line in left) == 1, lines
    text = "\n".join(lines)
    assert "improper command pipelining" not in text
    assert "lost connection" not in text
    assert text.count("-login: ") == text.count("Logged out") + text.count("Aborted login") == 4


def test_one_connection_per_endpoint(guided: Guided) -> None:
    before = sum("smtpd" in line and ": connect from" in line for line in guided.machine.log())
    guided.look(25, 465, 587)
    after = sum("smtpd" in line and ": connect from" in line for line in guided.machine.log())
    assert after - before == 3


def test_dovecot_trusts_its_own_address_only(guided: Guided) -> None:
    """127.0.0.2 is reached from 127.0.0.1: another machine as far as Dovecot can tell."""
    (own,) = guided.look(143)
    (other,) = guided.look(143, address="127.0.0.2")
    assert own.from_same_address
    assert not other.from_same_address
    assert isinstance(own.greeting, Greeting)
    assert isinstance(other.greeting, Greeting)
    assert own.greeting.cleartext_logins == ("LOGIN", "AUTH PLAIN")
    assert other.greeting.cleartext_logins == ()
    assert "LOGINDISABLED" in other.greeting.capabilities
    assert severities(own)["cleartext-login"] is Severity.INFO
    assert "cleartext-login" not in severities(other)


def severities(facts: EndpointFacts) -> dict[str, Severity]:
    target = TargetFacts(HOSTNAME, HOSTNAME, datetime.now(UTC), 0.1, (facts,), 1)
    return {finding.id: finding.severity for finding in assess(target)}


def test_another_name(guided: Guided) -> None:
    (facts,) = guided.look(465, name="other.example.com")
    assert [problem.fault for problem in shaken(facts).verdict.problems] == [
        ChainFault.NAME_MISMATCH
    ]


def test_tls_1_0(guided: Guided) -> None:
    settings = "smtpd_tls_protocols = TLSv1\ntls_medium_cipherlist = ALL:@SECLEVEL=0\n"
    with guided.postfix(settings):
        (facts,) = guided.look(25)
    assert shaken(facts).version == "TLSv1.0"
    assert severities(facts)["deprecated-protocol"] is Severity.MEDIUM


def test_static_rsa(guided: Guided) -> None:
    guided.machine.must(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOSTNAME}",
        "-keyout", "/root/rsa.key", "-out", "/root/rsa.pem", "-days", "90",
    )  # fmt: skip
    settings = (
        "smtpd_tls_protocols = TLSv1.2\ntls_medium_cipherlist = AES128-SHA\n"
        "smtpd_tls_cert_file = /root/rsa.pem\nsmtpd_tls_key_file = /root/rsa.key\n"
    )
    with guided.postfix(settings):
        (facts,) = guided.look(25)
    assert shaken(facts).cipher_suite == "TLS_RSA_WITH_AES_128_CBC_SHA"
    assert isinstance(shaken(facts).named_group, Unknown)
    found = severities(facts)
    assert found["no-forward-secrecy"] is Severity.LOW
    assert found["self-signed"] is Severity.LOW


def test_a_key_that_is_gone(guided: Guided) -> None:
    with guided.postfix("smtpd_tls_key_file = /etc/ssl/private/gone.key\n"):
        (facts,) = guided.look(25)
    assert isinstance(facts.greeting, Greeting)
    ids = severities(facts)
    assert "starttls-not-offered" in ids or "starttls-refused" in ids


def test_wrapper_mode_the_wrong_way_round(guided: Guided) -> None:
    master = (
        "1025 inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n"
        "1465 inet n - y - - smtpd -o smtpd_tls_wrappermode=no\n"
    )
    endpoints = [Endpoint("127.0.0.1", 1025, SMTP), Endpoint("127.0.0.1", 1465, SUBMISSIONS)]
    with guided.postfix("", master):
        plain, tls = guided.machine.system.call(
            lambda: observe(endpoints, HOSTNAME, guided.root, Limits(banner=1))
        )
    assert isinstance(plain.greeting, Unknown)
    assert plain.greeting.cause is Cause.TLS_ON_PLAIN_PORT
    assert isinstance(tls.handshake, Unknown)
    assert tls.handshake.cause is Cause.PLAIN_ON_TLS_PORT
    assert severities(plain)["tls-on-plain-port"] is Severity.HIGH
    assert severities(tls)["plain-on-tls-port"] is Severity.HIGH


def test_throttled(guided: Guided) -> None:
    settings = "smtpd_client_connection_rate_limit = 1\nsmtpd_client_event_limit_exceptions =\n"
    with guided.postfix(settings):
        results = [facts for _ in range(2) for facts in guided.look(25, address="127.0.0.3")]
    greetings = [facts.greeting for facts in results]
    assert isinstance(greetings[0], Greeting)
    assert isinstance(greetings[1], Unknown)
    assert greetings[1].cause is Cause.THROTTLED
    assert "421" in greetings[1].reason


def test_postscreen_makes_us_wait(guided: Guided) -> None:
    """postscreen(8) sends half a banner and hangs up on whom it hears before the other half."""
    master = "1026 inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"
    settings = (
        "postscreen_greet_wait = 1s\npostscreen_greet_action = enforce\n"
        "postscreen_access_list =\npostscreen_cache_map =\n"
    )
    endpoint = Endpoint("127.0.0.1", 1026, SMTP)
    with guided.postfix(settings, master):
        (facts,) = guided.machine.system.call(lambda: observe([endpoint], HOSTNAME, guided.root))
    assert isinstance(facts.greeting, Greeting)
    assert facts.greeting.starttls_offered
    assert not [line for line in guided.machine.log() if "PREGREET" in line]


def test_only_one_server(tmp_path: Path) -> None:
    try:
        machine = Machine(tmp_path, without="Dovecot")
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        machine.start()
        endpoints = [Endpoint("127.0.0.1", port, BY_PORT[port]) for port in PORTS]
        seen = machine.system.call(lambda: observe(endpoints, HOSTNAME, TrustStore.of(())))
    assert [facts.endpoint.port for facts in seen if not facts.closed] == [25]
