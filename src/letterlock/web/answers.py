"""Answers in the API's form, and what a request has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from letterlock.model.wording import Wording
from letterlock.web.api_types import Problem
from letterlock.web.store.checks import Reason, TurnedAway

if TYPE_CHECKING:
    from letterlock.web.service import Service

#: Bytes that a request's body may have.
LARGEST = 16 * 1024
TITLES = {
    400: Wording("That cannot be looked at"),
    401: Wording("Not for everybody"),
    403: Wording("Not done"),
    404: Wording("Not there"),
    405: Wording("Not done that way"),
    413: Wording("Too long"),
    415: Wording("Not understood"),
    429: Wording("Too often"),
    500: Wording("letterlock failed"),
    503: Wording("Too busy"),
}
_REASONS = {
    Reason.FULL: Wording("too many checks wait already"),
    Reason.CLIENT: Wording("you have asked for many checks lately"),
    Reason.SUBJECT: Wording("this target was looked at often enough lately"),
}


class AnswerError(Exception):
    """A request that is answered with a problem; `retry_after` is seconds. One of status 401 says
    what is asked for (RFC 6750 section 3)."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        told = {"WWW-Authenticate": 'Bearer realm="letterlock"'} if self.status == 401 else {}
        return told | ({} if self.retry_after is None else {"Retry-After": str(self.retry_after)})


def turned_away(refusal: TurnedAway) -> AnswerError:
    status = 503 if refusal.reason is Reason.FULL else 429
    return AnswerError(status, _REASONS[refusal.reason], refusal.retry_after)


def json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def problem(error: AnswerError) -> Response:
    title = TITLES.get(error.status, TITLES[400])
    told = Problem(str.__str__(title), error.status, str.__str__(error.detail))
    kind = "application/problem+json"
    return Response(msgspec.json.encode(told), error.status, error.headers, kind)


async def body(request: Request) -> bytes:
    """Raises AnswerError where it is too long."""
    received = bytearray()
    try:
        async for part in request.stream():
            received += part
            if len(received) > LARGEST:
                raise AnswerError(413, f"more than {LARGEST} bytes")
    except ClientDisconnect:
        raise AnswerError(400, "the request broke off") from None
    return bytes(received)


def service_of(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def base_url(request: Request) -> str:
    """What URLs begin with: as the service was told, else as it was reached."""
    told = service_of(request).settings.public_url
    return told or str(request.base_url).rstrip("/")


def address(request: Request) -> str:
    """Who asks, as the server (or the proxy that it trusts) has it."""
    return request.client.host if request.client else "unknown"


def must_be_ours(request: Request) -> None:
    """What changes something comes from a page of ours, or from no page at all. Raises
    AnswerError."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site in ("same-origin", "none"):
            return
        raise AnswerError(403, Wording("a page of another site asks for it"))
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AnswerError(403, Wording("a page of another site asks for it"))
