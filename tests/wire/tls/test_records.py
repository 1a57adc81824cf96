"""Framing, and what is no record at all."""

from __future__ import annotations

import pytest

from letterlock.wire.error import WireError
from letterlock.wire.tls.records import (
    MAX_FRAGMENT,
    MAX_TEXT,
    PlainText,
    Record,
    RecordReader,
    Sslv2Record,
    Unit,
    fragmented,
)


def read(data: bytes, *, sslv2: bool = False, step: int | None = None) -> list[Unit]:
    reader = RecordReader(sslv2=sslv2)
    units: list[Unit] = []
    for at in range(0, len(data), step or len(data)):
        reader.feed(data[at : at + (step or len(data))])
        while (unit := reader.next()) is not None:
            units.append(unit)
            if isinstance(unit, PlainText):
                return units
    text = reader.end()
    return units if text is None else [*units, text]


def either_way(data: bytes, *, sslv2: bool = False) -> list[Unit]:
    units = read(data, sslv2=sslv2)
    assert read(data, sslv2=sslv2, step=1) == units
    return units


def test_records_coalesced_and_of_odd_versions() -> None:
    records = [Record(22, 0x0301, b"abc"), Record(21, 0x7F1C, b""), Record(23, 0, b"x" * 300)]
    assert either_way(b"".join(map(bytes, records))) == records


def test_fragments_are_of_the_size_asked_for() -> None:
    assert read(fragmented(22, 0x0301, b"abcde", 2)) == [
        Record(22, 0x0301, b"ab"),
        Record(22, 0x0301, b"cd"),
        Record(22, 0x0301, b"e"),
    ]


def test_the_largest_record_passes_and_no_larger_one() -> None:
    assert read(bytes(Record(22, 0x0303, bytes(MAX_FRAGMENT)))) != []
    with pytest.raises(WireError, match=f"{MAX_FRAGMENT + 1} bytes"):
        read(b"\x16\x03\x03" + (MAX_FRAGMENT + 1).to_bytes(2, "big"))


def test_no_record_after_a_record() -> None:
    with pytest.raises(WireError, match="type 50"):
        read(bytes(Record(22, 0x0303, b"a")) + b"220 mail")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"220 mx.example.org ESMTP\r\n250 x\r\n", b"220 mx.example.org ESMTP\r\n"),
        (b"* OK IMAP4rev1 ready\r\n", b"* OK IMAP4rev1 ready\r\n"),
        (b"+OK POP3\r\n", b"+OK POP3\r\n"),
        (b"-ERR\n", b"-ERR\n"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n", b"HTTP/1.1 400 Bad Request\r\n"),
        (b"no line end", b"no line end"),
        (b"y" * (MAX_TEXT + 9), b"y" * MAX_TEXT),
    ],
)
@pytest.mark.parametrize("sslv2", [False, True])
def test_text_in_place_of_tls(data: bytes, line: bytes, sslv2: bool) -> None:
    assert either_way(data, sslv2=sslv2) == [PlainText(line, is_text=True)]


@pytest.mark.parametrize("data", [b"\x00\x00", b"ab\x00cd\n", b"\xff\xff", b"\x80\x2e\x01"])
def test_neither_tls_nor_text(data: bytes) -> None:
    (unit,) = either_way(data)
    assert isinstance(unit, PlainText)
    assert not unit.is_text
    assert data.startswith(unit.data)


def test_sslv2_records_of_both_headers() -> None:
    short = bytes(Sslv2Record(b"\x04hello"))
    assert short[:2] == b"\x80\x06"
    assert either_way(short, sslv2=True) == [Sslv2Record(b"\x04hello")]
    padded = b"\x00\x09\x03" + b"\x04hello" + b"pad"
    assert either_way(padded, sslv2=True) == [Sslv2Record(b"\x04hello")]


def test_sslv2_padding_larger_than_its_record() -> None:
    with pytest.raises(WireError, match="padding"):
        read(b"\x00\x02\x03\x04\x00\x00", sslv2=True)


def test_tls_in_answer_to_an_sslv2_hello() -> None:
    alert = Record(21, 0x0301, b"\x02\x28")
    assert either_way(bytes(alert), sslv2=True) == [alert]
