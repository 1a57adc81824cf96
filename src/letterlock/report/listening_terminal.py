"""A sending test on the screen: where to write to, a line as each visit ends, the sheets."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from letterlock.model.listening import PolicyFetch, Sheet, Trap, Verdict, Visit
from letterlock.report.escape import cleaned, printable
from letterlock.report.listening_words import (
    offer_rows,
    summary,
    tls_words,
    verdict_words,
    visit_words,
    where,
)
from letterlock.report.suites import Tone
from letterlock.report.terminal_ports import TONE_STYLES

_MARKS = {Tone.GOOD: "✓ ", Tone.BAD: "✗ ", Tone.WEAK: "? ", Tone.DIM: "– ", Tone.PLAIN: ""}
#: Port 25 is met by scanners of all kinds.
_MOST_STRANGERS = 3
_WIDEST_TRAP = max(map(len, Trap))


def show_beginning(
    console: Console, places: Sequence[tuple[str, str]], addresses: Sequence[str], drawn: bool
) -> None:
    """`places` are (trap, address) each; `addresses` those to write to, `drawn` says that their
    token is new."""
    _show_places(console, places)
    console.print(Text("\nLet the mail server that is tested send one mail to each of:"))
    for address in addresses:
        console.print(Text(f"  {address}"), soft_wrap=True)
    if drawn:
        console.print(Text("The token is new; --token keeps one.", style="dim"))
    console.print(Text("\nCtrl-C ends the test and shows the sheets.", style="dim"))


def show_service(
    console: Console, places: Sequence[tuple[str, str]], addresses: Sequence[str]
) -> None:
    """The same for a listener of a page's tests, which are told there."""
    _show_places(console, places)
    console.print(Text("\nTakes the tests that the page begins, which shows what came."))
    for address in addresses:
        console.print(Text(f"  and {address}"), soft_wrap=True)
    console.print(Text("\nCtrl-C ends it.", style="dim"))


def _show_places(console: Console, places: Sequence[tuple[str, str]]) -> None:
    table = _grid()
    for trap, address in places:
        table.add_row(Text(trap), Text(address))
    console.print(Text("Listening. Mail is counted, not kept.", style="bold"))
    console.print(table)


def show_visit(console: Console, visit: Visit) -> None:
    """One line; longer than the screen where a sender's name is."""
    visit = cleaned(visit)
    phrase, how = visit_words(visit)
    line = Text(f"{visit.at.astimezone():%H:%M:%S}  {where(visit):{_WIDEST_TRAP}}  ")
    line.append(f"{_MARKS[phrase.tone]}{phrase.text}", style=TONE_STYLES[phrase.tone])
    line.append(f"  {how}")
    line.append(f"  from {visit.address}", style="dim")
    if visit.helo:
        line.append(f" ({visit.helo})", style="dim")
    console.print(line, soft_wrap=True)


def show_fetch(console: Console, fetch: PolicyFetch) -> None:
    line = Text(f"{fetch.at.astimezone():%H:%M:%S}  {Trap.MTA_STS:{_WIDEST_TRAP}}  ")
    line.append(f"policy fetched  from {fetch.address}", style="dim")
    console.print(line, soft_wrap=True)


def show_sheets(console: Console, sheets: Sequence[Sheet]) -> None:
    if console.is_terminal:
        _show_all(console, sheets)
        return
    with console.capture() as captured:
        _show_all(console, sheets)
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _show_all(console: Console, sheets: Sequence[Sheet]) -> None:
    if not sheets:
        console.print("Nobody came.")
    named = [sheet for sheet in sheets if sheet.token]
    strangers = [sheet for sheet in sheets if not sheet.token]
    for sheet in (*named, *strangers[:_MOST_STRANGERS]):
        console.print()
        _show(console, cleaned(sheet))
    left = len(strangers) - _MOST_STRANGERS
    if left > 0:
        console.print(Text(f"\nand {left} more who named no recipient of the test", style="dim"))


def _show(console: Console, sheet: Sheet) -> None:
    console.print(Text(headline(sheet), style="bold"))
    table = _grid()
    for column in ("trap", "result", "how"):
        table.add_column(column, no_wrap=column == "trap", overflow="fold")
    table.show_header = True
    for row in sheet.rows:
        phrase = verdict_words(row)
        words = Text(f"{_MARKS[phrase.tone]}{phrase.text}", style=TONE_STYLES[phrase.tone])
        came = row.verdict is not Verdict.NEVER_CAME
        table.add_row(Text(row.trap.value), words, Text(tls_words(row.tls) if came else ""))
    console.print(table)
    offers = _grid()
    for what, offered in offer_rows(sheet):
        offers.add_row(Text(what), Text(offered))
    if offers.row_count:
        console.print(Text("it offers", style="dim"))
        console.print(offers)
    console.print(Text(summary(sheet)))


def headline(sheet: Sheet) -> str:
    """Whose sheet it is."""
    name = printable(sheet.label) or (sheet.token or "no recipient known")
    return f"{name}: {', '.join((*sheet.addresses[:3], *sheet.helo[:2]))}"


def _grid() -> Table:
    return Table(
        box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_header=False
    )
