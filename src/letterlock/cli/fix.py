"""`letterlock fix`: reload what serves stale certificates, rebuild stale SNI maps, look again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import CaFile
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import JsonFile, Root, Wait, Yes, recover_first, write_json
from letterlock.cli.status import Name, demand_root, take
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError, LetterlockError, RefusedError
from letterlock.report.escape import printable

if TYPE_CHECKING:
    from letterlock.cli.fix_run import Fixed
    from letterlock.report.status_words import StatusResult
    from letterlock.status.repairs import Repairs

_EPILOG = """Examples:

\b
  letterlock fix --dry-run
  letterlock fix
  letterlock fix --yes --json -

Exit codes: 0 done and seen on every port, or nothing was stale; 1 something stale is left that
fix does not mend (it says why); 2 usage or input error; 3 could not determine; 4 refused or
rolled back.
"""

app = verb()


@app.command(epilog=_EPILOG)
def fix(
    name: Name = None,
    ca_file: CaFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be done; do nothing.")
    ] = False,
    yes: Yes = False,
    root: Root = Path("/"),
    wait: Wait = 0,
    json_file: JsonFile = None,
) -> None:
    """Make the mail servers serve the certificates on their disk.

    Tries again what could not be deployed (letterlock deploy --pending). Reloads the servers that
    status finds to serve stale certificates, and only those; makes stale SNI maps again; takes
    private keys away from users who should not read them; and looks at every port again. No
    configuration changes. Nothing stale or pending: nothing is done, not even a reload.
    """
    demand_root()
    recover_first(root, wait, dry_run=dry_run)
    from letterlock.status.repairs import repairs

    before = take(root, ca_file, name)
    planned = repairs(before.facts)
    quiet = json_file == "-"
    if not quiet:
        _show(planned, before)
    if dry_run or not planned:
        _write(json_file, before, planned, None)
        raise typer.Exit(_code_without(planned, before))
    _ask(yes)
    try:
        fixed = _carry_out(planned, before, root, wait, ca_file)
    except LetterlockError as error:
        _write(json_file, before, planned, None, error)
        raise
    _write(json_file, before, planned, fixed)
    if not quiet:
        _tell(fixed)
    raise typer.Exit(_code(fixed))


def _show(planned: Repairs, before: StatusResult) -> None:
    for pending in planned.deploy:
        names = ", ".join(pending.names) or pending.subject
        typer.echo(f"deploy again  {printable(names)}  (from {printable(pending.client)})")
        typer.echo(f"              {printable(pending.reason)}")
    for each in planned.maps:
        typer.echo(f"build again   {each.file}  (postmap -F {each.table})")
        for text in each.stale if isinstance(each.stale, tuple) else ():
            typer.echo(f"              {text}")
    for one in planned.close:
        typer.echo(f"chmod o=      {one.file}  (has mode {one.mode:04o})")
    for server in planned.reload:
        stale = [each for each in before.facts.served if each.server == server and each.stale]
        ports = ", ".join(map(str, sorted({each.endpoint.port for each in stale})))
        typer.echo(f"reload        {server}" + (f"  (stale on {ports})" if ports else ""))
    for text in planned.left:
        typer.echo(f"left alone    {text}")
    for text in before.facts.unknown:
        typer.echo(f"unknown       {text}")
    if not planned and not planned.left:
        typer.echo("Nothing is stale or pending: nothing to do.")


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("this reloads servers and there is nobody to ask", remedy="add --yes")
    if not typer.confirm("Do this?", err=True):
        raise RefusedError("nothing was done, as you said")


def _carry_out(
    planned: Repairs, before: StatusResult, root: Path, wait: float, ca_file: str | None
) -> Fixed:
    from letterlock.cli.fix_run import carry_out

    return carry_out(planned, before, root, wait, lambda: take(root, ca_file, before.facts.name))


def _tell(fixed: Fixed) -> None:
    for note in fixed.notes:
        typer.echo(f"note: {note}")
    for attempt in fixed.deployed:
        typer.echo(f"✓ {printable(', '.join(attempt.names) or attempt.subject)}: deployed")
    if fixed.left:
        for text in fixed.left:
            typer.echo(f"✗ {text}")
    else:
        seen = len({each.endpoint for each in fixed.after.facts.served})
        typer.echo(f"✓ what is served is what is on disk, seen at {seen} addresses and ports")
    if fixed.run:
        typer.echo(f"Undo the maps with: letterlock rollback {fixed.run}")


def _code_without(planned: Repairs, before: StatusResult) -> ExitCode:
    if planned.left:
        return ExitCode.FINDINGS
    return ExitCode.FINE if planned or before.determined else ExitCode.UNDETERMINED


def _code(fixed: Fixed) -> ExitCode:
    if fixed.left:
        return ExitCode.FINDINGS
    return ExitCode.FINE if fixed.after.determined else ExitCode.UNDETERMINED


def _write(
    json_file: str | None,
    before: StatusResult,
    planned: Repairs,
    fixed: Fixed | None,
    error: LetterlockError | None = None,
) -> None:
    if json_file is None:
        return
    from letterlock.report.status_json import members

    write_json(
        json_file,
        {
            "format_version": 1,
            "deploy": [each.id for each in planned.deploy],
            "reload": list(planned.reload),
            "sni_maps": [each.table for each in planned.maps],
            "close": [each.file for each in planned.close],
            "left": list(planned.left),
            "run": fixed.run if fixed else None,
            "error": str(error) if error else None,
            "before": members(before),
            "after": members(fixed.after) if fixed else None,
        },
    )
