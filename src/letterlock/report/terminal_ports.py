"""The screen's table of one address's ports, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import Grade, Verdict
from letterlock.report.ports import (
    certificate_phrase,
    grade_phrase,
    group_words,
    login_phrase,
    open_logins,
    tls_phrase,
    version_phrases,
)
from letterlock.report.served import Served
from letterlock.report.sheet import Phrase
from letterlock.report.suites import Tone
from letterlock.report.text import suite_in_short

#: From this width on suites are written in full, the group and open logins have columns.
WIDE = 120
#: As wide as a suite can be at 80 columns: `ECDHE_AES_256_GCM`.
_SUITE = 17
#: `1.3 1.2 1.1? 1.0`
_VERSIONS = 16
#: Of the sixteen colours that every terminal has, those legible on light and dark.
TONE_STYLES = {
    Tone.GOOD: "green",
    Tone.PLAIN: "",
    Tone.WEAK: "yellow",
    Tone.BAD: "red",
    Tone.DIM: "dim",
}


class PortTable:
    """Which columns there are, and what stands in them. With the further questions the versions
    take the place of the one negotiated, and the suite its place only where there is room."""

    def __init__(
        self,
        rows: Sequence[EndpointFacts],
        served: Served,
        at: datetime,
        *,
        width: int,
        verdict: Verdict | None,
    ) -> None:
        self._rows = rows
        self._served = served
        self._at = at
        self._verdict = verdict
        self._wide = width >= WIDE
        self._deep = any(each.tls is not None for each in rows)
        self._suite = self._wide or not self._deep
        self._graded = verdict is not None and any(verdict.at(each.endpoint) for each in rows)
        self._logins = self._wide or any(open_logins(each) for each in rows)

    def table(self, title: Text | None) -> Table:
        table = Table(
            title=title,
            title_justify="left",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            header_style="dim",
        )
        self._columns(table)
        for each in self._rows:
            table.add_row(*self._cells(each))
        return table

    def _columns(self, table: Table) -> None:
        table.add_column("port", justify="right", no_wrap=True)
        table.add_column("service", no_wrap=True)
        table.add_column("TLS", no_wrap=True)
        if self._graded:
            table.add_column("grade", no_wrap=True)
        table.add_column("versions" if self._deep else "version", no_wrap=self._versions_are_few())
        if self._suite:
            table.add_column("cipher suite", no_wrap=self._short(), overflow="fold")
        if self._wide:
            table.add_column("group", no_wrap=True)
        table.add_column("certificate", no_wrap=True)
        if self._logins:
            heading = "login before TLS" if self._wide else "open login"
            table.add_column(heading, overflow="fold", min_width=len("open login"))

    def _cells(self, each: EndpointFacts) -> list[Text]:
        handshake = each.handshake
        cells = [
            Text(str(each.endpoint.port)),
            Text(each.endpoint.service.name),
            _text(tls_phrase(each)),
        ]
        if self._graded:
            found = self._verdict.at(each.endpoint) if self._verdict else None
            cells.append(grade_text(found.grade) if found else Text(""))
        cells.append(self._versions(each))
        if isinstance(handshake, Handshake):
            cells += [Text(self._suite_words(handshake.cipher_suite))] if self._suite else []
            cells += [Text(group_words(handshake))] if self._wide else []
            cells.append(_text(certificate_phrase(each, self._served, self._at)))
        else:
            cells += [Text("")] * (1 + self._suite + self._wide)
        return [*cells, *([_text(login_phrase(each))] if self._logins else [])]

    def _versions_are_few(self) -> bool:
        """Four fit beside the rest at 80 columns."""
        return all(self._versions(each).cell_len <= _VERSIONS for each in self._rows)

    def _short(self) -> bool:
        """Whether every suite fits its column at 80 columns."""
        suites = (
            each.handshake.cipher_suite
            for each in self._rows
            if isinstance(each.handshake, Handshake)
        )
        return self._wide or all(len(suite_in_short(suite)) <= _SUITE for suite in suites)

    def _suite_words(self, iana: str) -> str:
        return iana if self._wide and not self._deep else suite_in_short(iana)

    def _versions(self, each: EndpointFacts) -> Text:
        return Text(" ").join(map(_text, version_phrases(each)))


def _text(phrase: Phrase) -> Text:
    return Text(phrase.text, style=TONE_STYLES[phrase.tone])


def grade_text(grade: Grade | Unknown) -> Text:
    phrase = grade_phrase(grade)
    return Text(phrase.text, style=f"bold {TONE_STYLES[phrase.tone]}".rstrip())
