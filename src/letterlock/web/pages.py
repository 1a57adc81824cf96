"""The pages: what all of them have, the form, a check on its way and its report."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterlock import __version__
from letterlock.languages.catalogues import offered
from letterlock.model.errors import InputError
from letterlock.model.language import Language
from letterlock.model.service import SERVICES
from letterlock.model.tls_facts import Depth
from letterlock.model.wording import Wording
from letterlock.report import html_report
from letterlock.report.text import SEVERITY_WORDS, utc
from letterlock.web.answers import (
    TITLES,
    AnswerError,
    base_url,
    body,
    must_be_ours,
    service_of,
)
from letterlock.web.api import begun, found
from letterlock.web.api_types import moment, progress_of
from letterlock.web.language import chosen
from letterlock.web.store.checks import Check, State

if TYPE_CHECKING:
    from jinja2 import Environment

_T = TypeVar("_T")
SEVERITIES = {severity.value: words for severity, words in SEVERITY_WORDS.items()}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("letterlock.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "version": __version__,
        "moment": moment,
        "utc": utc,
        "day": day,
        "path_of": path_of,
    }
    return made


def language_of(request: Request) -> Language:
    """As the address says (`?lang=`), else as the browser does."""
    return chosen(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def kept_language(request: Request) -> str:
    """The query of an address that keeps the language where it was chosen."""
    kept = request.query_params.get("lang")
    return f"?{urlencode({'lang': kept})}" if kept else ""


def day(seconds: float) -> str:
    """For a person."""
    return f"{moment(seconds):%Y-%m-%d %H:%M} UTC"


def path_of(subject: str) -> str:
    """A host or domain as a part of a path."""
    return quote(subject, safe="@")


async def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    headers = values.pop("headers", {})
    return _sent(request, await _rendered(request, name, **values), headers, status)


def _sent(request: Request, text: str, headers: dict[str, str], status: int = 200) -> Response:
    about = {"Content-Language": language_of(request).tag, "Vary": "Accept-Language"}
    return Response(text, status, about | headers, "text/html")


async def _rendered(request: Request, name: str, **values: Any) -> str:
    """A template rendered. A link keeps the language where it was chosen."""
    language = language_of(request)
    kept = request.query_params.get("lang")

    def link(path: str, **query: str) -> str:
        wanted = query | ({"lang": language.tag} if kept and "lang" not in query else {})
        return f"{path}?{urlencode(wanted)}" if wanted else path

    settings = service_of(request).settings
    return await run_in_threadpool(
        _environment().get_template(name).render,
        **language.in_templates(),
        languages=offered(),
        link=link,
        here=request.url.path,
        contact=settings.contact,
        sending=bool(settings.sending),
        monitors=settings.monitors is not None,
        **values,
    )


async def error_page(request: Request, error: AnswerError) -> Response:
    return await page(
        request,
        "error.html.j2",
        error.status,
        title=TITLES.get(error.status, TITLES[500]),
        detail=error.detail,
        retry_after=error.retry_after,
        headers=error.headers,
    )


# --- the form


async def form(request: Request) -> Response:
    return await _form(request, {})


async def _form(
    request: Request,
    given: dict[str, str],
    ports: tuple[int, ...] = (),
    error: str = "",
    status: int = 200,
) -> Response:
    nothing = {"target": request.query_params.get("target", "")[:320], "name": "", "depth": ""}
    return await page(
        request, "form.html.j2", status,
        given=nothing | given, ports=ports, error=error, services=SERVICES, depths=list(Depth),
    )  # fmt: skip


async def ask(request: Request) -> Response:
    """What is wrong with it is said beside the field, with what was given still in it."""
    must_be_ours(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise AnswerError(415, "the body is to be a form's")
    given, ports = _fields(await body(request))
    try:
        numbers = tuple(_number(each) for each in ports)
        check = await begun(
            request, given["target"], given["name"] or None, numbers, _depth(given["depth"])
        )
    except AnswerError as error:
        if error.status != 400:
            raise
        known = tuple(int(each) for each in ports if each.isascii() and each.isdigit())
        return await _form(request, given, known, error.detail, 400)
    return RedirectResponse(f"/c/{check.id}{kept_language(request)}", 303)


def _fields(data: bytes) -> tuple[dict[str, str], list[str]]:
    try:
        fields = parse_qs(
            data.decode("ascii"), encoding="utf-8", errors="replace", max_num_fields=40
        )
    except ValueError:
        raise AnswerError(400, "the body is to be a form's") from None
    given = {name: fields.get(name, [""])[0][:400] for name in ("target", "name", "depth")}
    return given, fields.get("port", [])


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5:
        return int(text)
    raise AnswerError(400, Wording("{text} is not a port", text=repr(text[:40])))


def _depth(text: str) -> Depth:
    try:
        return Depth(text or Depth.STANDARD)
    except ValueError:
        raise AnswerError(400, Wording("{text} is not a depth", text=repr(text[:40]))) from None


# --- a check


async def show(request: Request) -> Response:
    """Its state while it is under way, then its report, which many may read at once."""
    made = service_of(request).reports.page(request.path_params["id"], _kind(request))
    if made is not None:
        return _report_sent(request, request.path_params["id"], made)
    check = await found(request)
    if not check.state.over:
        return await page(
            request, "waiting.html.j2", check=check, progress=progress_of(check),
            headers={"Cache-Control": "no-store"},
        )  # fmt: skip
    if check.state is State.FAILED:
        return await page(request, "failed.html.j2", check=check)
    return await _report(request, check)


async def _report(request: Request, check: Check) -> Response:
    service = service_of(request)
    service.reports.confirm(check.id)
    if (made := service.reports.page(check.id, _kind(request))) is not None:
        return _report_sent(request, check.id, made)
    report = await from_report(service.reports.html, check.id, language_of(request))
    earlier = await run_in_threadpool(service.checks.history, check.subject, 1, check.created)
    text = await _rendered(
        request, "report.html.j2", check=check, report=report,
        earlier=earlier[0] if earlier else None, address=f"{base_url(request)}/c/{check.id}",
    )  # fmt: skip
    service.reports.keep_page(check.id, _kind(request), text)
    return _report_sent(request, check.id, text)


def _kind(request: Request) -> str:
    """What a report's page is different by."""
    chosen_here = "lang" in request.query_params
    return f"page {language_of(request).tag} {chosen_here} {base_url(request)}"


