"""Whatever the bytes: WireError or a value, and the same answer however they are cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.wire.error import WireError
from letterlock.wire.tls.answer import Answer, Outcome, ServerAnswer
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.handshake import Message
from letterlock.wire.tls.records import Record, Sslv2Record
from letterlock.wire.tls.server_hello import ServerHello, read_extensions
from tests.wire.tls.decoders import DECODERS
from tests.wire.tls.test_client_hello import HELLOS

_HELLO = ServerHello(0x0303, bytes(32), b"", 0xC02F, 0, (Extension(0xFF01, b"\x00"),))
_PIECES = st.sampled_from(
    [
        bytes(Record(22, 0x0303, bytes(_HELLO))), bytes(Record(22, 0x0303, bytes(_HELLO)[:9])),
        bytes(Record(22, 0x0303, bytes(_HELLO)[9:])), bytes(Record(21, 0x0301, b"\x01\x70")),
        bytes(Record(21, 0x0301, b"\x02\x28")), bytes(Record(22, 0x0303, bytes(Message(14, b"")))),
        bytes(Record(22, 0x0303, bytes(Message(11, b"\x00\x00\x05\x00\x00\x02ab")))),
        bytes(Record(20, 0x0303, b"\x01")), bytes(Record(22, 0, b"")), bytes(Record(23, 0, b"x")),
        bytes(Sslv2Record(b"\x04\x00\x01\x00\x02\x00\x01\x00\x03\x00\x01a\x01\x00\x80b")),
        bytes(Sslv2Record(b"\x00\x00\x01")), b"220 mx\r\n", b"\x00\x03\x00\x00\x00\x01", b"\x80",
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(_PIECES, st.binary(max_size=12)), max_size=8).map(b"".join)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=120))
def test_nothing_but_wire_error(decode: Callable[[bytes], object], data: bytes) -> None:
    try:
        decode(data)
    except WireError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@settings(max_examples=40, deadline=None)
@given(hello=HELLOS, at=st.integers(0, 200), byte=st.integers(0, 255))
def test_nearly_right_bytes(
    decode: Callable[[bytes], object], hello: object, at: int, byte: int
) -> None:
    data = bytearray(bytes(hello)[4:])  # type: ignore[call-overload]
    data[at % len(data)] = byte
    try:
        decode(bytes(data))
    except WireError:
        return


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Extension, st.sampled_from([43, 51, 44, 16, 11, 10, 0xFF01, 15, 1, 28, 18, 41, 13172]), st.binary(max_size=12)), max_size=6).map(tuple))  # fmt: skip  # noqa: E501
def test_extensions_never_raise(extensions: tuple[Extension, ...]) -> None:
    read = read_extensions(extensions)
    assert read.types == tuple(each.type for each in extensions)


def answer(pieces: list[bytes], sslv2: bool) -> Answer:
    reader = ServerAnswer(sslv2=sslv2)
    for piece in pieces:
        reader.receive(piece)
    return reader.end()


@settings(max_examples=300, deadline=None)
@given(data=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=6), sslv2=st.booleans())
def test_cuts_change_nothing(data: bytes, cuts: list[int], sslv2: bool) -> None:
    whole = answer([data], sslv2)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert answer([data[start:end] for start, end in pairwise(edges)], sslv2) == whole
    assert answer([data[at : at + 1] for at in range(len(data))], sslv2) == whole
    assert len(whole.raw) <= 512
    if whole.outcome is Outcome.MALFORMED:
        assert whole.reason
