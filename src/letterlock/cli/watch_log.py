"""`watch log`: what was served when, and what was wrong, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer

from letterlock.report.text import utc
from letterlock.watch.places import compact
from letterlock.watch.record import Record
from letterlock.watch.rows import Event, ServedRow

_NONE = "The watch has not looked yet: letterlock watch run, or wait for its timer."


def document(record: Record | None) -> dict[str, Any]:
    """The stable shape that docs/reference/watch.md describes."""
    return {
        "format_version": 1,
        "served": [_served(each) for each in record.served()] if record else [],
        "faults": [_event(each) for each in record.events()] if record else [],
        "waiting": [
            {
                "time": utc(each.at),
                "channel": each.channel,
                "attempts": each.attempts,
                "reason": each.reason,
            }
            for each in (record.waiting() if record else ())
        ],
    }


def _served(each: ServedRow) -> dict[str, Any]:
    place = each.place
    return {
        "server": place.server,
        "address": place.address,
        "port": place.port,
        "name": place.name or None,
        "key_type": place.key_type or None,
        "sha256": each.sha256,
        "subject": each.subject,
        "dns_names": list(each.dns_names),
        "not_before": utc(each.not_before),
        "not_after": utc(each.not_after),
        "since": utc(each.since),
        "until": utc(each.until) if each.until else None,
    }


def _event(each: Event) -> dict[str, Any]:
    return {
        "time": utc(each.at),
        "what": each.what,
        "id": each.id,
        "severity": each.severity.value,
        "place": each.place,
        "about": each.about or None,
        "evidence": each.evidence,
    }


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    where: str
    what: str


def show(record: Record | None, most: int) -> None:
    """The newest `most` lines, oldest first."""
    lines = sorted(_lines(record), key=lambda line: line.at) if record else []
    if not lines:
        typer.echo(_NONE)
        return
    if len(lines) > most:
        typer.echo(f"{len(lines) - most} older: --lines {len(lines)} lists them, --json has all.")
    for line in lines[-most:]:
        typer.echo(f"{line.at:%Y-%m-%d %H:%M}  {line.what}")
        typer.echo(f"                  {line.where}")
    for each in record.waiting() if record else ():
        typer.echo(f"{each.at:%Y-%m-%d %H:%M}  waits for the {each.channel}: {each.reason}")


def _lines(record: Record) -> Iterator[_Line]:
    """The same at several ports at once is one line."""
    groups: dict[tuple[object, ...], list[ServedRow]] = {}
    for each in record.served():
        key = (each.since, each.sha256, each.place.server, each.place.name, each.place.key_type)
        groups.setdefault(key, []).append(each)
    for same in groups.values():
        yield _Line(same[0].since, _where(same), _certificate(same[0]))
    events: dict[tuple[object, ...], list[Event]] = {}
    for event in record.events():
        events.setdefault((event.at, event.what, event.id), []).append(event)
    for at_once in events.values():
        first = at_once[0]
        places = compact((each.place, each.about) for each in at_once)
        yield _Line(first.at, places, f"{first.what:<6} {first.severity} {first.id}")


def _where(same: Sequence[ServedRow]) -> str:
    place = same[0].place
    ports = ", ".join(map(str, sorted({each.place.port for each in same})))
    asked = f" to clients that ask for {place.name}" if place.name else ""
    kind = f" ({place.key_type})" if place.key_type else ""
    return f"{place.server}, port{'s' * (',' in ports)} {ports}{kind}{asked}"


def _certificate(each: ServedRow) -> str:
    names = ", ".join(each.dns_names[:2]) or each.subject
    return f"serves {each.sha256[:12]}…  {names}, until {each.not_after:%Y-%m-%d}"
