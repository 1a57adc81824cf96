"""How bytes arrive: at once, in single bytes, or with more behind them than was asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from letterlock.wire.dialogue import Dialogue
from letterlock.wire.events import Event

Feed = Callable[[Dialogue, bytes], list[Event]]


def whole(dialogue: Dialogue, data: bytes) -> list[Event]:
    return list(dialogue.receive(data))


def byte_by_byte(dialogue: Dialogue, data: bytes) -> list[Event]:
    events: list[Event] = []
    for position in range(len(data)):
        got = dialogue.receive(data[position : position + 1])
        assert len(got) <= 1
        events += got
    return events


def with_trailing_data(dialogue: Dialogue, data: bytes) -> list[Event]:
    """The first bytes of a further line: complete in no protocol, an error in none."""
    return list(dialogue.receive(data + b"\x80 trailing"))


@pytest.fixture(params=[whole, byte_by_byte, with_trailing_data], ids=lambda way: way.__name__)
def feed(request: pytest.FixtureRequest) -> Feed:
    way: Feed = request.param
    return way
