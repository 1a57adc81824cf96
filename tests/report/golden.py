"""What each format says of the sample, kept in `golden/`. `python -m tests.report.golden` writes
it anew; read the difference before committing it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from rich.console import Console

from letterlock import __version__
from letterlock.model.finding import Severity
from letterlock.report import (
    csv_report,
    html_report,
    json_report,
    junit_report,
    markdown_report,
    nagios_report,
    prometheus_report,
    sarif_report,
)
from letterlock.report.terminal import show
from tests.report.sample import result

FOLDER = Path(__file__).parent / "golden"


def screen(width: int, *, verbose: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, force_terminal=False)
    one = result()
    show(console, one.facts, one.findings, one.verdict, verbose=verbose)
    return file.getvalue()


@cache
def documents() -> dict[str, str]:
    """File name → text, without the program's own version."""
    results = [result()]
    texts = {
        "screen-80.txt": screen(80),
        "screen-120.txt": screen(120),
        "screen-verbose.txt": screen(100, verbose=True),
        "report.json": json_report.document(results),
        "report.html": html_report.document(results),
        "report.md": markdown_report.document(results),
        "report.csv": csv_report.document(results),
        "junit.xml": junit_report.document(results, Severity.MEDIUM),
        "report.sarif": sarif_report.document(results),
        "metrics.prom": prometheus_report.document(results),
        "nagios.txt": nagios_report.line(results, Severity.MEDIUM, determined=True),
    }
    return {name: text.replace(__version__, "VERSION") for name, text in texts.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, "utf-8", newline="")
