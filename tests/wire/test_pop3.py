"""POP3 answers and the way to STLS (RFC 1939, RFC 2449, RFC 2595)."""

from __future__ import annotations

import pytest

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
from letterlock.wire.pop3 import Pop3Dialogue
from tests.wire.conftest import Feed

BANNERS = {
    b"+OK Dovecot ready.\r\n": Greeted("Dovecot ready."),
    b"+OK\r\n": Greeted(""),
    b"+ok\n": Greeted(""),
    b"-ERR [SYS/TEMP] later\r\n": Closing("-ERR [SYS/TEMP] later", True),
    b"-ERR no\r\n": Closing("-ERR no", False),
}
ANSWERS = {
    b"+OK\r\nCAPA\r\nSTLS\r\nSASL PLAIN LOGIN\r\n.\r\n": Capabilities(
        ("CAPA", "STLS", "SASL PLAIN LOGIN")
    ),
    b"+OK\r\n.\r\n": Capabilities(()),
    b"+OK\r\n..\r\n...x\r\n.\r\n": Capabilities((".", "..x")),
    b"-ERR what?\r\n": Refused("CAPA", "-ERR what?"),
}
BROKEN = {
    b"220 mail ESMTP\r\n": "neither",
    b"+OKAY\r\n": "neither",
    b"\r\n": "neither",
    b"+OK\r\n+OK\r\n": "an answer to no command",
    b"+OK " + b"a" * 9000: "a line of more than 8192 bytes",
}


def asked() -> Pop3Dialogue:
    dialogue = Pop3Dialogue()
    dialogue.receive(b"+OK hi\r\n")
    assert dialogue.send_capabilities() == b"CAPA\r\n"
    return dialogue


@pytest.mark.parametrize(("data", "event"), BANNERS.items())
def test_banner(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(Pop3Dialogue(), data) == [event]


@pytest.mark.parametrize(("data", "event"), ANSWERS.items())
def test_answer_to_capa(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(asked(), data) == [event]


@pytest.mark.parametrize(("data", "text"), BROKEN.items())
def test_broken(feed: Feed, data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        feed(Pop3Dialogue(), data)


def test_endless_listing(feed: Feed) -> None:
    with pytest.raises(WireError, match="more than 65536 bytes"):
        feed(asked(), b"+OK\r\n" + b"X-MORE\r\n" * 9000)


def test_stls_and_what_is_injected_behind_it(feed: Feed) -> None:
    dialogue = asked()
    dialogue.receive(b"+OK\r\nSTLS\r\n.\r\n")
    assert dialogue.send_starttls() == b"STLS\r\n"
    assert feed(dialogue, b"+OK begin\r\n+OK injected\r\n") == [TlsReady()]
    assert dialogue.trailing.startswith(b"+OK injected\r\n")


def test_farewell(feed: Feed) -> None:
    dialogue = asked()
    dialogue.receive(b"-ERR\r\n")
    assert dialogue.send_farewell() == b"QUIT\r\n"
    assert feed(dialogue, b"+OK bye\r\n") == [Farewell()]


@pytest.mark.parametrize(
    ("banner", "challenge"),
    [
        (b"+OK ready <1896.697@dbc.example>\r\n", "<1896.697@dbc.example>"),
        (b"+OK ready <not a msg-id>\r\n", None),
        (b"+OK ready\r\n", None),
    ],
)
def test_apop_challenge(feed: Feed, banner: bytes, challenge: str | None) -> None:
    dialogue = Pop3Dialogue()
    feed(dialogue, banner)
    assert dialogue.apop_challenge == challenge


@pytest.mark.parametrize(
    ("lines", "logins"),
    [
        (("USER", "SASL PLAIN LOGIN"), ("USER", "AUTH PLAIN", "AUTH LOGIN")),
        (("user",), ("USER",)),
        (("SASL CRAM-MD5", "STLS", ""), ()),
        (("USERS",), ()),
    ],
)
def test_cleartext_logins(lines: tuple[str, ...], logins: tuple[str, ...]) -> None:
    assert Pop3Dialogue.cleartext_logins(lines) == logins
    assert Pop3Dialogue.offers_starttls(lines) is ("STLS" in lines)
