"""What is told: the same news for machines, as JSON, and for people, as a mail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime, make_msgid
from textwrap import wrap
from typing import Any

from letterlock.watch.changes import Changes, Known
from letterlock.watch.places import compact

FORMAT_VERSION = 1
#: A subject names this many kinds of fault.
_MOST_IDS = 3
#: RFC 5322 section 2.1.1 asks for 78 at most.
_WIDTH = 76
_HEADINGS = (
    ("New:", "began"),
    ("Back within a day; it is over when it has stayed away for a day:", "back"),
    ("Over:", "over"),
)
_Json = dict[str, Any]


def document(host: str, at: datetime, changes: Changes, report: str | None = None) -> bytes:
    """The JSON document (docs/reference/watch.md); it is also what is kept until it is handed
    over. `report` is the URL of the page of `letterlock serve` that it is about, empty where that
    has none; None: the watch sends it."""
    told: _Json = {
        "format_version": FORMAT_VERSION,
        "host": host,
        "time": at.isoformat(timespec="seconds"),
        "test": False,
        "began": [_fault(each) for each in changes.began],
        "back": [_fault(each) for each in changes.back],
        "over": [_fault(each) for each in changes.over],
        "open": sorted({each.fault.id for each in changes.open}),
    }
    if report is not None:
        told["report"] = report
    return json.dumps(told).encode()


def test_document(host: str, at: datetime) -> bytes:
    """A message of the same shape that says nothing."""
    told = json.loads(document(host, at, Changes()))
    return json.dumps({**told, "test": True}).encode()


def _fault(each: Known) -> _Json:
    fault = each.fault
    return {
        "id": fault.id,
        "severity": fault.severity.value,
        "place": fault.place,
        "about": fault.about or None,
        "source": fault.source,
        "title": fault.title,
        "evidence": fault.evidence,
        "remedy": fault.remedy,
        "since": each.since.isoformat(timespec="seconds"),
        "over": each.over.isoformat(timespec="seconds") if each.over else None,
    }


def as_mail(contents: bytes, addresses: Sequence[str], host: str = "") -> bytes:
    """The mail that a document is told by. sendmail(1) adds who sends it; where SMTP takes it, that
    is `host`, and it is ready for a server that knows no more than RFC 5321 asks for."""
    told: _Json = json.loads(contents)
    mail = EmailMessage(SMTP if host else default)
    if host:
        mail["From"] = f"letterlock <letterlock@{host}>"
        mail["Message-ID"] = make_msgid(domain=host.strip("[]"))
    mail["To"] = ", ".join(addresses)
    mail["Subject"] = subject(told)
    mail["Date"] = format_datetime(datetime.fromisoformat(told["time"]))
    # RFC 3834: nobody's vacation program shall answer.
    mail["Auto-Submitted"] = "auto-generated"
    # As it can be read where it lies; who cannot take it so is Postfix's to see.
    cte = "quoted-printable" if host else "8bit"
    mail.set_content("".join(f"{line}\n" for line in text(told)), cte=cte)
    return mail.as_bytes()


def subject(told: _Json) -> str:
    if told["test"]:
        return f"[letterlock] {told['host']}: a test"
    parts = []
    if news := told["began"] + told["back"]:
        parts.append(_ids(news))
    if told["over"]:
        parts.append(f"over: {_ids(told['over'])}")
    return f"[letterlock] {told['host']}: {'; '.join(parts)}"


def _ids(faults: Sequence[_Json]) -> str:
    ids = list(dict.fromkeys(each["id"] for each in faults))
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    return f"{', '.join(ids[:_MOST_IDS])}{more}"


def text(told: _Json) -> Iterator[str]:
    """The lines of a mail, and of `watch run` on a terminal."""
    if told["test"]:
        yield from _wrapped(f"A test of letterlock watch on {told['host']}: it reaches you.")
        return
    for heading, key in _HEADINGS:
        if told[key]:
            yield heading
            yield ""
            yield from _kinds(told[key], over=key == "over")
    if told["open"]:
        yield from _wrapped(f"Open on {told['host']} now: {', '.join(told['open'])}.")
    else:
        yield from _wrapped(f"No fault is open on {told['host']} now.")
    if "report" not in told:
        yield "letterlock status says how it is, letterlock watch log how it was."
    elif told["report"]:
        yield f"The report: {told['report']}"


def _kinds(faults: Sequence[_Json], *, over: bool) -> Iterator[str]:
    by_id: dict[str, list[_Json]] = {}
    for each in faults:
        by_id.setdefault(each["id"], []).append(each)
    for id, same in by_id.items():
        yield from _wrapped(f"{same[0]['severity']}  {id}: {same[0]['title']}", "  ")
        for said in _places(same, over=over):
            yield from _wrapped(said, "      ")
        for remedy in dict.fromkeys(each["remedy"] for each in same if not over):
            yield from _wrapped(f"What to do: {remedy}", "      ")
        yield ""


def _places(same: Sequence[_Json], *, over: bool) -> Iterator[str]:
    """The same evidence at several places is said once."""
    by_evidence: dict[str, list[tuple[str, str]]] = {}
    for each in same:
        since = datetime.fromisoformat(each["since"]).astimezone(UTC)
        said = f"it began {since:%Y-%m-%d %H:%M} UTC" if over else each["evidence"]
        by_evidence.setdefault(said, []).append((each["place"], each["about"] or ""))
    for said, places in by_evidence.items():
        yield f"{compact(places)}: {said}"


def _wrapped(line: str, indent: str = "") -> list[str]:
    return wrap(
        line,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
