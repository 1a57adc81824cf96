"""The status of one's own servers: those of the monitors' file, as they were last seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterlock.model.wording import Wording
from letterlock.web.answers import AnswerError, base_url, service_of
from letterlock.web.certificate_ends import End, calendar, read
from letterlock.web.monitors import Monitor
from letterlock.web.pages import SEVERITIES, page
from letterlock.web.service import Service
from letterlock.web.store.checks import Check
from letterlock.web.store.monitors import Monitored

#: Certificates that end within so many days are told as such.
_SOON = 14


@dataclass(frozen=True, slots=True)
class Row:
    """A monitor on the page. `check` is the last one with a report, `error` why a later one had
    none, `days` those that the certificate `first` has left."""

    title: str
    subject: str
    check: Check | None
    looked: float | None
    error: str | None
    first: End | None
    days: int | None

    @property
    def soon(self) -> bool:
        return self.days is not None and self.days < _SOON


async def status(request: Request) -> Response:
    rows = await run_in_threadpool(_rows, service_of(request), _monitors(request))
    return await page(
        request, "status.html.j2", rows=rows, severity_words=SEVERITIES,
        headers={"Cache-Control": "no-store"},
    )  # fmt: skip


async def dates(request: Request) -> Response:
    """Its certificates' ends."""
    monitors = _monitors(request)
    known = await run_in_threadpool(service_of(request).monitors.all)
    found = {
        each.shown: read(known[each.shown].certificates)
        for each in monitors if each.shown in known
    }  # fmt: skip
    text = await run_in_threadpool(
        calendar, found, datetime.now(UTC), f"{base_url(request)}/status"
    )
    headers = {"Content-Disposition": 'inline; filename="certificates.ics"'}
    return Response(text, headers=headers, media_type="text/calendar; charset=utf-8")


def _monitors(request: Request) -> Sequence[Monitor]:
    """Raises AnswerError where there are none."""
    file = service_of(request).settings.monitors
    if file is None:
        raise AnswerError(404, Wording("there is no such page"))
    return file.monitor


def _rows(service: Service, monitors: Sequence[Monitor]) -> list[Row]:
    known = service.monitors.all()
    checks = service.checks.several([each.last for each in known.values() if each.last])
    now = datetime.now(UTC)
    return [_row(each, known.get(each.shown), checks, now) for each in monitors]


def _row(monitor: Monitor, known: Monitored | None, checks: dict[str, Check], now: datetime) -> Row:
    subject = monitor.asked.subject
    if known is None:
        return Row(monitor.shown, subject, None, None, None, None, None)
    found = read(known.certificates)
    first = found[0] if found else None
    return Row(
        monitor.shown, subject, checks.get(known.last or ""), known.looked, known.error, first,
        first.days(now) if first else None,
    )  # fmt: skip


ROUTES = [Route("/status", status), Route("/status.ics", dates)]
