"""The application: routes, and what holds for all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from letterlock.model.errors import UndeterminedError
from letterlock.model.wording import Wording
from letterlock.web import api, history_pages, pages, sending_pages, status_pages
from letterlock.web.answers import AnswerError, problem
from letterlock.web.api_types import event
from letterlock.web.events import Listeners
from letterlock.web.headers import SECURITY_HEADERS, OurHosts, SecurityHeaders
from letterlock.web.service import Service

_LOG = logging.getLogger("letterlock.web")
#: Those of a service that only this machine reaches.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
#: Paths whose errors are problems, not pages.
_FOR_PROGRAMS = ("/api/", "/healthz", "/metrics")


def application(service: Service, hosts: tuple[str, ...] = ()) -> Starlette:
    """`hosts` are the names that requests are answered for, beside that of the public URL; none:
    all."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        checks = Listeners(service.checks.several, lambda check: check.state.over, event)
        sendings = Listeners(service.sendings.progress, lambda seen: seen.over, sending_pages.told)
        app.state.listeners, app.state.sending_listeners = checks, sendings
        yield
        checks.close()
        sendings.close()

    public = urlsplit(service.settings.public_url).hostname
    names = (*hosts, *filter(None, [public])) if hosts else ()
    static = StaticFiles(directory=str(files("letterlock.web") / "static"))
    app = Starlette(
        routes=[
            *api.ROUTES,
            *pages.ROUTES,
            *history_pages.ROUTES,
            *sending_pages.ROUTES,
            *status_pages.ROUTES,
            Mount("/static", static),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(OurHosts, names=names)],
        exception_handlers={
            AnswerError: _answered,
            HTTPException: _not_there,
            UndeterminedError: _away,
            Exception: _failed,
        },
        lifespan=life,
    )
    app.state.service = service
    return app


async def _answered(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnswerError)  # noqa: S101
    if request.url.path.startswith(_FOR_PROGRAMS):
        return problem(error)
    return await pages.error_page(request, error)


async def _not_there(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    said = {404: Wording("there is no such page"), 405: Wording("not with this method")}
    answer = await _answered(request, AnswerError(status, said.get(status, "")))
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})
    return answer


async def _away(request: Request, error: Exception) -> Response:
    _LOG.warning("%s", error)
    return await _answered(request, AnswerError(503, Wording("the database does not answer"), 10))


async def _failed(request: Request, error: Exception) -> Response:
    """The log has the error; the stranger has not."""
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    answer = await _answered(request, AnswerError(500, Wording("its log says how")))
    # Starlette's outermost layer sends it past the others.
    answer.headers.update(SECURITY_HEADERS)
    return answer
