"""The plan of `secure` on the screen. Nothing here needs TLS or a report: a dry run is quick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from letterlock.cli.secure_plan import Prepared, commands
from letterlock.report import plan_text
from letterlock.report.diff import coloured, unified


class PlanScreen:
    """Standard output of one `secure`; quiet where that is for JSON."""

    def __init__(self, prepared: Prepared, host: str, *, quiet: bool) -> None:
        self.console = Console(quiet=quiet)
        self._prepared = prepared
        self.host = host

    def show(self) -> None:
        """The difference per file, the reasons with their sources, the commands, the notices."""
        plan = self._prepared.plan
        if not plan.changes:
            self.console.print(f"{self.host}: nothing to change.")
        else:
            self.console.print(coloured(unified(plan)), end="", soft_wrap=True)
            self._section("Why", plan_text.reasons(plan))
            self._section("What runs then", (f"  {line}" for line in commands(self._prepared)))
        self.notices((*self._prepared.notices, *plan.notices))
        if plan.changes:
            self.console.print(Text(plan_text.summary(plan), style="bold"))

    def _section(self, title: str, lines: Iterable[str]) -> None:
        self.console.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            self.console.print(Text(line), soft_wrap=True)
        self.console.print()

    def notices(self, notices: Sequence[str]) -> None:
        for notice in notices:
            self.console.print(Text(f"note: {notice}", style="yellow"), soft_wrap=True)
