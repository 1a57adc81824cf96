"""LMTP: SMTP's replies behind LHLO (RFC 2033)."""

from __future__ import annotations

import pytest

from letterlock.wire.error import WireError
from letterlock.wire.events import Capabilities, Event, Farewell, Greeted, Refused, TlsReady
from letterlock.wire.lmtp import LmtpDialogue
from tests.wire.conftest import Feed

ANSWERS = {
    b"250-mail.example.com\r\n250-8BITMIME\r\n250 STARTTLS\r\n": Capabilities(
        ("8BITMIME", "STARTTLS")
    ),
    b"250 mail.example.com\r\n": Capabilities(()),
    b"250-mail\r\n250-SIZE 1000\n250 PIPELINING\n": Capabilities(("SIZE 1000", "PIPELINING")),
    b"502 5.5.1 Unknown command\r\n": Refused("LHLO", "502 5.5.1 Unknown command"),
    b"451 4.3.0 later\r\n": Refused("LHLO", "451 4.3.0 later", temporary=True),
}


def asked() -> LmtpDialogue:
    dialogue = LmtpDialogue("client.example.com")
    assert dialogue.receive(b"220 mail LMTP\r\n") == (Greeted("mail LMTP"),)
    assert dialogue.send_capabilities() == b"LHLO client.example.com\r\n"
    return dialogue


@pytest.mark.parametrize(("data", "event"), ANSWERS.items())
def test_answer_to_lhlo(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(asked(), data) == [event]


def test_there_is_nothing_to_fall_back_to() -> None:
    assert LmtpDialogue("client.example.com").send_fallback() is None


def test_starttls_and_farewell(feed: Feed) -> None:
    dialogue = asked()
    dialogue.receive(b"250 STARTTLS\r\n")
    assert dialogue.send_starttls() == b"STARTTLS\r\n"
    assert feed(dialogue, b"220 go\r\n250 injected\r\n") == [TlsReady()]
    assert dialogue.trailing.startswith(b"250 injected\r\n")
    dialogue.enter_tls()
    assert dialogue.send_farewell() == b"QUIT\r\n"
    assert feed(dialogue, b"221 bye\r\n") == [Farewell()]


@pytest.mark.parametrize("data", [b"+OK\r\n", b"250-a\r\n251 b\r\n", b"25\r\n", b"\r\n"])
def test_broken(feed: Feed, data: bytes) -> None:
    with pytest.raises(WireError):
        feed(asked(), data)
