"""Whatever a server does: an Unknown that says what, or the facts up to there; never a raise."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts as read
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import IMAP, IMAPS, POP3, POP3S, SMTP, SUBMISSIONS, Endpoint, Service
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.limits import Limits
from letterlock.probe.observe import observe
from tests.probe.hostile import (
    CA,
    Script,
    after_hello,
    answers,
    closes_after,
    floods,
    late,
    line,
    resets_after,
    serving,
    silent,
    trickles,
    wait_for_the_end,
    with_tls,
)

BANNER = b"220 mail.example.com ESMTP\r\n"
EHLO = b"250-mail.example.com\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
READY = b"220 2.0.0 Ready to start TLS\r\n"
#: Long enough for a busy machine to answer in, short enough to wait for in vain.
SHORT = Limits(connect=5, banner=0.9, reply=0.9, handshake=0.9, farewell=0.1, received=1 << 17)
PATIENT = Limits(connect=5, banner=5, reply=5, handshake=5, farewell=0.1, received=1 << 20)


def look(script: Script, service: Service, limits: Limits = PATIENT) -> EndpointFacts:
    with serving(script) as port:
        endpoint = Endpoint("127.0.0.1", port, service)
        (facts,) = observe([endpoint], "mail.example.com", trusting_nobody(), limits)
    assert facts.endpoint is endpoint
    return facts


def trusting_nobody() -> TrustStore:
    return TrustStore.of(())


def trusting_our_ca(folder: Path) -> TrustStore:
    file = folder / "ca.pem"
    CA.cert_pem.write_to_path(str(file))
    return TrustStore.from_file(file)


NO_GREETING: dict[str, tuple[Script, Service, Limits, Cause, str]] = {
    "silent": (silent, SMTP, SHORT, Cause.TIMEOUT, "0.9 s waiting for the banner"),
    "a byte at a time": (
        trickles(b"220-patience\r\n", 0.02),
        SMTP,
        SHORT,
        Cause.TIMEOUT,
        "0.9 s waiting for the banner",
    ),
    "endless banner": (
        floods(with_=b"220-more\r\n"),
        SMTP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "more than 65536 bytes",
    ),
    "endless line": (
        floods(with_=b"220 more"),
        SMTP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "a line of more than 8192 bytes",
    ),
    "endless EHLO lines": (
        floods(BANNER, with_=b"250-X\r\n"),
        SMTP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "more than 65536 bytes",
    ),
    "endless IMAP responses": (
        floods(b"* OK hi\r\n", with_=b"* 1 EXISTS\r\n"),
        IMAP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "more than 65536 bytes",
    ),
    "huge IMAP literal": (
        answers(b"* OK hi\r\n", b"* X {4294967296}\r\n"),
        IMAP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "a literal of 4294967296 bytes",
    ),
    "endless CAPA": (
        floods(b"+OK hi\r\n", with_=b"+OK\r\nX\r\n"),
        POP3,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "more than 65536 bytes",
    ),
    "421": (
        answers(b"421 4.7.0 too many connections\r\n"),
        SMTP,
        PATIENT,
        Cause.THROTTLED,
        "421 4.7.0 too many connections",
    ),
    "421 after EHLO": (answers(BANNER, b"421 no\r\n"), SMTP, PATIENT, Cause.THROTTLED, "421 no"),
    "554": (answers(b"554 go away\r\n"), SMTP, PATIENT, Cause.COMMAND_REFUSED, "554 go away"),
    "BYE": (
        answers(b"* BYE [UNAVAILABLE] later\r\n"),
        IMAP,
        PATIENT,
        Cause.THROTTLED,
        "UNAVAILABLE",
    ),
    "-ERR": (answers(b"-ERR no\r\n"), POP3, PATIENT, Cause.COMMAND_REFUSED, "-ERR no"),
    "reset at once": (
        resets_after(),
        SMTP,
        PATIENT,
        Cause.DISCONNECTED,
        "reset .* the (banner|connection)",
    ),
    "reset at EHLO": (
        resets_after(BANNER),
        SMTP,
        PATIENT,
        Cause.DISCONNECTED,
        "reset .* the answer to EHLO",
    ),
    "close at once": (closes_after(), SMTP, PATIENT, Cause.DISCONNECTED, "closed .* the banner"),
    "close at EHLO": (
        closes_after(BANNER),
        SMTP,
        PATIENT,
        Cause.DISCONNECTED,
        "closed .* the answer to EHLO",
    ),
    "another protocol": (
        answers(b"SSH-2.0-OpenSSH_9.2\r\n"),
        SMTP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "not an SMTP reply: 'SSH-2.0",
    ),
    "binary noise": (
        answers(bytes(range(256)) * 4 + b"\n"),
        IMAP,
        PATIENT,
        Cause.BROKEN_DIALOGUE,
        "not an IMAP",
    ),
    "EHLO hangs": (
        answers(BANNER),
        SMTP,
        SHORT,
        Cause.TIMEOUT,
        "0.9 s waiting for the answer to EHLO",
    ),
    "451 to EHLO": (answers(BANNER, b"451 no\r\n"), SMTP, PATIENT, Cause.THROTTLED, "451 no"),
    "502 to HELO too": (
        answers(BANNER, b"502 no\r\n", b"502 no\r\n"),
        SMTP,
        PATIENT,
        Cause.COMMAND_REFUSED,
        "HELO was refused",
    ),
}
NO_HANDSHAKE: dict[str, tuple[Script, Limits, Cause, str]] = {
    "STARTTLS refused": (
        answers(BANNER, EHLO, b"454 4.7.0 TLS not available due to local problem\r\n"),
        PATIENT,
        Cause.STARTTLS_REFUSED,
        "STARTTLS was offered and then refused: 454 4.7.0",
    ),
    "STARTTLS hangs": (
        answers(BANNER, EHLO),
        SHORT,
        Cause.TIMEOUT,
        "0.9 s waiting for the answer to STARTTLS",
    ),
    "ClientHello hangs": (
        answers(BANNER, EHLO, READY),
        SHORT,
        Cause.TIMEOUT,
        "0.9 s waiting for the TLS handshake",
    ),
    "reset at STARTTLS": (
        resets_after(BANNER, EHLO),
        PATIENT,
        Cause.DISCONNECTED,
        "reset .* the answer to STARTTLS",
    ),
    "close at ClientHello": (
        closes_after(BANNER, EHLO),
        PATIENT,
        Cause.DISCONNECTED,
        "closed .* the answer to STARTTLS",
    ),
}
NO_IMPLICIT_TLS: dict[str, tuple[Script, Limits, Cause, str]] = {
    "silent": (silent, SHORT, Cause.TIMEOUT, "0.9 s waiting for the TLS handshake"),
    "plain text": (answers(BANNER), PATIENT, Cause.PLAIN_ON_TLS_PORT, "'220 mail.example.com"),
    "plain text, slowly": (
        trickles(BANNER, 0.005),
        PATIENT,
        Cause.PLAIN_ON_TLS_PORT,
        "'220 mail.example.com ESMTP'",
    ),
    "garbage": (after_hello(b"\x00\x01\x02\x03\xff\n"), PATIENT, Cause.TLS_ERROR, "00 01 02 03"),
    "garbage in a record": (
        after_hello(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff"),
        PATIENT,
        Cause.TLS_ERROR,
        "the handshake failed",
    ),
    "an alert": (
        after_hello(b"\x15\x03\x03\x00\x02\x02\x28"),
        PATIENT,
        Cause.TLS_ALERT,
        "handshake_failure",
    ),
    "another alert": (
        after_hello(b"\x15\x03\x01\x00\x02\x02\x46"),
        PATIENT,
        Cause.TLS_ALERT,
        "protocol_version",
    ),
    "an endless record": (
        after_hello(b"\x16\x03\x03\xff\xff", floods(with_=b"\x00")),
        PATIENT,
        Cause.TLS_ERROR,
        "the handshake failed",
    ),
    "a huge handshake message": (
        after_hello(b"", floods(with_=b"\x16\x03\x03\x00\x08\x02\xff\xff\xff\x03\x03ab")),
        PATIENT,
        Cause.TLS_ERROR,
        "the handshake failed",
    ),
    "a record a byte at a time": (
        after_hello(b"", trickles(b"\x16\x03\x03\x3f\xff", 0.02)),
        SHORT,
        Cause.TIMEOUT,
        "0.9 s waiting for the TLS handshake",
    ),
    "reset": (
        after_hello(b"", resets_after()),
        PATIENT,
        Cause.DISCONNECTED,
        "reset .* the TLS handshake",
    ),
    "close": (
        after_hello(b"", closes_after()),
        PATIENT,
        Cause.DISCONNECTED,
        "(closed|reset) .* the TLS handshake",
    ),
    "half a record, then the end": (
        after_hello(b"\x16\x03\x03\x00\x50\x02", lambda c: c.shutdown(socket.SHUT_WR)),
        PATIENT,
        Cause.DISCONNECTED,
        "(closed|reset) .* the TLS handshake",
    ),
}


@pytest.mark.parametrize("case", NO_GREETING.values(), ids=NO_GREETING.keys())
def test_no_greeting(case: tuple[Script, Service, Limits, Cause, str]) -> None:
    script, service, limits, cause, text = case
    facts = look(script, service, limits)
    assert isinstance(facts.greeting, Unknown)
    assert facts.greeting.cause is cause
    assert facts.handshake == facts.greeting
    assert not facts.closed
    match_reason(facts.greeting, text)


@pytest.mark.parametrize("case", NO_HANDSHAKE.values(), ids=NO_HANDSHAKE.keys())
def test_a_greeting_and_no_handshake(case: tuple[Script, Limits, Cause, str]) -> None:
    script, limits, cause, text = case
    facts = look(script, SMTP, limits)
    assert facts.greeting == Greeting(
        banner="mail.example.com ESMTP",
        capabilities=("AUTH PLAIN", "STARTTLS"),
        starttls_offered=True,
        cleartext_logins=("AUTH PLAIN",),
    )
    assert isinstance(facts.handshake, Unknown)
    assert facts.handshake.cause is cause
    match_reason(facts.handshake, text)
    assert isinstance(facts.capabilities_inside, Unknown)


@pytest.mark.parametrize("case", NO_IMPLICIT_TLS.values(), ids=NO_IMPLICIT_TLS.keys())
def test_no_implicit_tls(case: tuple[Script, Limits, Cause, str]) -> None:
    script, limits, cause, text = case
    facts = look(script, IMAPS, limits)
    assert facts.greeting is None
    assert isinstance(facts.handshake, Unknown)
    assert facts.handshake.cause is cause
    match_reason(facts.handshake, text)


def match_reason(unknown: Unknown, pattern: str) -> None:
    with pytest.raises(AssertionError, match=pattern):
        raise AssertionError(unknown.reason)


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (facts,) = observe([Endpoint("127.0.0.1", port, SMTP)], "x.example", trusting_nobody())
    assert facts.closed
    assert facts.greeting == Unknown("connection refused", Cause.CONNECTION_REFUSED)


def test_helo_where_ehlo_is_not_known() -> None:
    script = answers(BANNER, b"500 what?\r\n", b"250 mail.example.com\r\n", b"221 bye\r\n")
    facts = look(script, SMTP)
    assert isinstance(facts.greeting, Greeting)
    assert facts.greeting.capabilities == ()
    assert facts.handshake is None


def test_tls_on_a_plain_port(tmp_path: Path) -> None:
    with serving(with_tls(silent)) as port:
        endpoint = Endpoint("127.0.0.1", port, SMTP)
        limits = Limits(banner=0.3)
        (facts,) = observe([endpoint], "mail.example.com", trusting_our_ca(tmp_path), limits)
    assert isinstance(facts.greeting, Unknown)
    assert facts.greeting.cause is Cause.TLS_ON_PLAIN_PORT
    assert isinstance(facts.handshake, Handshake)
    assert facts.handshake.verdict.accepted


def test_a_late_banner_is_awaited() -> None:
    facts = look(late(0.5, answers(b"220-wait\r\n220 go\r\n", b"250 x\r\n", b"221 x\r\n")), SMTP)
    assert isinstance(facts.greeting, Greeting)
    assert facts.greeting.banner == "wait go"


def test_data_injected_after_starttls_is_kept_and_not_believed() -> None:
    injected = b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n"
    inside = answers(b"", b"250-mail.example.com\r\n250 SIZE 1\r\n", b"221 bye\r\n")
    facts = look(with_tls(inside, BANNER, EHLO, READY + injected), SMTP)
    assert facts.after_starttls == injected
    assert isinstance(facts.handshake, Handshake)
    assert facts.capabilities_inside == ("SIZE 1",)


def test_a_server_that_hangs_up_after_the_handshake() -> None:
    facts = look(with_tls(closes_after()), SUBMISSIONS)
    assert isinstance(facts.handshake, Handshake)
    assert isinstance(facts.capabilities_inside, Unknown)
    assert facts.capabilities_inside.cause is Cause.DISCONNECTED


def test_a_flood_inside_tls() -> None:
    facts = look(with_tls(floods(with_=b"220-more\r\n")), SUBMISSIONS)
    assert isinstance(facts.handshake, Handshake)
    assert isinstance(facts.capabilities_inside, Unknown)
    assert facts.capabilities_inside.cause is Cause.BROKEN_DIALOGUE


def test_preauth_offers_no_starttls() -> None:
    facts = look(
        answers(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", b"* BYE\r\nA1 OK\r\n"), IMAP
    )
    assert isinstance(facts.greeting, Greeting)
    assert not facts.greeting.starttls_offered
    assert facts.handshake is None


def test_every_endpoint_has_its_answer_in_the_order_given() -> None:
    with (
        serving(answers(BANNER, b"250 x\r\n", b"221 x\r\n")) as good,
        serving(closes_after()) as bad,
    ):
        ports = [bad, good, bad, good]
        endpoints = [Endpoint("127.0.0.1", port, SMTP) for port in ports]
        told: list[EndpointFacts] = []
        seen = observe(endpoints, "x.example", trusting_nobody(), SHORT, progress=told.append)
    assert [facts.endpoint for facts in seen] == endpoints
    assert [isinstance(facts.greeting, Greeting) for facts in seen] == [False, True, False, True]
    assert sorted(map(id, told)) == sorted(map(id, seen))


def test_no_more_connections_at_once_than_allowed() -> None:
    open_now, most = [], 0
    both = threading.Event()

    def script(connection: socket.socket) -> None:
        nonlocal most
        open_now.append(connection)
        most = max(most, len(open_now))
        if most > 1:
            both.set()
        # The first waits for the second; a third would come meanwhile.
        both.wait(10)
        time.sleep(0.05)
        for turn in (BANNER, b"250 x\r\n"):
            connection.sendall(turn)
            line(connection)
        # Taken off before the last word: after it the client may be back before this thread runs.
        open_now.remove(connection)
        connection.sendall(b"221 x\r\n")
        wait_for_the_end(connection)

    with serving(script) as port:
        endpoints = [Endpoint("127.0.0.1", port, SMTP)] * 8
        observe(endpoints, "x.example", trusting_nobody(), concurrency=2)
    assert most == 2


def test_ipv6() -> None:
    script = answers(BANNER, b"250 x\r\n", b"221 x\r\n")
    with serving(script, socket.AF_INET6) as port:
        (facts,) = observe([Endpoint("::1", port, SMTP)], "x.example", trusting_nobody())
    assert isinstance(facts.greeting, Greeting)


def test_the_certificate_is_judged_for_the_name(tmp_path: Path) -> None:
    inside = answers(b"+OK hi\r\n", b"+OK\r\nUIDL\r\n.\r\n", b"+OK bye\r\n")
    trust = trusting_our_ca(tmp_path)
    with serving(with_tls(inside)) as port:
        endpoint = Endpoint("127.0.0.1", port, POP3S)
        (good,) = observe([endpoint], "mail.example.com", trust)
        (bad,) = observe([endpoint], "other.example.com", trust)
    assert isinstance(good.handshake, Handshake)
    assert isinstance(bad.handshake, Handshake)
    assert good.handshake.verdict.accepted
    assert good.capabilities_inside == ("UIDL",)
    assert [problem.fault for problem in bad.handshake.verdict.problems] == ["name-mismatch"]
    assert good.handshake.chain[0] == read(good.handshake.chain[0].der)
