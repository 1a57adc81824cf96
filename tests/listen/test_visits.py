"""What a visit tells, from clients by hand over loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from letterlock.listen.addresses import digest
from letterlock.model.listening import Trap, Verdict
from tests.listen.running import (
    NAMES,
    TOKEN,
    Client,
    Running,
    address,
    careless,
    running,
    trusting,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


def test_a_mail_in_tls(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        client.starttls(trusting(), NAMES.host(Trap.GOOD))
        assert client.deliver(address(Trap.GOOD)) == "250 2.0.0 seen, and not kept\r\n"
        assert client.say("QUIT").startswith("221 2.0.0")
    visit = server.visit()
    assert visit.trap is Trap.GOOD
    assert (visit.helo, visit.starttls_offered, visit.starttls_asked) == (
        "mx.sender.example", True, True,
    )  # fmt: skip
    (mail,) = visit.mails
    assert (mail.trap, mail.token, mail.sender_domain, mail.encrypted, mail.size) == (
        Trap.GOOD, digest(TOKEN), "sender.example", True, 7,
    )  # fmt: skip
    assert TOKEN not in repr(visit)
    seen = visit.tls
    assert seen is not None
    assert seen.hello is not None
    assert seen.completed
    assert seen.version == "TLSv1.3"
    assert seen.hello.server_name == "mx.good.traps.example"
    assert seen.hello.versions[0] == "TLSv1.3"
    assert seen.cipher_suite in seen.hello.cipher_suites
    assert seen.group in seen.hello.groups
    assert "ecdsa_secp256r1_sha256" in seen.hello.signature_schemes
    assert (seen.alert, seen.failure) == (None, "")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("trap", "alert"),
    [
        (Trap.EXPIRED, "unknown_ca"),
        (Trap.SELF_SIGNED, "unknown_ca"),
        (Trap.MTA_STS, "unknown_ca"),
        (Trap.WRONG_NAME, "bad_certificate"),
    ],
)
def test_who_validates_sends_an_alert(
    server: Running, trap: Trap, alert: str, version: ssl.TLSVersion
) -> None:
    context = trusting()
    context.maximum_version = version
    with Client(server.port(trap)).open() as client, pytest.raises(ssl.SSLError):
        client.starttls(context, NAMES.host(trap))
    visit = server.visit()
    assert visit.mails == ()
    assert visit.tls is not None
    assert visit.tls.alert == alert
    assert not visit.tls.completed
    (sheet,) = server.listener.sheets()
    assert sheet.at(trap).verdict is Verdict.REFUSED


def test_a_shared_address_goes_by_sni(server: Running) -> None:
    with Client(server.port(None)).open() as client:
        client.starttls(careless(), NAMES.host(Trap.EXPIRED))
        client.deliver(address(Trap.EXPIRED))
    assert server.visit().trap is Trap.EXPIRED


def test_without_sni_a_shared_address_tells_nothing(server: Running) -> None:
    with Client(server.port(None)).open() as client:
        client.starttls(careless())
        client.deliver(address(Trap.EXPIRED))
    visit = server.visit()
    assert visit.trap is None
    assert visit.mails[0].trap is Trap.EXPIRED


def test_no_starttls_offers_none(server: Running) -> None:
    with Client(server.port(Trap.NO_STARTTLS)).open() as client:
        assert "STARTTLS" not in client.say("EHLO me")
        assert client.say("STARTTLS").startswith("502 5.5.1")
        client.deliver(address(Trap.NO_STARTTLS))
    visit = server.visit()
    assert (visit.tls, visit.mails[0].encrypted) == (None, False)
