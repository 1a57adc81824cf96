"""The JSON API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from letterlock.model.errors import InputError, RefusedError
from letterlock.model.wording import Wording
from letterlock.web import admin_api, openapi
from letterlock.web.admin import is_admin
from letterlock.web.answers import (
    AnswerError,
    address,
    base_url,
    body,
    json,
    must_be_ours,
    service_of,
    turned_away,
)
from letterlock.web.api_types import Accepted, NewCheck, view
from letterlock.web.asked import Asked, asked
from letterlock.web.events import Listeners
from letterlock.web.metrics import metrics
from letterlock.web.store.checks import Check, State, TurnedAway

NO_SUCH = Wording("there is no such check, or not any more")


async def ask(request: Request) -> Response:
    must_be_ours(request)
    by_admin = is_admin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise AnswerError(415, "the body is to be application/json")
    try:
        new = msgspec.json.decode(await body(request), type=NewCheck)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(400, str(error)) from None
    if new.fresh and not by_admin:
        raise AnswerError(403, "a fresh look is for who has the token of who runs this service")
    how = partial(service_of(request).ask_as_admin, fresh=new.fresh) if by_admin else None
    check = await begun(request, new.target, new.name, tuple(new.ports), new.depth, how)
    url = f"{base_url(request)}/api/v1/checks/{check.id}"
    return json(Accepted(check.id, url), 202, {"Location": url})


async def begun(
    request: Request,
    target: str,
    name: str | None,
    ports: tuple[int, ...],
    depth: Any,
    how: Callable[[Asked], Check | TurnedAway] | None = None,
) -> Check:
    """The check that answers; `how` it is asked for, where not as a stranger does. Raises
    AnswerError."""
    service = service_of(request)
    try:
        wanted = asked(
            target, name=name, ports=ports, depth=depth, any_port=service.settings.any_port
        )
        how = how or partial(service.ask, address=address(request))
        answer = await run_in_threadpool(how, wanted)
    except InputError as error:
        raise AnswerError(400, error.sentence) from None
    except RefusedError as error:
        raise AnswerError(403, error.sentence) from None
    if isinstance(answer, TurnedAway):
        raise turned_away(answer)
    return answer


async def found(request: Request) -> Check:
    """The check that the path names. Raises AnswerError."""
    id = request.path_params["id"]
    check = await run_in_threadpool(service_of(request).checks.find, id)
    if check is None:
        raise AnswerError(404, NO_SUCH)
    return check


class OneCheck(HTTPEndpoint):
    """Shown to everybody, forgotten for who has the token."""

    async def get(self, request: Request) -> Response:
        check = await found(request)
        report = None
        if check.state is State.DONE:
            report = await _report(service_of(request).reports.json, check)
        return json(view(check, base_url(request), report))

    async def delete(self, request: Request) -> Response:
        if not await admin_api.forget_check(request):
            raise AnswerError(404, NO_SUCH)
        return Response(status_code=204)


async def _report(make: Any, check: Check) -> Any:
    try:
        return await run_in_threadpool(make, check.id)
    except InputError as error:
        raise AnswerError(404, error.sentence) from None


async def facts(request: Request) -> Response:
    check = await found(request)
    document = await run_in_threadpool(service_of(request).checks.report, check.id)
    if document is None:
        raise AnswerError(404, Wording("it has no report"))
    return Response(document, media_type="application/json")


async def events(request: Request) -> Response:
    check = await found(request)
    listeners: Listeners[Check] = request.app.state.listeners
    client = service_of(request).client(address(request))
    if not listeners.has_room(client):
        raise AnswerError(503, "too many listen; ask for the check itself", 5)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = listeners.listen(check.id, check, client)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


async def describe(_request: Request) -> Response:
    return Response(openapi.document(), media_type="application/json")


async def health(request: Request) -> Response:
    await run_in_threadpool(service_of(request).checks.counts)
    return Response("fine\n", media_type="text/plain")


async def measure(request: Request) -> Response:
    told = await run_in_threadpool(metrics, service_of(request))
    return Response(told, media_type="text/plain; version=0.0.4")


ROUTES = [
    Route("/api/v1/checks", ask, methods=["POST"]),
    Route("/api/v1/checks/{id}", OneCheck),
    Route("/api/v1/checks/{id}/events", events),
    Route("/api/v1/checks/{id}/facts", facts),
    *admin_api.ROUTES,
    Route("/api/v1/openapi.json", describe),
    Route("/healthz", health),
    Route("/metrics", measure),
]
