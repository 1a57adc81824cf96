"""Hands a JSON document to a webhook."""

from __future__ import annotations

import threading

from letterlock.model.errors import UndeterminedError

#: Seconds, for any one step of it.
_STEP = 10.0
#: Seconds, for the whole of it: a peer that sends a byte now and then is not waited for.
LONGEST = 30.0


def post_json(url: str, document: bytes, longest: float = LONGEST) -> None:
    """POST `document`; any answer 2xx is success, its contents are not read. No redirect is
    followed: it would hand the document, and an authorization, to somebody else.

    Raises UndeterminedError with the reason; the URL, which may be a secret, is not in it."""
    outcome: list[str | None] = []
    # Of its own, since httpx's limits are for each step and a step may be one byte.
    thread = threading.Thread(
        target=lambda: outcome.append(_post(url, document)), name="letterlock-webhook", daemon=True
    )
    thread.start()
    thread.join(longest)
    if not outcome:
        raise UndeterminedError(f"no answer within {longest:g} s")
    if (reason := outcome[0]) is not None:
        raise UndeterminedError(reason)


def _post(url: str, document: bytes) -> str | None:
    """Why it failed; None where it did not."""
    import httpx2

    from letterlock import __version__

    headers = {"Content-Type": "application/json", "User-Agent": f"letterlock/{__version__}"}
    try:
        with (
            httpx2.Client(timeout=_STEP, follow_redirects=False) as client,
            client.stream("POST", url, content=document, headers=headers) as response,
        ):
            if response.is_success:
                return None
            if response.is_redirect:
                return f"it redirects (HTTP {response.status_code}), which is not followed"
            return f"it answers HTTP {response.status_code}"
    except httpx2.TransportError as error:
        # What the system or OpenSSL says of a connection; no URL is in it.
        said = " ".join(str(error).split())
        return (
            f"{type(error).__name__}: {said}" if said and url not in said else type(error).__name__
        )
    except Exception as error:
        return type(error).__name__
