"""`letterlock rollback`: undo what an earlier run changed, and only that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.live_system import (
    DryRun,
    JsonFile,
    Root,
    Wait,
    Yes,
    observer,
    recover_first,
    servers_below,
    write_json,
)
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError

if TYPE_CHECKING:
    from letterlock.install.rollback import FileConflict
    from letterlock.model.plan import Plan

_EPILOG = """Examples:

\b
  letterlock rollback --dry-run
  letterlock rollback
  letterlock rollback 20261103-141502.123-a7f2

A rollback is a run like any other: validated, reloaded, verified, in the history, and can itself
be undone by its id.

Exit codes: 0 fine, 2 usage or input error, 3 could not determine, 4 refused or rolled back.
"""

app = verb()

#: Where the watch's timer is, which systemd goes on running when its files are gone.
_UNITS = "/etc/systemd/system/"


@app.command(epilog=_EPILOG)
def rollback(
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="The run to undo, or the beginning of its id; by default the last one done.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    root: Root = Path("/"),
    wait: Wait = 0,
    json_file: JsonFile = None,
) -> None:
    """Undo what an earlier run changed.

    Only the lines that the run wrote go back; what somebody edited elsewhere since stays. Where
    somebody changed the same lines, both sides are shown and nothing is changed.
    """
    from letterlock.install.rollback import ConflictError, last_done, plan_rollback
    from letterlock.install.state import StateFolder

    recover_first(root, wait, dry_run=dry_run)
    state = StateFolder(root)
    try:
        plan = plan_rollback(state, run_id or last_done(state))
    except ConflictError as conflict:
        for each in conflict.conflicts:
            typer.echo(_shown(each), err=True)
        raise
    if json_file != "-":
        _show(plan)
    if dry_run:
        _write(json_file, plan, None)
        return
    _agree(yes)
    _write(json_file, plan, _apply(plan, root, wait, quiet=json_file == "-"))


def _show(plan: Plan) -> None:
    from rich.console import Console

    from letterlock.report.diff import coloured, unified

    Console(soft_wrap=True).print(coloured(unified(plan)), end="")
    for notice in plan.notices:
        typer.echo(notice)


def _agree(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody is there to ask", remedy="say --yes to go on without asking")
    typer.confirm("Undo this?", abort=True)


def _apply(plan: Plan, root: Path, wait: float, *, quiet: bool) -> str | None:
    from letterlock.cli.steps import steps
    from letterlock.install.state import StateFolder
    from letterlock.install.transaction import apply

    with steps(total=8) as tell:
        outcome = apply(
            plan, servers_below(root), observer(root), StateFolder(root), wait=wait, report=tell
        )
    if any(str(change.path).startswith(_UNITS) for change in plan.changes):
        from letterlock.cli.watch_install import follow_files

        follow_files(root)
    if not quiet:
        for note in outcome.notes:
            typer.echo(note)
        done = f"Run {plan.undoes} is undone by run {outcome.run}."
        typer.echo(done if outcome.run else f"Nothing is left to undo of run {plan.undoes}.")
    return outcome.run


def _write(json_file: str | None, plan: Plan, run: str | None) -> None:
    from letterlock.report.plan_json import plan_document

    if json_file is not None:
        write_json(json_file, {"undoes": plan.undoes, "run": run, "plan": plan_document(plan)})


def _shown(conflict: FileConflict) -> str:
    lines = [f"{conflict.where}: {conflict.what}"]
    if conflict.sides:
        sides = (
            ("now", conflict.sides.now),
            ("the run wrote", conflict.sides.written),
            ("before the run", conflict.sides.before),
        )
        for heading, side in sides:
            lines.append(f"  {heading}:")
            lines += [f"    {_text(line)}" for line in side] or ["    (nothing)"]
    return "\n".join(lines)


def _text(line: bytes) -> str:
    text = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)
