#!/usr/bin/env python3
"""Coverage-guided fuzzing of the five mail dialogues, however the bytes are cut.

    .venv/bin/python -m pip install --group fuzz
    .venv/bin/python fuzz/fuzz_dialogues.py -max_total_time=120 .cache/fuzz_dialogues

The folder keeps what was found to reach new code; a crash is written as crash-… where it ran. Any
exception but WireError is one, and so are events that change with the way the bytes were cut.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["letterlock"]):
    from letterlock.wire.dialogue import Dialogue
    from letterlock.wire.error import WireError
    from letterlock.wire.events import Event
    from letterlock.wire.imap import ImapDialogue
    from letterlock.wire.lmtp import LmtpDialogue
    from letterlock.wire.pop3 import Pop3Dialogue
    from letterlock.wire.sieve import SieveDialogue
    from letterlock.wire.smtp import SmtpDialogue


def _begun(choice: int) -> Dialogue:
    return (
        SmtpDialogue("fuzz.example.org"),
        LmtpDialogue("fuzz.example.org"),
        ImapDialogue(),
        Pop3Dialogue(),
        SieveDialogue(),
    )[choice % 5]


_BANNERS = (b"220 x\r\n", b"220 x\r\n", b"* OK x\r\n", b"+OK\r\n", b"OK\r\n")


def fed(data: bytes, choice: int, step: int) -> list[Event] | str:
    """The events of what follows a banner (or is one) and a command, or the rule that was broken;
    what was told before it counts only where the pieces are the same."""
    dialogue = _begun(choice)
    if choice & 64:
        dialogue.receive(_BANNERS[choice % 5])
        (dialogue.send_starttls if choice & 32 else dialogue.send_capabilities)()
    events: list[Event] = []
    try:
        for at in range(0, len(data), step):
            events += dialogue.receive(data[at : at + step])
    except WireError:
        return "broken"
    return events


def one_input(data: bytes) -> None:
    """The first byte says which dialogue, and how far it has come."""
    if not data:
        return
    choice, data = data[0], data[1:]
    if fed(data, choice, choice // 16 + 1) != fed(data, choice, max(len(data), 1)):
        raise AssertionError("other events in pieces")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
