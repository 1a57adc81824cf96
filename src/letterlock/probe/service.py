"""Has a letterlock elsewhere look at a target (`letterlock serve`), and fetches what it saw."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.wording import Wording

if TYPE_CHECKING:
    import httpx2

#: Seconds for any one step of an exchange; between two questions how it goes; for a check in all.
_STEP = 15.0
_EVERY = 0.5
_LONGEST = 1800.0
#: Seconds for which a service that is busy may ask us to wait, and we do.
_PATIENCE = 60
#: Bytes of an answer; a report of a domain with many hosts has some MB.
_LARGEST = 64 * 1024 * 1024


class DeclinedError(UndeterminedError):
    """The service does not look at this target; it may at others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`facts` is a document of `report.facts_document`, None where the target could not be looked
    at; `error` says why, or what of it could not."""

    facts: bytes | None
    error: str | None
    determined: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A service at a URL. No proxy is used that the environment does not name; no redirect is
    followed."""

    url: str
    token: str | None = None

    @classmethod
    def at(cls, url: str, token: str | None = None) -> Service:
        """`token` is that of who runs it: no limit then holds, and the look is a fresh one. Raises
        InputError for a URL that is none, or that a token cannot be sent to unread by others."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise InputError(
                f"--server {url} is no URL", remedy="such as https://check.example.com"
            )
        if token is not None and parts.scheme != "https" and not _is_loopback(parts.hostname):
            raise InputError(
                f"--server {url} would have the token sent in clear",
                remedy="https, unless it is on this machine",
            )
        return cls(url.rstrip("/"), token)

    def __repr__(self) -> str:
        """Without the token."""
        return f"Service(url={self.url!r})"

    def look(self, question: dict[str, Any], told: Callable[[int, int, str], None]) -> Answer:
        """The answer to `question` (NewCheck in the API); `told` hears of ports finished, ports in
        all and what was heard of last.

        Raises InputError where the token is not the service's; DeclinedError where it does not take
        the question (also as too much for longer than we wait); UndeterminedError where it cannot
        be reached or answers nonsense."""
        import httpx2

        try:
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            with httpx2.Client(timeout=_STEP, headers=headers) as client:
                return self._look(client, question, told)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise UndeterminedError(f"{self.url} cannot be asked: {said}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UndeterminedError(
                f"{self.url} is no letterlock, or another version of it"
            ) from None

    def _look(
        self,
        client: httpx2.Client,
        question: dict[str, Any],
        told: Callable[[int, int, str], None],
    ) -> Answer:
        fresh = {"fresh": True} if self.token else {}
        answer = self._begun(client, question | fresh, told)
        place = f"{self.url}/api/v1/checks/{_id(json.loads(answer.content))}"
        check = self._followed(client, place, told)
        facts = None
        if check["state"] == "done":
            facts = self._body(client, f"{place}/facts")
        error = check["error"]
        return Answer(facts, None if error is None else str(error), check["determined"] is True)

    def _begun(
        self,
        client: httpx2.Client,
        question: dict[str, Any],
        told: Callable[[int, int, str], None],
    ) -> httpx2.Response:
        """The service's consent; where it is busy for a moment, after that."""
        deadline = time.monotonic() + _LONGEST
        while True:
            answer = client.post(f"{self.url}/api/v1/checks", json=question)
            if answer.status_code == 202:
                return answer
            seconds = _wait(answer)
            if seconds is None or seconds > min(_PATIENCE, deadline - time.monotonic()):
                raise self._refused(answer)
            told(0, 0, f"busy, asked again in {seconds} s")
            time.sleep(seconds)

    def _followed(
        self, client: httpx2.Client, place: str, told: Callable[[int, int, str], None]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            check: dict[str, Any] = json.loads(self._body(client, place))
            if check["state"] in ("done", "failed"):
                return check
            if progress := check["progress"]:
                told(int(progress["finished"]), int(progress["endpoints"]), str(progress["last"]))
            time.sleep(_EVERY)
        raise UndeterminedError(f"{self.url} is not done after {_LONGEST:g} s")

    def _body(self, client: httpx2.Client, url: str) -> bytes:
        received = bytearray()
        with client.stream("GET", url) as answer:
            for part in answer.iter_bytes():
                received += part
                if len(received) > _LARGEST:
                    raise UndeterminedError(f"{self.url} gives more than {_LARGEST >> 20} MiB")
        if answer.status_code != 200:
            raise UndeterminedError(f"{self.url} answers HTTP {answer.status_code}")
        return bytes(received)

    def _refused(self, answer: httpx2.Response) -> InputError | UndeterminedError:
        if answer.status_code == 401:
            return InputError(
                f"{self.url} does not know the token", remedy="say the file of its --admin-token"
            )
        try:
            problem = json.loads(answer.content)
            said = " ".join(str(problem["detail"]).split())[:300]
        except (ValueError, KeyError, TypeError):
            return UndeterminedError(f"{self.url} answers HTTP {answer.status_code}")
        seconds = _wait(answer)
        remedy = None if seconds is None else Wording("try again in {seconds} s", seconds=seconds)
        return DeclinedError(f"{self.url}: {said}", remedy=remedy)


def _wait(answer: httpx2.Response) -> int | None:
    """Seconds after which what is too much now may be asked again (RFC 9110 section 10.2.3)."""
    after: str = answer.headers.get("Retry-After", "")
    busy = answer.status_code in (429, 503)
    return int(after) if busy and after.isascii() and after.isdecimal() else None


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _id(told: dict[str, Any]) -> str:
    """Nothing that would lead to another place."""
    id = str(told["id"])
    if not id.isalnum() or len(id) > 64:
        raise ValueError(id)
    return id
