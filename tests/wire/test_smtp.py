"""SMTP replies and the way to STARTTLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import pytest

from letterlock.wire.dialogue import Dialogue
from letterlock.wire.error import WireError
from letterlock.wire.events import (
    Capabilities,
    Closing,
    Event,
    Farewell,
    Greeted,
    Refused,
    TlsReady,
)
from letterlock.wire.smtp import Reply, SmtpDialogue
from tests.wire.conftest import Feed

BANNERS = {
    b"220 mail.example.com ESMTP Postfix\r\n": Greeted("mail.example.com ESMTP Postfix"),
    b"220-mail.example.com ESMTP\r\n220-wait for it\r\n220 go\r\n": Greeted(
        "mail.example.com ESMTP wait for it go"
    ),
    b"220\r\n": Greeted(""),
    b"220 bare line feed\n": Greeted("bare line feed"),
    b"220 caf\xc3\xa9\r\n": Greeted("café"),
    b"220 caf\xe9 \x1b[31mred\r\n": Greeted("caf\\xe9 \\x1b[31mred"),
    b"421 4.7.0 too many connections\r\n": Closing("421 4.7.0 too many connections", True),
    b"554 5.7.1 go away\r\n": Closing("554 5.7.1 go away", False),
    b"450 4.3.2 later\r\n": Closing("450 4.3.2 later", True),
}
ANSWERS = {
    b"250 mail.example.com\r\n": Capabilities(()),
    b"250-mail.example.com\r\n250-SIZE 10240000\r\n250 STARTTLS\r\n": Capabilities(
        ("SIZE 10240000", "STARTTLS")
    ),
    b"502 5.5.2 no EHLO here\r\n": Refused("EHLO", "502 5.5.2 no EHLO here"),
    b"451-4.7.1 grey\r\n451 4.7.1 list\r\n": Refused(
        "EHLO", "451 4.7.1 grey / 4.7.1 list", temporary=True
    ),
    b"421 bye\r\n": Closing("421 bye", True),
}
BROKEN = {
    b"hello\r\n": "not an SMTP reply",
    b"22\r\n": "not an SMTP reply",
    b"2200 x\r\n": "not an SMTP reply",
    b"199 x\r\n": "not an SMTP reply",
    b"\r\n": "not an SMTP reply",
    b"220_x\r\n": "not an SMTP reply",
    b"220-a\r\n250 b\r\n": "begins with 220 and goes on with 250",
    b"220 a\r\n220 b\r\n": "a reply to no command",
    b"220 " + b"a" * 9000 + b"\r\n": "a line of more than 8192 bytes",
    b"220 " + b"a" * 9000: "a line of more than 8192 bytes",
    b"220-a\r\n" * 10000: "more than 65536 bytes",
}


def asked(dialogue: Dialogue) -> Dialogue:
    dialogue.receive(b"220 hi\r\n")
    assert dialogue.send_capabilities() == b"EHLO probe.example.org\r\n"
    return dialogue


def new() -> SmtpDialogue:
    return SmtpDialogue("probe.example.org")


@pytest.mark.parametrize(("data", "event"), BANNERS.items())
def test_banner(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(new(), data) == [event]


@pytest.mark.parametrize(("data", "event"), ANSWERS.items())
def test_answer_to_ehlo(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(asked(new()), data) == [event]


@pytest.mark.parametrize(("data", "text"), BROKEN.items())
def test_broken(feed: Feed, data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        feed(new(), data)


def test_no_event_before_the_last_line() -> None:
    dialogue = new()
    assert dialogue.receive(b"220-postscreen waits\r\n220-and waits\r\n220") == ()
    assert dialogue.receive(b" now\r\n") == (Greeted("postscreen waits and waits now"),)


def test_helo_after_a_refused_ehlo(feed: Feed) -> None:
    dialogue = asked(new())
    dialogue.receive(b"500 what?\r\n")
    assert dialogue.send_fallback() == b"HELO probe.example.org\r\n"
    assert feed(dialogue, b"250-mail\r\n250 STARTTLS\r\n") == [Capabilities(())]


def test_starttls_and_what_is_injected_behind_it(feed: Feed) -> None:
    dialogue = asked(new())
    dialogue.receive(b"250-mail\r\n250 STARTTLS\r\n")
    assert dialogue.send_starttls() == b"STARTTLS\r\n"
    assert feed(dialogue, b"220 ready\r\n250-mail\r\n250 AUTH PLAIN\r\n") == [TlsReady()]
    assert dialogue.trailing.startswith(b"250-mail\r\n250 AUTH PLAIN\r\n")


def test_inside_tls_all_is_asked_anew(feed: Feed) -> None:
    dialogue = asked(new())
    dialogue.receive(b"250-mail\r\n250 STARTTLS\r\n")
    dialogue.send_starttls()
    dialogue.receive(b"220 ready\r\n")
    with pytest.raises(RuntimeError):
        dialogue.send_capabilities()
    dialogue.enter_tls()
    dialogue.send_capabilities()
    assert feed(dialogue, b"250-mail\r\n250 AUTH PLAIN\r\n") == [Capabilities(("AUTH PLAIN",))]


def test_starttls_refused(feed: Feed) -> None:
    dialogue = asked(new())
    dialogue.receive(b"250-mail\r\n250 STARTTLS\r\n")
    dialogue.send_starttls()
    assert feed(dialogue, b"454 4.7.0 TLS not available\r\n") == [
        Refused("STARTTLS", "454 4.7.0 TLS not available", temporary=True)
    ]


def test_farewell(feed: Feed) -> None:
    dialogue = asked(new())
    dialogue.receive(b"250 mail\r\n")
    assert dialogue.send_farewell() == b"QUIT\r\n"
    assert feed(dialogue, b"221 2.0.0 Bye\r\n") == [Farewell()]


def test_one_command_at_a_time() -> None:
    with pytest.raises(RuntimeError):
        new().send_capabilities()
    dialogue = asked(new())
    with pytest.raises(RuntimeError):
        dialogue.send_starttls()


@pytest.mark.parametrize(
    ("lines", "logins"),
    [
        (("AUTH PLAIN LOGIN",), ("AUTH PLAIN", "AUTH LOGIN")),
        (("AUTH=login plain", "AUTH plain LOGIN"), ("AUTH PLAIN", "AUTH LOGIN")),
        (("auth CRAM-MD5 SCRAM-SHA-256",), ()),
        (("AUTH XOAUTH2",), ("AUTH XOAUTH2",)),
        (("AUTH",), ()),
        (("AUTHORITY PLAIN", "SIZE", ""), ()),
    ],
)
def test_cleartext_logins(lines: tuple[str, ...], logins: tuple[str, ...]) -> None:
    assert SmtpDialogue.cleartext_logins(lines) == logins


@pytest.mark.parametrize(
    ("line", "offered"),
    [("STARTTLS", True), ("starttls", True), ("XSTARTTLS", False), ("SIZE 1 STARTTLS", False)],
)
def test_starttls_offered(line: str, offered: bool) -> None:
    assert SmtpDialogue.offers_starttls(("SIZE 5", line)) is offered


@pytest.mark.parametrize(
    ("text", "code"),
    [("4.7.0 no TLS", "4.7.0"), ("5.7.100", "5.7.100"), ("Hello", None), ("4.7 x", None)],
)
def test_enhanced_code(text: str, code: str | None) -> None:
    assert Reply(454, (text,)).enhanced == code
