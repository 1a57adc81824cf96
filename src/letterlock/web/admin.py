"""Who may do what strangers may not: who has the token of `--admin-token`. There is no page for it
and no cookie, so that no browser does it for somebody else."""

from __future__ import annotations

from starlette.requests import Request

from letterlock.web.answers import AnswerError, address, service_of


def demand(request: Request) -> None:
    """Raises AnswerError where the request has not the token: 401, or 429 where its client had it
    wrong too often."""
    service = service_of(request)
    client = service.client(address(request))
    wait = service.admin.wait(client)
    if wait is not None:
        raise AnswerError(429, "you had the token wrong too often", wait)
    if not service.admin.is_token(_bearer(request) or ""):
        service.admin.note_wrong(client)
        raise AnswerError(401, "this needs the token of who runs this service")


def is_admin(request: Request) -> bool:
    """False for who says no token; another scheme's is a proxy's business. Raises AnswerError for a
    token that is not ours."""
    if _bearer(request) is None:
        return False
    demand(request)
    return True


def _bearer(request: Request) -> str | None:
    """RFC 6750 section 2.1."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
