"""What the API does for who has the admin's token: forgets somebody, tells what is under way."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterlock.model.errors import InputError
from letterlock.web.admin import demand
from letterlock.web.answers import AnswerError, json, must_be_ours, service_of
from letterlock.web.api_types import (
    Forgotten,
    Messages,
    MonitorView,
    Overview,
    UnderWay,
    Worker,
    moment,
    progress_of,
)
from letterlock.web.asked import asked
from letterlock.web.monitors import Monitor
from letterlock.web.service import Service
from letterlock.web.store.checks import Check, State
from letterlock.web.store.monitors import Monitored


async def forget_check(request: Request) -> bool:
    """The check that the path names; False where there is none. Raises AnswerError."""
    must_be_ours(request)
    demand(request)
    return await run_in_threadpool(service_of(request).forget_check, request.path_params["id"])


async def forget_target(request: Request) -> Response:
    """As often as somebody asks for it: where there is nothing, nothing goes."""
    must_be_ours(request)
    demand(request)
    service = service_of(request)
    try:
        subject = asked(request.path_params["target"], any_port=True).subject
    except InputError as error:
        raise AnswerError(400, str(error)) from None
    gone = await run_in_threadpool(service.forget_subject, subject)
    monitors = [each.shown for each in _monitors(service) if each.asked.subject == subject]
    return json(Forgotten(gone, monitors))


async def overview(request: Request) -> Response:
    demand(request)
    return json(await run_in_threadpool(_overview, service_of(request)))


def _overview(service: Service) -> Overview:
    counts = service.checks.counts()
    store = service.administration
    return Overview(
        checks={each.value: counts.get(each, 0) for each in State},
        queued=[_under_way(each) for each in store.under_way(State.QUEUED)],
        running=[_under_way(each) for each in store.under_way(State.RUNNING)],
        workers=[Worker(each.name, each.checks, moment(each.lease)) for each in store.busy()],
        monitors=_monitor_views(service),
        messages=[
            Messages(each.channel, each.messages, moment(each.oldest)) for each in store.pending()
        ],
    )


def _under_way(check: Check) -> UnderWay:
    started = None if check.started is None else moment(check.started)
    return UnderWay(
        check.id, check.target, moment(check.created), check.attempts, started, progress_of(check)
    )


def _monitor_views(service: Service) -> list[MonitorView]:
    known = service.monitors.all()
    last = service.checks.several([each.last for each in known.values() if each.last])
    targets = {each.shown: each.target for each in _monitors(service)}
    return [
        _monitor_view(each, targets.get(each.title), last.get(each.last or ""))
        for each in sorted(known.values(), key=lambda each: each.title)
    ]


def _monitor_view(monitor: Monitored, target: str | None, last: Check | None) -> MonitorView:
    return MonitorView(
        title=monitor.title,
        due=moment(monitor.due),
        target=target,
        looked=None if monitor.looked is None else moment(monitor.looked),
        check=monitor.check_id,
        last=last.id if last else None,
        grade=last.grade if last else None,
        worst=last.worst if last else None,
        error=None if monitor.error is None else str(monitor.error),
    )


def _monitors(service: Service) -> tuple[Monitor, ...]:
    file = service.settings.monitors
    return file.monitor if file is not None else ()


ROUTES = [
    Route("/api/v1/targets/{target}", forget_target, methods=["DELETE"]),
    Route("/api/v1/overview", overview),
]
