"""Differences for the terminal and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from letterlock.report.comparison import Difference, Direction, has_worsened
from letterlock.report.escape import json_text, printable

_STYLES = {Direction.WORSE: "red", Direction.BETTER: "green", Direction.OTHER: ""}
_MARKS = {Direction.WORSE: "✗", Direction.BETTER: "✓", Direction.OTHER: "·"}


def show(console: Console, differences: Sequence[Difference]) -> None:
    """A paragraph for each place, the worst line first in each, then a count."""
    for place in dict.fromkeys(each.place for each in differences):
        console.print(Text(printable(place), style="bold"))
        for each in differences:
            if each.place == place:
                console.print(_line(each), soft_wrap=True)
        console.print()
    counts = Counter(each.direction for each in differences)
    told = [f"{counts[each]} {_WORDS[each]}" for each in Direction if counts[each]]
    console.print(Text(", ".join(told) + "." if told else "Nothing changed."))


_WORDS = {Direction.WORSE: "worse", Direction.BETTER: "better", Direction.OTHER: "other"}


def _line(each: Difference) -> Text:
    style = _STYLES[each.direction]
    text = Text(f"  {_MARKS[each.direction]} {each.kind:<12}", style=style)
    return text.append(f"{printable(each.what)}: ", style="").append(_change(each), style=style)


def _change(each: Difference) -> str:
    """`high (new)`, `gone (was high)`, `medium → high`."""
    if each.before is None:
        return f"{printable(each.after or '')} (new)"
    if each.after is None:
        return f"gone (was {printable(each.before)})"
    return f"{printable(each.before)} → {printable(each.after)}"


def document(differences: Sequence[Difference]) -> str:
    """JSON: `{"format_version": 1, "worse": bool, "differences": [{kind, place, what, before,
    after, direction}]}`."""
    whole = {
        "format_version": 1,
        "worse": has_worsened(differences),
        "differences": [asdict(each) for each in differences],
    }
    return json_text(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"
