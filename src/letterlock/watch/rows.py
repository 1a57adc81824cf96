"""The rows of the watch's database: its tables, what they hold, and the way in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from letterlock.model.certificate import Certificate
from letterlock.model.finding import Severity
from letterlock.report.escape import printable
from letterlock.watch.changes import Known
from letterlock.watch.fault import Fault
from letterlock.watch.look import Place

VERSION = 1
SCHEMA = """
CREATE TABLE fault (
  source TEXT NOT NULL, id TEXT NOT NULL, place TEXT NOT NULL, about TEXT NOT NULL,
  severity TEXT NOT NULL, title TEXT NOT NULL, evidence TEXT NOT NULL, remedy TEXT NOT NULL,
  since TEXT NOT NULL, absent TEXT, over TEXT, returned INTEGER NOT NULL,
  PRIMARY KEY (source, id, place, about)
) STRICT;
CREATE TABLE event (
  n INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL,
  id TEXT NOT NULL, place TEXT NOT NULL, about TEXT NOT NULL,
  severity TEXT NOT NULL, evidence TEXT NOT NULL
) STRICT;
CREATE TABLE served (
  n INTEGER PRIMARY KEY, server TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,
  name TEXT NOT NULL, key_type TEXT NOT NULL,
  sha256 TEXT NOT NULL, subject TEXT NOT NULL, dns_names TEXT NOT NULL,
  not_before TEXT NOT NULL, not_after TEXT NOT NULL, since TEXT NOT NULL, until TEXT
) STRICT;
CREATE TABLE message (
  n INTEGER PRIMARY KEY, at TEXT NOT NULL, channel TEXT NOT NULL, contents BLOB NOT NULL,
  attempts INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that `channel` has not taken yet."""

    number: int
    at: datetime
    channel: str
    contents: bytes
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class ServedRow:
    """One certificate at one place, from `since` on; `until` None: still."""

    place: Place
    sha256: str
    subject: str
    dns_names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """A fault that began, came back or was over (`what`) at a time."""

    at: datetime
    what: str
    id: str
    place: str
    about: str
    severity: Severity
    evidence: str


def as_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def as_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe_text(time: datetime | None) -> str | None:
    return None if time is None else as_text(time)


def _maybe_time(text: str | None) -> datetime | None:
    return None if text is None else as_time(text)


def known_row(each: Known) -> tuple[str | int | None, ...]:
    fault = each.fault
    return (
        *fault.key, fault.severity.value, fault.title, fault.evidence, fault.remedy,
        as_text(each.since), _maybe_text(each.absent), _maybe_text(each.over), int(each.returned),
    )  # fmt: skip


def known_of(row: Sequence[str]) -> Known:
    source, id, place, about, severity, title, evidence, remedy, since, absent, over, back = row
    fault = Fault(source, id, place, about, Severity(severity), title, evidence, remedy)
    return Known(fault, as_time(since), _maybe_time(absent), _maybe_time(over), bool(back))


def event_row(at: datetime, what: str, fault: Fault) -> tuple[str, ...]:
    return (
        as_text(at), what, fault.id, fault.place, fault.about, fault.severity.value, fault.evidence,
    )  # fmt: skip


def served_row(place: Place, leaf: Certificate, at: datetime) -> tuple[str | int, ...]:
    return (
        place.server, place.address, place.port, place.name, place.key_type, leaf.sha256,
        printable(leaf.subject), printable(" ".join(leaf.dns_names)),
        as_text(leaf.not_before), as_text(leaf.not_after), as_text(at),
    )  # fmt: skip


def served_of(row: Sequence[str]) -> ServedRow:
    server, address, port, name, key_type, sha256, subject, dns_names, *times = row
    not_before, not_after, since, until = times
    return ServedRow(
        Place(server, address, int(port), name, key_type),
        sha256,
        subject,
        tuple(dns_names.split()),
        as_time(not_before),
        as_time(not_after),
        as_time(since),
        _maybe_time(until),
    )
