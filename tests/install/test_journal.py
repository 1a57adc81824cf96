"""The journal: what a crash may leave of it, and what is no journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.install.journal import (
    FORMAT,
    Begun,
    Changing,
    Committed,
    Journal,
    Record,
    Step,
    Undoing,
    parse,
    read,
)
from letterlock.model.errors import RefusedError

BEGUN = Begun(
    format=FORMAT,
    time="2026-11-03T14:15:02+00:00",
    verb="secure",
    subject="a.example",
    pid=1,
    servers=("Postfix",),
    steps=(Step(kind="file", act="create", path="/etc/ä b", target="/etc/ä b", mode=0o600),),
)
LATER: tuple[Record, ...] = (Changing(), Undoing("why\nnot"), Committed())
ANYWHERE = Path("journal")


def written(path: Path) -> bytes:
    journal = Journal.create(path, BEGUN)
    for record in LATER:
        journal.append(record)
    journal.close()
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "journal")
    assert read(tmp_path / "journal") == (BEGUN, *LATER)
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600
    assert read(tmp_path / "none") == ()


def test_cut_short_at_any_byte_the_whole_lines_count(tmp_path: Path) -> None:
    contents = written(tmp_path / "journal")
    for length in range(len(contents) + 1):
        records, end = parse(contents[:length], ANYWHERE)
        assert len(records) == contents[:length].count(b"\n")
        assert contents[:end].endswith(b"\n") or end == 0


def test_an_open_journal_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    contents = written(path)
    path.write_bytes(contents + b'{"type":"finis')
    journal = Journal.open(path)
    journal.append(Changing())
    journal.close()
    assert read(path) == (BEGUN, *LATER, Changing())


def test_zeros_that_a_crashed_file_system_left_at_the_end(tmp_path: Path) -> None:
    contents = written(tmp_path / "journal")
    assert len(parse(contents + bytes(4096), ANYWHERE)[0]) == 4


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b'{"type":"changing"}\n{}\n{}\n', "journal:1: the journal is damaged"),
        (b"garbage\n{}\n", "journal:1: the journal is damaged"),
        (b'{"type":"begun","format":99,"time":"","verb":"","subject":"","pid":1,"servers":[],'
         b'"steps":[]}\n', "has format 99, this version knows 1; use the version"),
    ],
)  # fmt: skip
def test_what_is_refused(contents: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        parse(contents, ANYWHERE)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused(contents: bytes, after_a_line: bool) -> None:
    before = b'{"type":"changing"}\n' if after_a_line else b""
    try:
        records, end = parse(before + contents, ANYWHERE)
    except RefusedError:
        return
    assert end <= len(before + contents) and len(records) <= 60
