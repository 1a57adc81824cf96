"""Whatever the bytes and however they are cut: events or WireError, the same each way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.wire.dialogue import Dialogue
from letterlock.wire.error import WireError
from letterlock.wire.events import Event
from letterlock.wire.imap import ImapDialogue
from letterlock.wire.lines import readable
from letterlock.wire.lmtp import LmtpDialogue
from letterlock.wire.pop3 import Pop3Dialogue
from letterlock.wire.sieve import SieveDialogue
from letterlock.wire.smtp import SmtpDialogue

MAKERS: list[Callable[[], Dialogue]] = [
    lambda: SmtpDialogue("probe.example.org"),
    ImapDialogue,
    Pop3Dialogue,
    lambda: LmtpDialogue("probe.example.org"),
    SieveDialogue,
]
_PIECES = st.sampled_from(
    [
        b"220 x\r\n", b"220-x\r\n", b"250 x\n", b"421 x\r\n", b"454 x\r\n",
        b"* OK x\r\n", b"* OK [CAPABILITY A B] x\r\n", b"* BYE\r\n", b"* PREAUTH\r\n",
        b"* CAPABILITY A STARTTLS\r\n", b"A1 OK\r\n", b"A2 NO\r\n", b"* X {3}\r\nabc\r\n",
        b'"SASL" "PLAIN"\r\n', b"OK\r\n", b'NO "x"\r\n', b"BYE\r\n", b'"A" {3}\r\na"\\\r\n',
        b"+OK\r\n", b"-ERR x\r\n", b"STLS\r\n", b".\r\n", b"{", b"}", b"\r", b"\n", b" ", b"\x00",
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(_PIECES, st.binary(max_size=20)), max_size=12).map(b"".join)


def course(make: Callable[[], Dialogue], pieces: list[bytes]) -> tuple[list[Event], str | None]:
    """The events up to the end or the WireError; a command is sent whenever it is our turn."""
    dialogue = make()
    events: list[Event] = []
    commands = [dialogue.send_capabilities, dialogue.send_starttls, dialogue.send_farewell]
    for piece in pieces:
        try:
            events += dialogue.receive(piece)
        except WireError as error:
            return events, str(error)
        if dialogue.awaiting is None and commands and not dialogue.trailing:
            try:
                commands.pop(0)()
            except RuntimeError:
                return events, None
    return events, None


@pytest.mark.parametrize("make", MAKERS, ids=["smtp", "imap", "pop3", "lmtp", "sieve"])
@settings(max_examples=150, deadline=None)
@given(data=STREAMS)
def test_nothing_but_wire_error(make: Callable[[], Dialogue], data: bytes) -> None:
    course(make, [data])
    course(make, [data[at : at + 1] for at in range(len(data))])
    lines = data.split(b"\n")
    course(make, [line + b"\n" for line in lines])


@pytest.mark.parametrize("make", MAKERS, ids=["smtp", "imap", "pop3", "lmtp", "sieve"])
@settings(max_examples=150, deadline=None)
@given(data=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_cuts_change_nothing(make: Callable[[], Dialogue], data: bytes, cuts: list[int]) -> None:
    """Up to the answer to the banner, nothing of ours being in between."""

    def only_listen(pieces: list[bytes]) -> tuple[list[Event], bool]:
        dialogue = make()
        events: list[Event] = []
        for piece in pieces:
            try:
                events += dialogue.receive(piece)
            except WireError:
                return [], True
        return events, False

    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert only_listen(pieces) == only_listen([data])


@given(st.binary(max_size=60))
def test_readable_is_safe_on_a_terminal(data: bytes) -> None:
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in readable(data))
