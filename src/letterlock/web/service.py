"""What every page and every call of the API works with."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic

from sqlalchemy import select

from letterlock.model.errors import InputError, RefusedError
from letterlock.model.language import Language
from letterlock.model.wording import Wording
from letterlock.report import html_report, json_report
from letterlock.report.comparison import Difference, compare
from letterlock.report.facts_document import read
from letterlock.report.result import Result
from letterlock.report.saved import saved
from letterlock.web.admin_token import Admin
from letterlock.web.asked import ADMIN, Asked
from letterlock.web.opt_out import OptOutFile
from letterlock.web.settings import Settings
from letterlock.web.store.admin import Administration
from letterlock.web.store.checks import Caps, Check, Checks, TurnedAway
from letterlock.web.store.database import Database
from letterlock.web.store.monitors import Monitors
from letterlock.web.store.sendings import Sendings
from letterlock.web.store.tables import META

#: Bytes of rendered reports that are kept.
_KEPT = 24 * 1024 * 1024
#: Seconds for which a page is told without asking whether its check is still there: another process
#: may have forgotten it.
_CONFIRMED = 10.0
_MOST_CONFIRMED = 10_000
_NO_LIMIT = 2**31


@dataclass(slots=True)
class Service:
    """`wake` tells a worker beside us that there is work. Methods block: they are for threads."""

    settings: Settings
    database: Database
    checks: Checks
    sendings: Sendings
    monitors: Monitors
    wake: Callable[[], None]
    opt_out: OptOutFile
    admin: Admin
    administration: Administration
    reports: Reports
    _client_key: bytes

    @classmethod
    def on(cls, settings: Settings, database: Database, wake: Callable[[], None]) -> Service:
        """Raises InputError for an opt-out file or a token that cannot be read."""
        with database.read() as connection:
            key = connection.execute(
                select(META.c.value).where(META.c.name == "client_key")
            ).scalar_one()
        opt_out = OptOutFile(settings.opt_out_file)
        opt_out.now()
        checks = Checks(database)
        caps = settings.caps
        return cls(
            settings, database, checks, Sendings(database), Monitors(database), wake, opt_out,
            Admin(settings.admin_token_file, caps.per_client, caps.window),
            Administration(database), Reports(checks), bytes.fromhex(key),
        )  # fmt: skip

    def ask(self, asked: Asked, address: str) -> Check | TurnedAway:
        """Have it looked at, or be told the check that answers already. Raises RefusedError where
        the target wants to be left alone."""
        return self._ask(asked, self.client(address), self.settings.caps)

    def ask_as_admin(self, asked: Asked, *, fresh: bool) -> Check | TurnedAway:
        """As often as wanted, while the queue has room; `fresh`: no earlier result will do. Who
        wants to be left alone is left alone."""
        unlimited = replace(
            self.settings.caps, per_client=_NO_LIMIT, per_client_at_once=_NO_LIMIT,
            per_subject=_NO_LIMIT,
        )  # fmt: skip
        return self._ask(asked, ADMIN, replace(unlimited, reuse=0.0) if fresh else unlimited)

    def _ask(self, asked: Asked, client: str, caps: Caps) -> Check | TurnedAway:
        left_alone = self.opt_out.now()
        target = asked.target
        if left_alone.has_name(target.name) or (
            target.is_address and left_alone.has_address(target.name)
        ):
            raise RefusedError(Wording("{address} asked not to be looked at", address=target.shown))
        answer = self.checks.admit(asked.new(client), caps)
        if isinstance(answer, Check) and not answer.state.over:
            self.wake()
        return answer

    def forget_check(self, id: str) -> bool:
        """With all that was made of it. False where there is none."""
        gone = self.administration.forget_check(id)
        self.reports.forget()
        return gone

    def forget_subject(self, subject: str) -> int:
        """A host or domain, with its history; how many checks there were."""
        gone = self.administration.forget_subject(subject)
        self.reports.forget()
        return gone

    def client(self, address: str) -> str:
        """Who asks, so that they can be told apart and not told: an IPv4 address or the /64 of an
        IPv6 one, hashed with a key that is the database's own."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            prefix = address
        else:
            if ip.version == 6 and ip.ipv4_mapped:
                ip = ip.ipv4_mapped
            length = 64 if ip.version == 6 else 32
            prefix = str(ipaddress.ip_network((ip, length), strict=False))
        return hmac.new(self._client_key, prefix.encode(), hashlib.sha256).hexdigest()[:32]


class Reports:
    """Reports of checks that are done, in each form. They do not change, so that what was rendered
    is kept, as much as there is room for."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._confirmed: dict[str, float] = {}
        self._size = 0
        self._making: dict[tuple[str, str], Lock] = {}
        self._lock = Lock()

    def results(self, id: str) -> tuple[Result, ...]:
        """Raises InputError where there is none, or another letterlock's."""
        document = self._checks.report(id)
        if document is None:
            raise InputError(Wording("it has no report"))
        return read(document)

    def html(self, id: str, language: Language) -> str:
        """A fragment for a page of ours."""
        return self._known(
            (id, f"html {language.tag}"), lambda: html_report.fragment(self.results(id), language)
        )

    def page(self, id: str, kind: str) -> str | None:
        """A whole page about a check that is done and that is still there, as far as was seen in
        the last seconds, where `keep_page` has it. Does not block."""
        with self._lock:
            if monotonic() - self._confirmed.get(id, float("-inf")) > _CONFIRMED:
                return None
            return self._found((id, kind))

    def keep_page(self, id: str, kind: str, text: str) -> None:
        self._keep((id, kind), text)

    def confirm(self, id: str) -> None:
        """The check is there at this moment."""
        with self._lock:
            if len(self._confirmed) >= _MOST_CONFIRMED:
                self._confirmed.clear()
            self._confirmed[id] = monotonic()

    def forget(self) -> None:
        """What was kept; of what is still there it is made again."""
        with self._lock:
            self._kept.clear()
            self._confirmed.clear()
            self._size = 0

    def json(self, id: str) -> str:
        return self._known((id, "json"), lambda: json_report.document(self.results(id)))

    def differences(self, old: str, new: str) -> tuple[Difference, ...]:
        """What changed from one check to another."""
        before, after = (saved(self.json(id).encode(), id) for id in (old, new))
        return compare(before, after)

    def _known(self, key: tuple[str, str], make: Callable[[], str]) -> str:
        """Made once, however many ask for it meanwhile: a hundred who follow a link would each
        hold the others up by making it."""
        with self._lock:
            if (known := self._found(key)) is not None:
                return known
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if (known := self._found(key)) is not None:
                    return known
            try:
                made = make()
                self._keep(key, made)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return made

    def _found(self, key: tuple[str, str]) -> str | None:
        """Under the lock."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: tuple[str, str], made: str) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += len(made)
            while self._size > _KEPT and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)
