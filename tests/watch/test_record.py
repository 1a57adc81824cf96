"""The watch's memory: damaged, full, from another version, and bounded."""

from __future__ import annotations

import sqlite3
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate
from letterlock.model.errors import RefusedError
from letterlock.model.finding import Severity
from letterlock.watch import record as module
from letterlock.watch.changes import compare
from letterlock.watch.fault import STATUS, Fault
from letterlock.watch.look import Look, Part, Place
from letterlock.watch.record import Record
from tests.certs.authority import issue, make_root

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
HERE = Place("Dovecot", "127.0.0.1", 993, "", "")
FAULT = Fault(STATUS, "certificate-stale", "127.0.0.1:993", "RSA", Severity.HIGH, "t", "e", "r")


@pytest.fixture(scope="module")
def leaves() -> list[Certificate]:
    root = make_root()
    return [facts(issue("mail.example.com", root, ca=False).der) for _ in range(2)]


def look(hours: float = 0, faults: tuple[Fault, ...] = (), *served: Certificate) -> Look:
    part = Part(STATUS, faults, {HERE: served} if served else {})
    return Look(AT + timedelta(hours=hours), (part,))


def remember(record: Record, seen: Look, *channels: str) -> None:
    with record.transaction():
        record.remember(seen, compare(record.known(), seen))
        for channel in channels:
            record.put_out(seen.at, channel, b"{}")


def test_it_comes_back_as_it_was(tmp_path: Path, leaves: list[Certificate]) -> None:
    old, new = leaves
    file = tmp_path / "watch.db"
    record = Record.open(file)
    assert record.note == ""
    remember(record, look(0, (FAULT,), old), "mail", "webhook")
    record.close()
    assert file.stat().st_mode & 0o777 == 0o600
    record = Record.open(file)
    (known,) = record.known().values()
    assert (known.fault, known.since, known.over) == (FAULT, AT, None)
    remember(record, look(1, (FAULT,), old))
    remember(record, look(2, (), old, new))
    remember(record, look(3))
    remember(record, look(4, (), new))
    assert [(each.sha256, each.since, each.until) for each in record.served()] == [
        (old.sha256, AT, AT + timedelta(hours=4)),
        (new.sha256, AT + timedelta(hours=2), None),
    ], "what could not be seen changes nothing"
    assert [(each.what, each.at) for each in record.events()] == [
        ("began", AT), ("over", AT + timedelta(hours=2)),
    ]  # fmt: skip
    first, second = record.waiting()
    record.not_handed_over(first, "no")
    record.handed_over(second)
    assert [(each.channel, each.attempts, each.reason) for each in record.waiting()] == [
        ("mail", 1, "no")
    ]
    with record.transaction():
        record.keep_only(["command"])
    assert record.waiting() == ()


@pytest.mark.parametrize("damage", ["text", "middle", "version", "folder-beside"])
def test_a_damaged_one_is_put_aside(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "watch.db"
    record = Record.open(file)
    remember(record, look(0, (FAULT,)))
    record.close()
    if damage == "text":
        file.write_text("no database at all, but long enough to be looked at" * 100)
    elif damage == "version":
        with sqlite3.connect(file) as other:
            other.execute("PRAGMA user_version = 7")
    else:
        contents = bytearray(file.read_bytes())
        contents[4096:9000] = b"\xff" * (9000 - 4096)
        file.write_bytes(contents)
    if damage == "folder-beside":
        (tmp_path / "watch.db.damaged-19990101T000000").write_text("older")
    with pytest.raises(RefusedError) if damage in ("text", "version") else nullcontext():
        Record.existing(file)
    record = Record.open(file)
    assert "is damaged" in record.note and "begun anew" in record.note
    assert record.known() == {}
    remember(record, look(0, (FAULT,)))
    record.close()
    assert len(list(tmp_path.glob("watch.db.damaged-*"))) == 1, "the newest is enough"
    record = Record.open(file)
    assert (record.note, len(record.known())) == ("", 1)


def test_where_it_cannot_be_written_what_was_told_is_still_known(tmp_path: Path) -> None:
    file = tmp_path / "watch.db"
    record = Record.open(file)
    remember(record, look(0, (FAULT,)))
    record.close()
    file.rename(tmp_path / "kept")
    file.mkdir()
    record = Record.open(file)
    assert "cannot be written" in record.note
    remember(record, look(1, (FAULT,)), "mail")
    assert len(record.waiting()) == 1, "it is kept for this run"
    file.rmdir()
    assert Record.existing(file) is None


def test_it_does_not_grow_without_end(
    tmp_path: Path, leaves: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    monkeypatch.setattr(module, "MOST_MESSAGES", 3)
    record = Record.open(tmp_path / "watch.db")
    for number in range(30):
        faults = (FAULT,) if number % 2 else ()
        remember(record, look(50 * number, faults, leaves[number % 2]), "mail")
    assert len(record.events()) == 10
    assert len(record.served()) == 10
    assert record.served()[-1].until is None
    assert [each.at for each in record.waiting("mail")][-1] == AT + timedelta(hours=50 * 29)
    assert len(record.waiting("mail")) == 3
