"""`letterlock diff`: what changed between two reports of `check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import JsonFile
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError, Location

if TYPE_CHECKING:
    from letterlock.report.saved import Saved

_EPILOG = """Examples:

\b
  letterlock check mail.example.com --json before.json
  letterlock check mail.example.com --json after.json
  letterlock diff before.json after.json

Exit codes: 0 nothing got worse, 1 something got worse, 2 usage or input error.
"""

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The earlier report, as JSON.")],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="The later one; one of both may be - for stdin.")
    ],
    json_file: JsonFile = None,
) -> None:
    """Say what changed between two reports of check.

    Compares endpoints, versions, cipher suites, groups, certificates, known faults, grades and
    findings of two files that `letterlock check --json` wrote. What one of them does not know is
    no change.
    """
    from letterlock.report.comparison import compare, has_worsened

    if old == new == "-":
        raise InputError("OLD and NEW cannot both be stdin")
    differences = compare(_read(old), _read(new))
    if json_file is not None:
        from letterlock.cli.check_output import write_out
        from letterlock.report.comparison_text import document

        write_out(json_file, document(differences))
    if json_file != "-":
        from rich.console import Console

        from letterlock.report.comparison_text import show

        show(Console(highlight=False), differences)
    raise typer.Exit(ExitCode.FINDINGS if has_worsened(differences) else ExitCode.FINE)


def _read(file: str) -> Saved:
    from letterlock.report.saved import saved

    if file == "-":
        return saved(sys.stdin.buffer.read(), "stdin")
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(file)) from None
    return saved(data, file)
