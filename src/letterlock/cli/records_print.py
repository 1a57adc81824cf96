"""How `records` tells what it found: the comparison on the screen, all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from letterlock.cli.records_run import Gathered
from letterlock.records.compare import Standing, State
from letterlock.report.escape import json_text, printable

_MARKS = {
    State.PUBLISHED: ("✓", "green"),
    State.MISSING: ("+", "yellow"),
    State.STALE: ("-", "red"),
    State.PASSING: ("·", "cyan"),
    State.UNKNOWN: ("?", "dim"),
}


def show(standings: Sequence[Standing]) -> None:
    """One block for each record, in the order of the zone snippet; what there is to do last."""
    console = Console(highlight=False)
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for each in standings:
        mark, style = _MARKS[each.state]
        line = Text(f"{each.name} {each.type} ", style="bold").append(
            printable(each.data), style="not bold"
        )
        grid.add_row(Text(mark, style=style), line)
        words = each.state.value + (f": {each.what}" if each.what else "")
        grid.add_row("", Text(printable(words), style=style))
    with console.capture() as captured:
        console.print(grid)
        console.print()
        console.print(_summary(standings))
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _summary(standings: Sequence[Standing]) -> Text:
    states = [each.state for each in standings]
    counted = [
        f"{states.count(state)} {words}"
        for state, words in (
            (State.MISSING, "to publish"),
            (State.STALE, "to remove or replace"),
            (State.PASSING, "to remove after the rollover"),
            (State.UNKNOWN, "not determined"),
        )
        if state in states
    ]
    good = f"{states.count(State.PUBLISHED)} of {len(states)} published"
    if not counted:
        return Text(f"All {len(states)} records are published.", style="green")
    return Text(f"{good}; {', '.join(counted)}.", style="bold")


def document(found: Gathered, ttl: int, standings: Sequence[Standing] | None) -> str:
    """The JSON of docs/reference/records.md."""
    whole = {
        "format_version": 1,
        "host": found.wanted.host,
        "ttl": ttl,
        "records": [asdict(each) for each in found.wanted.records],
        "policies": [asdict(each) for each in found.wanted.policies],
        "remarks": [remark for each in found.wanted.sections for remark in each.remarks],
        "comparison": None if standings is None else [_member(each) for each in standings],
    }
    return json_text(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _member(each: Standing) -> dict[str, str]:
    return {**asdict(each), "state": each.state.value}
