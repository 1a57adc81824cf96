"""What the API takes and gives; the OpenAPI document is made from these."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from letterlock.model.tls_facts import Depth
from letterlock.web.store.checks import Check

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=320)]


class NewCheck(msgspec.Struct, forbid_unknown_fields=True):
    """What to look at: a host name, an address, either with a port, an e-mail address, or
    @DOMAIN. `name` is verified instead of the target's own; `ports` are looked at instead of all
    seven; `fresh`: no result of the last minutes will do, which takes the admin's token."""

    target: Annotated[Text, msgspec.Meta(examples=["mail.example.com"])]
    name: Text | None = None
    ports: Annotated[list[Port], msgspec.Meta(max_length=16)] = []
    depth: Depth = Depth.STANDARD
    fresh: bool = False


class Accepted(msgspec.Struct):
    """The check that answers: a new one, or one of the last minutes for the same question. `url`
    is where its state is had."""

    id: str
    url: str


class Progress(msgspec.Struct):
    """Ports known so far, those that are finished, answers had, and what was heard of last."""

    endpoints: int = 0
    finished: int = 0
    answers: int = 0
    last: str = ""


class CheckView(msgspec.Struct):
    """A check. `error` says why it failed, or what of it could not be looked at; `determined` is
    false where something that was asked has no answer; `report` is what `letterlock check --json`
    prints, once the state is done."""

    id: str
    target: str
    state: Literal["queued", "running", "done", "failed"]
    created: datetime
    url: str
    page: str
    started: datetime | None = None
    finished: datetime | None = None
    progress: Progress | None = None
    error: str | None = None
    determined: bool | None = None
    report: msgspec.Raw | None = None


class Event(msgspec.Struct):
    """What an event tells: `state` and `progress` as in the check."""

    state: Literal["queued", "running", "done", "failed"]
    progress: Progress | None = None


class Forgotten(msgspec.Struct):
    """How many checks are gone, and the monitors that go on looking there until the admin takes
    them out of their file."""

    checks: int
    monitors: list[str] = []


class UnderWay(msgspec.Struct):
    """A check that waits or runs."""

    id: str
    target: str
    created: datetime
    attempts: int
    started: datetime | None = None
    progress: Progress | None = None


class Worker(msgspec.Struct):
    """A worker that has checks under way; it was alive less than a lease before `lease`."""

    name: str
    checks: int
    lease: datetime


class MonitorView(msgspec.Struct):
    """`check` is the id of its check under way, `last` of its last one with a report, `error` says
    why a later one had none, `looked` is when it ended. Without `target` the page has not been
    given the monitors' file."""

    title: str
    due: datetime
    target: str | None = None
    looked: datetime | None = None
    check: str | None = None
    last: str | None = None
    grade: str | None = None
    worst: str | None = None
    error: str | None = None


class Messages(msgspec.Struct):
    """What a channel has not taken yet."""

    channel: str
    messages: int
    oldest: datetime


class Overview(msgspec.Struct):
    """`checks` are those that are kept, by state; of those that wait or run, the hundred oldest."""

    checks: dict[Literal["queued", "running", "done", "failed"], int]
    queued: list[UnderWay]
    running: list[UnderWay]
    workers: list[Worker]
    monitors: list[MonitorView]
    messages: list[Messages]


class Problem(msgspec.Struct):
    """What went wrong (RFC 9457)."""

    title: str
    status: int
    detail: str = ""
    type: str = "about:blank"


def progress_of(check: Check) -> Progress | None:
    if not check.progress:
        return None
    return msgspec.json.decode(check.progress, type=Progress)


def view(check: Check, base: str, report: str | None) -> CheckView:
    """`base` is what URLs begin with."""
    return CheckView(
        id=check.id,
        target=check.target,
        state=check.state.value,
        created=moment(check.created),
        url=f"{base}/api/v1/checks/{check.id}",
        page=f"{base}/c/{check.id}",
        started=None if check.started is None else moment(check.started),
        finished=None if check.finished is None else moment(check.finished),
        progress=progress_of(check),
        error=None if check.error is None else str(check.error),
        determined=check.determined,
        report=None if report is None else msgspec.Raw(report.encode()),
    )


def event(check: Check) -> bytes:
    """A server-sent event."""
    name = b"over" if check.state.over else b"state"
    data = msgspec.json.encode(Event(check.state.value, progress_of(check)))
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def schema_of(kinds: tuple[Any, ...]) -> dict[str, Any]:
    """JSON Schemas by name, as components of an OpenAPI document."""
    _, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    found: dict[str, Any] = json.loads(json.dumps(components))
    return found
