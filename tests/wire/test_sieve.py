"""ManageSieve: capabilities in the greeting and again inside TLS (RFC 5804)."""

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
from letterlock.wire.sieve import SieveDialogue
from tests.wire.conftest import Feed

GREETING = (
    b'"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n"SIEVE" "fileinto reject"\r\n'
    b'"NOTIFY" "mailto"\r\n"SASL" "PLAIN LOGIN"\r\n"STARTTLS"\r\n"VERSION" "1.0"\r\n'
    b'OK "Dovecot ready."\r\n'
)
OFFERED = (
    "IMPLEMENTATION Dovecot Pigeonhole",
    "SIEVE fileinto reject",
    "NOTIFY mailto",
    "SASL PLAIN LOGIN",
    "STARTTLS",
    "VERSION 1.0",
)
BANNERS = {
    GREETING: Greeted("Dovecot Pigeonhole"),
    b"OK\r\n": Greeted("OK"),
    b'"SIEVE" "x"\nok "hi"\n': Greeted('ok "hi"'),
    b'"IMPLEMENTATION" {9}\r\nTwo\r\nWord\r\nOK\r\n': Greeted("Two\\r\\nWord"),
    b'"IMPLEMENTATION" {3+}\r\na"b\r\nOK\r\n': Greeted('a"b'),
    b'"IMPLEMENTATION" "a\\"\\\\b"\r\nOK\r\n': Greeted('a"\\b'),
    b'BYE (TRYLATER) "too many"\r\n': Closing('BYE (TRYLATER) "too many"', True),
    b'BYE (REFERRAL "sieve://x") "there"\r\n': Closing('BYE (REFERRAL "sieve://x") "there"', True),
    b'NO "go away"\r\n': Closing('NO "go away"', False),
    b"BYE {4}\r\ngone\r\n": Closing('BYE "gone"', False),
}
BROKEN = {
    b"220 mail ESMTP\r\n": "neither a capability",
    b"* OK\r\n": "neither a capability",
    b"OKAY\r\n": "neither a capability",
    b'"SIEVE\r\n': "neither a capability",
    b"\r\n": "neither a capability",
    b'"SIEVE" {99999}\r\n': "a literal of 99999 bytes",
    b'OK\r\n"SIEVE"\r\n': "an answer to no command",
    b"OK\r\nOK\r\n": "an answer to no command",
    b'"' + b"a" * 9000: "a line of more than 8192 bytes",
    b'"A" "b"\r\n' * 9000: "more than 65536 bytes",
}


def greeted() -> SieveDialogue:
    dialogue = SieveDialogue()
    dialogue.receive(GREETING)
    return dialogue


@pytest.mark.parametrize(("data", "event"), BANNERS.items())
def test_greeting(feed: Feed, data: bytes, event: Event) -> None:
    assert feed(SieveDialogue(), data) == [event]


@pytest.mark.parametrize(("data", "text"), BROKEN.items())
def test_broken(feed: Feed, data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        feed(SieveDialogue(), data)


def test_the_greeting_says_what_is_offered() -> None:
    dialogue = greeted()
    assert dialogue.early_capabilities == OFFERED
    assert dialogue.our_turn


def test_capabilities_asked_for(feed: Feed) -> None:
    dialogue = greeted()
    assert dialogue.send_capabilities() == b"CAPABILITY\r\n"
    assert feed(dialogue, GREETING) == [Capabilities(OFFERED)]


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (b"OK\r\n", TlsReady()),
        (b'ok "begin"\r\n', TlsReady()),
        (b'NO "TLS is not available."\r\n', Refused("STARTTLS", 'NO "TLS is not available."')),
        (b"NO (TRYLATER)\r\n", Refused("STARTTLS", "NO (TRYLATER)", temporary=True)),
        (b"BYE\r\n", Closing("BYE", temporary=False)),
    ],
)
def test_answers_to_starttls(feed: Feed, answer: bytes, event: Event) -> None:
    dialogue = greeted()
    assert dialogue.send_starttls() == b"STARTTLS\r\n"
    assert feed(dialogue, answer) == [event]


def test_a_capability_is_no_answer_to_starttls(feed: Feed) -> None:
    dialogue = greeted()
    dialogue.send_starttls()
    with pytest.raises(WireError, match="neither OK"):
        feed(dialogue, b'"STARTTLS"\r\n')


def test_what_is_offered_is_told_again_inside_tls(feed: Feed) -> None:
    dialogue = greeted()
    dialogue.send_starttls()
    dialogue.receive(b"OK\r\nOK injected\r\n")
    assert dialogue.trailing == b"OK injected\r\n"
    dialogue.enter_tls()
    assert dialogue.early_capabilities is None
    assert not dialogue.our_turn
    assert feed(dialogue, b'"SASL" "PLAIN"\r\nOK\r\n') == [Greeted("OK")]
    assert dialogue.early_capabilities == ("SASL PLAIN",)
    assert dialogue.send_farewell() == b"LOGOUT\r\n"


@pytest.mark.parametrize("answer", [b"OK\r\n", b'BYE "bye"\r\n', b"NO\r\n"])
def test_farewell(feed: Feed, answer: bytes) -> None:
    dialogue = greeted()
    dialogue.send_farewell()
    assert feed(dialogue, answer) == [Farewell()]


def test_a_server_may_leave_at_any_time(feed: Feed) -> None:
    assert feed(greeted(), b'BYE "idle"\r\n') == [Closing('BYE "idle"', temporary=False)]


@pytest.mark.parametrize(
    ("lines", "logins"),
    [
        (OFFERED, ("AUTH PLAIN", "AUTH LOGIN")),
        (("SASL",), ()),
        (("SASL SCRAM-SHA-256", "STARTTLS", ""), ()),
        (("sasl plain",), ("AUTH PLAIN",)),
    ],
)
def test_cleartext_logins(lines: tuple[str, ...], logins: tuple[str, ...]) -> None:
    assert SieveDialogue.cleartext_logins(lines) == logins
    assert SieveDialogue.offers_starttls(lines) is ("STARTTLS" in lines)
