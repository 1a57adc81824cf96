"""The sending test on the page: begun with a button, told live as mails come to the traps. Its
address has the token, which no table has; the address for others has the token's digest, so that
who reads the result writes nothing into it."""

from __future__ import annotations

import re
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from letterlock.listen.addresses import Names, digest, new_token
from letterlock.listen.sheets import sheets
from letterlock.model.errors import InputError
from letterlock.model.listening import Sheet, Trap, Visit
from letterlock.model.wording import Wording
from letterlock.report.listening_document import read
from letterlock.report.listening_html import fragment
from letterlock.report.listening_words import TRAP_WORDS
from letterlock.web.answers import (
    AnswerError,
    address,
    base_url,
    body,
    must_be_ours,
    service_of,
)
from letterlock.web.events import Listeners
from letterlock.web.pages import kept_language, language_of, page
from letterlock.web.store.checks import Reason, TurnedAway
from letterlock.web.store.sendings import Bounds, Progress, Sending

_BOUNDS = Bounds()
_DIGEST = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"[a-z2-9]{16}")
_TURNED_AWAY = {
    Reason.CLIENT: Wording("you have begun many sending tests lately"),
    Reason.FULL: Wording("many sending tests are under way"),
}
_NO_SUCH = Wording("there is no such test, or not any more")


async def offer(request: Request) -> Response:
    """What it is, and the button."""
    names = _names(request)
    service = service_of(request)
    listening = await run_in_threadpool(service.sendings.is_listened_for, names.domain)
    return await page(
        request, "sending.html.j2", traps=_traps(names), listening=listening,
        hours=int(_BOUNDS.life // 3600), days=service.settings.keep_days,
    )  # fmt: skip


async def begin(request: Request) -> Response:
    must_be_ours(request)
    names = _names(request)
    await body(request)
    service = service_of(request)
    if not await run_in_threadpool(service.sendings.is_listened_for, names.domain):
        raise AnswerError(503, Wording("nobody takes mail for the test at the moment"), 60)
    token = new_token()
    client = service.client(address(request))
    begun = await run_in_threadpool(service.sendings.begin, digest(token), client, _BOUNDS)
    if isinstance(begun, TurnedAway):
        status = 503 if begun.reason is Reason.FULL else 429
        raise AnswerError(status, _TURNED_AWAY[begun.reason], begun.retry_after)
    return RedirectResponse(f"/s/{token}{kept_language(request)}", 303)


async def show(request: Request) -> Response:
    """The addresses to write to, for who has the token and while mail is taken; what came."""
    names = _names(request)
    name = request.path_params["id"]
    test, seen = await _found(request)
    service = service_of(request)
    documents = await run_in_threadpool(service.sendings.documents, test.digest)
    language = language_of(request)
    result = await run_in_threadpool(_result, documents, test.digest)
    is_owner = name != test.digest
    return await page(
        request, "sending_test.html.j2", test=test, over=seen.over,
        traps=_traps(names, name if is_owner else ""), is_owner=is_owner, id=name,
        result=fragment([result], language, with_names=False) if result else "",
        count=len(documents), shared=f"{base_url(request)}/s/{test.digest}",
        headers={"Cache-Control": "no-store"},
    )  # fmt: skip


async def events(request: Request) -> Response:
    """`changed` at each arrival, `over` at the end: the page then asks for itself again."""
    test, seen = await _found(request)
    listeners: Listeners[Progress] = request.app.state.sending_listeners
    client = service_of(request).client(address(request))
    if not listeners.has_room(client):
        raise AnswerError(503, Wording("too many listen"), 5)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = listeners.listen(test.digest, seen, client)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


def told(seen: Progress) -> bytes:
    """A server-sent event."""
    name = "over" if seen.over else "changed"
    return f'event: {name}\ndata: {{"last": {seen.last}}}\n\n'.encode()


def _names(request: Request) -> Names:
    """Raises AnswerError where there is no sending test here."""
    domain = service_of(request).settings.sending
    if not domain:
        raise AnswerError(404, Wording("there is no such page"))
    return Names(domain)


def _traps(names: Names, token: str = "") -> list[dict[str, str]]:
    """Name, what is wrong with it, and the address to write to."""
    return [
        {
            "name": trap.value,
            "wrong": TRAP_WORDS[trap],
            "address": f"{token}@{names.mail_domain(trap)}" if token else "",
        }
        for trap in Trap
    ]


async def _found(request: Request) -> tuple[Sending, Progress]:
    """By token or by its digest. Raises AnswerError."""
    _names(request)
    name = request.path_params["id"]
    if _TOKEN.fullmatch(name):
        name = digest(name)
    elif not _DIGEST.fullmatch(name):
        raise AnswerError(404, _NO_SUCH)
    sendings = service_of(request).sendings
    found = await run_in_threadpool(sendings.find, name)
    seen = (await run_in_threadpool(sendings.progress, [name])).get(name)
    if found is None or seen is None:
        raise AnswerError(404, _NO_SUCH)
    return found, seen


def _result(documents: tuple[bytes, ...], whose: str) -> Sheet | None:
    visits = [visit for each in documents if (visit := _visit(each)) is not None]
    return next((each for each in sheets(visits) if each.token == whose), None)


@lru_cache(maxsize=1_000)  # a page is asked for again at each arrival
def _visit(document: bytes) -> Visit | None:
    try:
        return read(document)
    except InputError:  # a later letterlock's, beside one of before
        return None


ROUTES = [
    Route("/sending", offer),
    Route("/sendings", begin, methods=["POST"]),
    Route("/s/{id}", show),
    Route("/s/{id}/events", events),
]
