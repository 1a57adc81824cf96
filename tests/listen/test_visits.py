"""What a visit tells, from clients by hand over loopback."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from letterlock.listen.addresses import Recipients, digest
from letterlock.listen.limits import Limits
from letterlock.listen.places import Role
from letterlock.listen.server import Listener, Told
from letterlock.listen.server import Test as Wanted
from letterlock.listen.zone import policy_host
from letterlock.model.cipher_suites import cipher_suite_named
from letterlock.model.dns_promises import StsMode
from letterlock.model.listening import Trap, Verdict
from letterlock.wire.promises.sts import read_policy
from tests.listen.running import (
    NAMES,
    TOKEN,
    Client,
    Running,
    address,
    authority,
    careless,
    good,
    issue,
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


@pytest.fixture(scope="module")
def past() -> Iterator[Running]:
    """Its expired certificate is of an authority that the sender believes."""
    ended = datetime.now(UTC) - timedelta(days=1)
    with running(expired=issue(NAMES.host(Trap.EXPIRED), not_after=ended)) as server:
        yield server


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(
    ("trap", "alert"),
    [
        (Trap.EXPIRED, "certificate_expired"),
        (Trap.SELF_SIGNED, "unknown_ca"),
        (Trap.WRONG_NAME, "bad_certificate"),
        (Trap.TLSA_MISMATCH, None),
    ],
)
def test_openssl_as_a_sender(
    past: Running, tmp_path: Path, trap: Trap, alert: str | None, version: str
) -> None:
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    name = NAMES.host(trap)
    command = (
        "openssl", "s_client", "-connect", f"127.0.0.1:{past.port(trap)}", "-starttls", "smtp",
        "-servername", name, "-verify_hostname", name, "-verify_return_error", version,
        "-CAfile", str(tmp_path / "ca.pem"), "-curves", "P-384:P-256", "-crlf",
    )  # fmt: skip
    done = subprocess.run(command, input=b"QUIT\n", capture_output=True, timeout=60, check=False)
    visit = past.visit()
    seen = visit.tls
    assert seen is not None
    assert seen.hello is not None
    assert (seen.alert, seen.completed) == (alert, alert is None), done.stderr
    assert seen.hello.groups == ("secp384r1", "secp256r1")
    assert seen.group in seen.hello.groups
    assert seen.version == f"TLSv1.{version[-1]}"
    if alert is None:
        assert f"Cipher is {openssl_name(seen.cipher_suite)}".encode() in done.stdout


def openssl_name(iana: str | None) -> str:
    suite = cipher_suite_named(iana or "")
    assert suite is not None
    return suite.openssl_name or suite.name


def test_a_sender_that_does_mta_sts(past: Running) -> None:
    """By hand: it fetches the policy, and holds what it meets against it (RFC 8461 section 4)."""
    status, text = fetch(past, "/.well-known/mta-sts.txt")
    assert status == 200
    assert past.fetches.get(timeout=60).address == "127.0.0.1"
    rules = read_policy(text.encode())
    assert rules.mode is StsMode.ENFORCE
    assert rules.pattern_for(NAMES.host(Trap.MTA_STS))
    with Client(past.port(Trap.MTA_STS)).open() as client, pytest.raises(ssl.SSLError):
        client.starttls(trusting(), NAMES.host(Trap.MTA_STS))
    assert past.visit().refusal == "unknown_ca"


def fetch(server: Running, path: str) -> tuple[int, str]:
    """By HTTPS, the certificate verified."""
    connection = http.client.HTTPSConnection(policy_host(NAMES), context=trusting(), timeout=60)
    raw = socket.create_connection(("127.0.0.1", server.port(Role.POLICY)), timeout=60)
    connection.sock = trusting().wrap_socket(raw, server_hostname=policy_host(NAMES))
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("path", ["/", "/.well-known/mta-sts.txt?x", "/../etc/passwd"])
def test_nothing_but_the_policy_is_served(past: Running, path: str) -> None:
    assert fetch(past, path)[0] == 404
    assert past.fetches.empty()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /.well-known/mta-sts.txt HTTP/1.0", "200 OK"),
        ("POST /.well-known/mta-sts.txt HTTP/1.1", "404 Not Found"),
        ("HEAD /.well-known/mta-sts.txt HTTP/1.1", "404 Not Found"),
        ("GET /.well-known/mta-sts.txt HTTP/2.0", "404 Not Found"),
    ],
)
def test_one_answer_and_the_connection_ends(past: Running, request_line: str, status: str) -> None:
    answer = said_to_the_house(past, f"{request_line}\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        f"HTTP/1.1 {status}", "Content-Type: text/plain", f"Content-Length: {len(body)}",
        "Connection: close",
    ]  # fmt: skip
    if status == "200 OK":
        past.fetches.get(timeout=60)
    assert past.fetches.empty()


def test_a_request_without_end(past: Running) -> None:
    with pytest.raises((ConnectionError, ssl.SSLError)):
        said_to_the_house(past, b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000)


def said_to_the_house(server: Running, data: bytes) -> bytes:
    """What it answers in TLS until it says that this was all, and closes."""
    raw = socket.create_connection(("127.0.0.1", server.port(Role.POLICY)), timeout=60)
    with trusting().wrap_socket(
        raw, server_hostname=policy_host(NAMES), suppress_ragged_eofs=False
    ) as client:
        client.sendall(data)
        client.settimeout(Limits().handshake / 2)  # before its own patience ends
        answer = b"".join(iter(lambda: client.recv(4096), b""))
        with suppress(ConnectionError):
            assert client.unwrap().recv(1) == b""
    return answer


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00", b"x" * 99999]
)
def test_what_is_no_request_harms_nobody(past: Running, data: bytes) -> None:
    place = ("127.0.0.1", past.port(Role.POLICY))
    with socket.create_connection(place, timeout=60) as client, suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert fetch(past, "/")[0] == 404


def test_who_falls_back_to_clear_text(past: Running) -> None:
    with Client(past.port(Trap.EXPIRED)).open() as client, pytest.raises(ssl.SSLError):
        client.starttls(trusting(), NAMES.host(Trap.EXPIRED))
    past.visit()
    with Client(past.port(Trap.EXPIRED)).open() as client:
        client.deliver(address(Trap.EXPIRED))
    past.visit()
    (sheet,) = past.listener.sheets()
    assert sheet.at(Trap.EXPIRED).verdict is Verdict.FELL_BACK


def test_a_shared_address_goes_by_sni(server: Running) -> None:
    with Client(server.port(None)).open() as client:
        client.starttls(careless(), NAMES.host(Trap.EXPIRED))
        client.deliver(address(Trap.EXPIRED))
    assert server.visit().trap is Trap.EXPIRED


def test_who_is_to_be_offered_no_tls_is_shown_the_good_one(
    server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    with Client(server.port(None)).open() as client:
        client.starttls(trusting(), NAMES.host(Trap.GOOD))
    assert server.visit().trap is Trap.GOOD
    with Client(server.port(None)).open() as client:
        client.starttls(careless(), NAMES.host(Trap.NO_STARTTLS))
    assert server.visit().trap is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, None])
def test_it_ends_when_it_is_told(by: signal.Signals | None) -> None:
    listener = Listener(Wanted(NAMES, Recipients(NAMES, []), good()), Told(lambda _: None))

    async def ended() -> None:
        running = asyncio.create_task(listener.run(()))
        await asyncio.sleep(0)
        if by is None:
            listener.stop()
        else:
            os.kill(os.getpid(), by)
        await asyncio.wait_for(running, 60)

    asyncio.run(ended())


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
