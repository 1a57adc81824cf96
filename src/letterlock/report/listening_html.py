"""A sending test's sheets as a part of a page: tables and text, no styles or scripts of its own.
Classes are those of the report (`good`, `bad`, `weak`, `dim`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from letterlock.model.language import ENGLISH, Language
from letterlock.model.listening import Sheet
from letterlock.model.wording import Wording
from letterlock.report.escape import cleaned
from letterlock.report.html_report import environment
from letterlock.report.listening_words import offer_rows, summary, tls_words, verdict_words
from letterlock.report.sheet import Phrase


@dataclass(frozen=True, slots=True)
class _Row:
    trap: str
    phrase: Phrase
    how: str


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    senders: tuple[str, ...]
    rows: tuple[_Row, ...]
    offers: tuple[tuple[str, str], ...]
    summary: str


def fragment(
    sheets: Sequence[Sheet], language: Language = ENGLISH, *, with_names: bool = True
) -> str:
    """HTML in a language, every text in it escaped, control characters before that; `with_names`:
    whose sheet it is stands above each."""
    shown = [_shown(cleaned(each)) for each in sheets]
    template = environment().get_template("listening.html.j2")
    return template.render(sheets=shown, with_names=with_names, **language.in_templates())


def _shown(sheet: Sheet) -> _Sheet:
    rows = (
        _Row(row.trap.value, verdict_words(row), tls_words(row.tls) if row.visits else "")
        for row in sheet.rows
    )
    return _Sheet(
        name=sheet.label or sheet.token or Wording("no recipient known"),
        senders=(*sheet.addresses, *sheet.helo),
        rows=tuple(rows),
        offers=offer_rows(sheet),
        summary=summary(sheet),
    )
