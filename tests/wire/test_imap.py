"""IMAP responses and the way to STARTTLS (RFC 3501)."""

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
from letterlock.wire.imap import ImapDialogue
from tests.wire.conftest import Feed

DOVECOT = (
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS"
    b" LOGINDISABLED] Dovecot (Debian) ready.\r\n"
)
BANNERS = {
    b"* OK ready {3}\r\n": Greeted("OK ready {3}"),
    b"* OK\r\n": Greeted("OK"),
    b"* ok lower case\n": Greeted("ok lower case"),
    b"* PREAUTH as root\r\n": Greeted("PREAUTH as root"),
    b"* BYE [UNAVAILABLE] later\r\n": Closing("BYE [UNAVAILABLE] later", True),
    b"* BYE go away\r\n": Closing("BYE go away", False),
    b"* BYE Too many connections\r\n": Closing("BYE Too many connections", True),
}
ANSWERS = {
    b"* CAPABILITY IMAP4rev1 STARTTLS\r\nA1 OK done\r\n": Capabilities(("IMAP4rev1", "STARTTLS")),
    b"A1 OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] done\r\n": Capabilities(("IMAP4rev1", "AUTH=PLAIN")),
    b'* LIST () "/" {10}\r\nA1 OK no\r\n rest\r\n* CAPABILITY X\r\nA1 OK\r\n': Capabilities(("X",)),
    b"* X ~{2}\r\n\r\n{1}\r\nz\r\n* CAPABILITY X\r\nA1 OK\r\n": Capabilities(("X",)),
    b"* 23 EXISTS\r\n* capability x\r\nA1 ok\r\n": Capabilities(("x",)),
    b"A1 BAD what?\r\n": Refused("CAPABILITY", "BAD what?"),
    b"A1 NO\r\n": Refused("CAPABILITY", "NO"),
    b"* BYE shutting down\r\n": Closing("BYE shutting down", False),
}
BROKEN_BANNERS = {
    b"220 mail ESMTP\r\n": "not an IMAP response",
    b"* NO\r\n": "not an IMAP greeting",
    b"* 23 EXISTS\r\n": "not an IMAP greeting",
    b"A1 OK\r\n": "not an IMAP response",
    b"\r\n": "not an IMAP response",
    b"* OK " + b"a" * 9000: "a line of more than 8192 bytes",
}
BROKEN_ANSWERS = {
    b"A2 OK\r\n": "not an IMAP response",
    b"+ go on\r\n": "not an IMAP response",
    b"A1 MAYBE\r\n": "neither OK, NO nor BAD",
    b"A1 OK done\r\n": "without a capability",
    b"* X {99999999999}\r\n": "a literal of 99999999999 bytes",
    b"* X {65537}\r\n": "a literal of 65537 bytes",
    b"* 1 EXISTS\r\n" * 6000: "more than 65536 bytes",
}


def asked() -> ImapDialogue:
    dialogue = ImapDialogue()
    dialogue.receive(b"* OK hi\r\n")
    assert dialogue.send_capabilities() == b"A1 CAPABILITY\r\n"
    return dialogue


@pytest.mark.parametrize(("data", "event"), BANNERS.items())
def test_banner(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(ImapDialogue(), data) == [event]


@pytest.mark.parametrize(("data", "event"), ANSWERS.items())
def test_answer_to_capability(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(asked(), data) == [event]


@pytest.mark.parametrize(("data", "text"), BROKEN_BANNERS.items())
def test_broken_banner(feed: Feed, data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        feed(ImapDialogue(), data)


@pytest.mark.parametrize(("data", "text"), BROKEN_ANSWERS.items())
def test_broken_answer(feed: Feed, data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        feed(asked(), data)


def test_capabilities_in_the_greeting_need_not_be_asked(feed: Feed) -> None:
    dialogue = ImapDialogue()
    assert len(feed(dialogue, DOVECOT)) == 1
    capabilities = dialogue.early_capabilities
    assert capabilities is not None
    assert capabilities[0] == "IMAP4rev1"
    assert capabilities[-1] == "LOGINDISABLED"
    assert ImapDialogue.offers_starttls(capabilities)
    assert ImapDialogue.cleartext_logins(capabilities) == ()


def test_inside_tls_the_greeting_counts_no_more(feed: Feed) -> None:
    dialogue = ImapDialogue()
    dialogue.receive(DOVECOT)
    assert dialogue.send_starttls() == b"A1 STARTTLS\r\n"
    assert feed(dialogue, b"A1 OK begin\r\n* BYE injected\r\n") == [TlsReady()]
    assert dialogue.trailing.startswith(b"* BYE injected\r\n")
    dialogue.enter_tls()
    assert dialogue.early_capabilities is None
    assert dialogue.send_capabilities() == b"A2 CAPABILITY\r\n"
    assert feed(dialogue, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA2 OK\r\n") == [
        Capabilities(("IMAP4rev1", "AUTH=PLAIN"))
    ]


def test_logout(feed: Feed) -> None:
    dialogue = asked()
    dialogue.receive(b"* CAPABILITY X\r\nA1 OK\r\n")
    assert dialogue.send_farewell() == b"A2 LOGOUT\r\n"
    assert feed(dialogue, b"* BYE see you\r\nA2 OK\r\n") == [Farewell()]


def test_preauth_leaves_no_way_to_starttls() -> None:
    dialogue = ImapDialogue()
    dialogue.receive(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] as root\r\n")
    assert not dialogue.starttls_possible


@pytest.mark.parametrize(
    ("names", "logins"),
    [
        (("IMAP4rev1",), ("LOGIN",)),
        (("IMAP4rev1", "AUTH=PLAIN", "auth=login"), ("LOGIN", "AUTH PLAIN", "AUTH LOGIN")),
        (("IMAP4rev1", "logindisabled"), ()),
        (("IMAP4rev1", "LOGINDISABLED", "AUTH=PLAIN"), ("AUTH PLAIN",)),
        (("IMAP4rev1", "LOGINDISABLED", "AUTH=SCRAM-SHA-256"), ()),
    ],
)
def test_cleartext_logins(names: tuple[str, ...], logins: tuple[str, ...]) -> None:
    assert ImapDialogue.cleartext_logins(names) == logins
