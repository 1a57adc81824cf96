"""`letterlock recover`: bring a run that was cut short back to the old state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from letterlock.cli.live_system import JsonFile, Root, Wait, servers_below, write_json
from letterlock.cli.verb import verb

if TYPE_CHECKING:
    from letterlock.install.recover import Recovery

_EPILOG = """Examples:

\b
  letterlock recover

Every verb that changes something does this first by itself. It can be cut short and run again.

Exit codes: 0 fine, also where nothing is to be recovered; 2 usage or input error; 4 refused
(another run is at work, or something cannot be brought back; the message says what).
"""

app = verb()


@app.command(epilog=_EPILOG)
def recover(root: Root = Path("/"), wait: Wait = 0, json_file: JsonFile = None) -> None:
    """Bring a run that was cut short back to the old state.

    After a crash or a power failure: the old files come back, unless the run had already been
    verified, in which case the new ones stay and its leftovers go. Says which.
    """
    from letterlock.install.recover import recover as recover_runs
    from letterlock.install.recover import unfinished
    from letterlock.install.state import StateFolder

    state = StateFolder(root)
    servers = servers_below(root) if unfinished(state) else ()
    recoveries = recover_runs(state, servers, wait=wait)
    if json_file is not None:
        write_json(json_file, [_document(recovery) for recovery in recoveries])
    if json_file == "-":
        return
    for recovery in recoveries:
        typer.echo(recovery)
        for note in recovery.notes:
            typer.echo(f"  {note}")
    if not recoveries:
        typer.echo("Nothing was cut short.")


def _document(recovery: Recovery) -> dict[str, object]:
    return {
        "run": recovery.run,
        "verb": recovery.verb or None,
        "subject": recovery.subject or None,
        "result": recovery.result.name.lower().replace("_", "-"),
        "notes": list(recovery.notes),
    }