def _report_sent(request: Request, id: str, text: str) -> Response:
    tag = f'"{id}-{language_of(request).tag}-{__version__}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=0, must-revalidate"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return _sent(request, text, headers)


async def download(request: Request) -> Response:
    check = await found(request)
    if check.state is not State.DONE:
        raise AnswerError(404, Wording("it has no report"))
    text = await from_report(service_of(request).reports.json, check.id)
    name = f"letterlock-{check.id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, headers=headers, media_type="application/json")


async def from_report(make: Callable[..., _T], *arguments: Any) -> _T:
    """Raises AnswerError where another letterlock's report cannot be read."""
    try:
        return await run_in_threadpool(make, *arguments)
    except InputError as error:
        raise AnswerError(404, error.sentence) from None


# --- the rest


async def about(request: Request) -> Response:
    return await page(request, "about.html.j2", settings=service_of(request).settings)


async def report_style(_request: Request) -> Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(html_report.stylesheet(), headers=headers, media_type="text/css")


async def icon(_request: Request) -> Response:
    """Where browsers look for one by themselves."""
    return RedirectResponse("/static/icon.svg", 301)


async def robots(_request: Request) -> Response:
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


ROUTES = [
    Route("/", form),
    Route("/checks", ask, methods=["POST"]),
    Route("/c/{id}", show),
    Route("/c/{id}/report.json", download),
    Route("/about", about),
    Route("/report.css", report_style),
    Route("/favicon.ico", icon),
    Route("/robots.txt", robots),
]
