"""The run of `listen`: sockets, privileges, what is shown and written while it lasts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from letterlock.certs.bundle import Bundle
from letterlock.listen.addresses import Names, Recipients, digest, is_token, new_token
from letterlock.listen.certificates import identity
from letterlock.listen.demands import demand_names
from letterlock.listen.places import EVERYWHERE, Listening, Place, bind, handed_over
from letterlock.listen.privileges import account, become
from letterlock.listen.server import Listener, Test, Told
from letterlock.model.errors import InputError, Location, UndeterminedError
from letterlock.model.listening import PolicyFetch, Sheet, Trap, Visit
from letterlock.report.listening_json import fetch_line, sheet_line, visit_line
from letterlock.report.listening_terminal import (
    show_beginning,
    show_fetch,
    show_service,
    show_sheets,
    show_visit,
)

if TYPE_CHECKING:
    from letterlock.cli.listen_page import PageTests

_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    names: Names
    good: Bundle
    #: Its file's name.
    cert: str
    expired: Bundle | None
    places: tuple[Place, ...]
    tokens: tuple[str, ...]
    user: str
    seconds: float | None
    json_file: str | None
    #: Where the tests of a page are, and where what came is told.
    data: Path | None = None
    database: str | None = None


def run(wishes: Wishes) -> None:
    """Until it is ended. Raises InputError, UndeterminedError."""
    serves_a_page = wishes.data is not None or wishes.database is not None
    tokens = _tokens(wishes.tokens, drawn=not serves_a_page)
    user = account(wishes.user) if os.geteuid() == 0 else None
    handed, places = handed_over(), wishes.places or EVERYWHERE
    served = {each.trap for each in handed or places}
    demand_names(wishes.good.leaf, wishes.names, Location(wishes.cert), served)
    recipients = Recipients(wishes.names, tokens)
    page = _page(wishes, recipients) if serves_a_page else None
    listening = handed or bind(places)
    output = _Output(wishes.json_file, page)
    expired = identity(wishes.expired) if wishes.expired else None
    test = Test(wishes.names, recipients, identity(wishes.good), expired)
    listener = Listener(test, Told(output.visit, output.fetch))
    output.stop = listener.stop
    if user is not None:
        become(user)
    if page is not None:
        page.begin()
    output.begin(_shown_places(listening), _addresses(wishes.names, tokens), not wishes.tokens)
    left = _seconds_left(wishes.good)
    seconds = left if wishes.seconds is None else min(left, wishes.seconds)
    asyncio.run(listener.run(listening, seconds))
    output.end(listener.sheets({digest(token): token for token in tokens}))
    if not _seconds_left(wishes.good):
        raise UndeterminedError(
            f"{wishes.cert} has run out, and the test was ended: a sender that refused the good "
            "host would have been right",
            remedy="begin again with its renewal",
        )


def _seconds_left(bundle: Bundle) -> float:
    return max(0.0, (bundle.leaf.not_after - datetime.now(UTC)).total_seconds())


def _page(wishes: Wishes, recipients: Recipients) -> PageTests:
    from letterlock.cli.listen_page import PageTests

    folder = (wishes.data or Path()).absolute()
    return PageTests(folder, wishes.database, recipients, wishes.names.domain)


def _tokens(given: tuple[str, ...], drawn: bool) -> tuple[str, ...]:
    """Those given, else a new one where it is to be `drawn`."""
    for each in given:
        if not is_token(each.lower()) or len(each) < _SHORTEST:
            raise InputError(
                f"--token {each}: not a token",
                remedy=f"{_SHORTEST} to 64 letters, digits, dots, hyphens; none to have one drawn",
            )
    return tuple(each.lower() for each in given) or ((new_token(),) if drawn else ())


def _shown_places(listening: tuple[Listening, ...]) -> list[tuple[str, str]]:
    return [(each.trap.value if each.trap else "by SNI", str(each)) for each in listening]


def _addresses(names: Names, tokens: tuple[str, ...]) -> list[str]:
    """Of the first token all, of the others what differs."""
    if not tokens:
        return []
    first, *others = tokens
    addresses = [f"{first}@{names.mail_domain(trap)}" for trap in Trap]
    return addresses + [f"the same with {token}" for token in others]


class _Output:
    """The screen and the file. What cannot be written ends the test: nothing is lost silently."""

    def __init__(self, json_file: str | None, page: PageTests | None) -> None:
        self._page = page
        self._console = Console(highlight=False, stderr=json_file == "-")
        self._name = json_file
        self._file = _open(json_file)
        self._fault = ""
        #: Called where a line could not be written.
        self.stop: Callable[[], None] = lambda: None

    @property
    def _quiet(self) -> bool:
        """A page's visitors have their sheets on the page."""
        return self._name == "-" or self._page is not None

    def begin(self, places: list[tuple[str, str]], addresses: list[str], drawn: bool) -> None:
        if self._page is not None:
            show_service(self._console, places, addresses)
        else:
            show_beginning(self._console, places, addresses, drawn)

    def visit(self, visit: Visit) -> None:
        if self._page is not None:
            self._page.visit(visit)
        self._write(visit_line(visit))
        if not self._quiet:
            show_visit(self._console, visit)

    def fetch(self, fetch: PolicyFetch) -> None:
        self._write(fetch_line(fetch))
        if not self._quiet:
            show_fetch(self._console, fetch)

    def end(self, sheets: tuple[Sheet, ...]) -> None:
        """Raises UndeterminedError where a line or a visit was lost."""
        lost = self._page.end() if self._page is not None else 0
        for sheet in sheets:
            self._write(sheet_line(sheet))
        own = tuple(sheet for sheet in sheets if sheet.label) if self._page else sheets
        if self._name != "-" and (own or not self._page):
            show_sheets(self._console, own)
        if self._fault:
            raise UndeterminedError(f"--json {self._name}: {self._fault}; the test was ended")
        if lost:
            raise UndeterminedError(f"{lost} of the visits are lost: the page's database was away")

    def _write(self, line: str) -> None:
        if self._file is None or self._fault:
            return
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            self._fault = f"a line could not be written ({error.strerror})"
            self.stop()


def _open(file: str | None) -> TextIO | None:
    if file is None:
        return None
    if file == "-":
        return sys.stdout
    try:
        return open(file, "a", encoding="utf-8")  # noqa: PTH123
    except OSError as error:
        raise InputError(f"--json {file} cannot be written ({error.strerror})") from None
