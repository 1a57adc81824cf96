"""Several checks: the history of a host or domain, what changed between two, its badge."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterlock.model.errors import InputError
from letterlock.model.wording import Wording
from letterlock.report.comparison import KIND_WORDS, Direction
from letterlock.web.answers import AnswerError, service_of
from letterlock.web.api import NO_SUCH
from letterlock.web.asked import asked
from letterlock.web.badge import badge
from letterlock.web.pages import SEVERITIES, from_report, page
from letterlock.web.store.checks import State

#: Entries of a history on one page.
_MOST = 25


async def history(request: Request) -> Response:
    """The checks of a host or domain, latest first, and what changed at the last."""
    service = service_of(request)
    subject = _subject(request.path_params["subject"])
    before = request.query_params.get("before", "")
    checks = await run_in_threadpool(
        service.checks.history, subject, _MOST + 1, _moment(before) if before else None
    )
    if not checks and not before:
        raise AnswerError(404, Wording("{target} was not looked at yet", target=subject))
    changes = None
    if len(checks) > 1 and not before:
        changes = await from_report(service.reports.differences, checks[1].id, checks[0].id)
    return await page(
        request, "history.html.j2", subject=subject, checks=checks[:_MOST],
        more=checks[_MOST - 1].created if len(checks) > _MOST else None, changes=changes,
        Direction=Direction, kind_words=KIND_WORDS, severity_words=SEVERITIES,
    )  # fmt: skip


def _subject(text: str) -> str:
    """As `Asked.subject` has it, of what stands in an address. Raises AnswerError."""
    try:
        return asked(text).subject
    except InputError as error:
        raise AnswerError(404, error.sentence) from None


def _moment(text: str) -> float:
    try:
        return float(text[:30])
    except ValueError:
        raise AnswerError(400, "`before` is not a moment") from None


async def compare(request: Request) -> Response:
    service = service_of(request)
    ids = [request.query_params.get(name, "") for name in ("old", "new")]
    known = await run_in_threadpool(service.checks.several, ids)
    if any(id not in known or known[id].state is not State.DONE for id in ids):
        raise AnswerError(404, NO_SUCH)
    changes = await from_report(service.reports.differences, *ids)
    old, new = (known[id] for id in ids)
    return await page(
        request, "compare.html.j2", old=old, new=new, changes=changes, Direction=Direction,
        kind_words=KIND_WORDS,
    )  # fmt: skip


async def show_badge(request: Request) -> Response:
    """Of the last check of a host or domain; of none, where there was none."""
    checks = service_of(request).checks
    last = await run_in_threadpool(checks.history, _subject(request.path_params["subject"]), 1)
    headers = {
        "Cache-Control": "public, max-age=300",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return Response(badge(last[0] if last else None), headers=headers, media_type="image/svg+xml")


ROUTES = [
    Route("/t/{subject}", history),
    Route("/compare", compare),
    Route("/badge/{subject}.svg", show_badge),
]
