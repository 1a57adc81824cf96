"""The screen's table of one address's ports, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.tls_facts import ProtocolFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import EndpointVerdict, Grade, Letter, Verdict
from letterlock.report.served import Served
from letterlock.report.suites import Tone, version_tone
from letterlock.report.text import suite_in_short

#: From this width on suites are written in full, the group and open logins have columns.
WIDE = 120
#: As wide as a suite can be at 80 columns: `ECDHE_AES_256_GCM`.
_SUITE = 17
#: Of the sixteen colours that every terminal has, those legible on light and dark.
TONE_STYLES = {
    Tone.GOOD: "green",
    Tone.PLAIN: "",
    Tone.WEAK: "yellow",
    Tone.BAD: "red",
    Tone.DIM: "dim",
}
_GRADE_STYLES = {Letter.A: "green", Letter.B: "green", Letter.C: "yellow", Letter.D: "yellow"}
UNREACHED = (Cause.CONNECTION_REFUSED, Cause.UNREACHABLE, Cause.NO_ANSWER)
#: The cause of failure in a word, and its colour.
WORDS = {
    Cause.CONNECTION_REFUSED: ("closed", "dim"),
    Cause.UNREACHABLE: ("no route", "dim"),
    Cause.NO_ANSWER: ("no answer", "dim"),
    Cause.STARTTLS_REFUSED: ("refused", "red"),
    Cause.TLS_ALERT: ("fails", "red"),
    Cause.TLS_ERROR: ("fails", "red"),
    Cause.PLAIN_ON_TLS_PORT: ("plain text", "red"),
    Cause.TLS_ON_PLAIN_PORT: ("misplaced", "red"),
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
        table.add_column("versions" if self._deep else "version", no_wrap=not self._deep)
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
        cells = [Text(str(each.endpoint.port)), Text(each.endpoint.service.name), _tls(each)]
        if self._graded:
            cells.append(_grade(self._verdict.at(each.endpoint) if self._verdict else None))
        cells.append(self._versions(each))
        if isinstance(handshake, Handshake):
            cells += [Text(self._suite_words(handshake.cipher_suite))] if self._suite else []
            cells += [Text(_group(handshake))] if self._wide else []
            cells.append(self._certificate(each, handshake))
        else:
            cells += [Text("")] * (1 + self._suite + self._wide)
        return [*cells, *([_logins(each)] if self._logins else [])]

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
        if each.tls is not None:
            return Text(" ").join(
                _version(one) for one in reversed(each.tls.protocols) if one.offered is not False
            )
        return Text(each.handshake.version if isinstance(each.handshake, Handshake) else "")

    def _certificate(self, each: EndpointFacts, handshake: Handshake) -> Text:
        if not handshake.chain:
            return Text("✗ none", style="red")
        left = (handshake.chain[0].not_after - self._at) // timedelta(days=1)
        letters = self._served.letters(each)
        words = (f"{letters} " if letters else "") + (f"{left} d" if left >= 0 else "expired")
        if handshake.verdict.accepted:
            return Text(f"✓ {words}", style="green")
        return Text(f"✗ {words}", style="red")


def _version(protocol: ProtocolFacts) -> Text:
    """`1.2`, with a question mark where it is not known."""
    name = {"TLSv1": "1.0"}.get(protocol.name, protocol.name.removeprefix("TLSv"))
    if isinstance(protocol.offered, Unknown):
        return Text(f"{name}?", style="dim")
    return Text(name, style=TONE_STYLES[version_tone(protocol.name)[0]])


def _grade(verdict: EndpointVerdict | None) -> Text:
    if verdict is None:
        return Text("")
    return grade_text(verdict.grade)


def grade_text(grade: Grade | Unknown) -> Text:
    if isinstance(grade, Unknown):
        return Text("?", style="dim")
    return Text(grade.letter.value, style=f"bold {_GRADE_STYLES.get(grade.letter, 'red')}")


def _group(handshake: Handshake) -> str:
    return handshake.named_group if isinstance(handshake.named_group, str) else "-"


def _tls(each: EndpointFacts) -> Text:
    if isinstance(each.handshake, Handshake):
        if isinstance(each.greeting, Unknown):
            return Text("misplaced", style="red")
        return Text("implicit" if each.greeting is None else "STARTTLS", style="green")
    if each.handshake is None:
        return Text("none", style="red")
    word, style = WORDS.get(each.handshake.cause, ("unknown", "yellow"))
    return Text(word, style=style)


def why_not_connected(each: EndpointFacts) -> str:
    if isinstance(each.handshake, Unknown) and each.handshake.cause in UNREACHED:
        return each.handshake.reason
    return ""


def open_logins(each: EndpointFacts) -> tuple[str, ...]:
    return each.greeting.cleartext_logins if isinstance(each.greeting, Greeting) else ()


def _logins(each: EndpointFacts) -> Text:
    if not isinstance(each.greeting, Greeting):
        return Text("")
    logins = open_logins(each)
    style = "yellow" if each.from_same_address else "red"
    return Text(", ".join(logins), style=style) if logins else Text("no")
