"""`letterlock history`: what was changed, and when, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from letterlock.cli.live_system import JsonFile, Root, write_json
from letterlock.cli.verb import verb

if TYPE_CHECKING:
    from letterlock.install.history import Entry

_EPILOG = """Examples:

\b
  letterlock history
  letterlock history --json -

Exit codes: 0 fine, 2 usage or input error, 4 refused (another user's folder, a damaged journal).
"""

app = verb()


@app.command(epilog=_EPILOG)
def history(root: Root = Path("/"), json_file: JsonFile = None) -> None:
    """List what was changed, and when.

    One line a run, oldest first: its id, when, what, and whether it is done, was rolled back (and
    why), was undone by a later run, or was cut short.
    """
    from letterlock.install.history import history as entries
    from letterlock.install.state import StateFolder

    found = entries(StateFolder(root))
    if json_file is not None:
        write_json(json_file, [_document(entry) for entry in found])
    if json_file == "-":
        return
    if not found:
        typer.echo("No run yet.")
        return
    _show(found)


def _document(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "time": entry.time,
        "verb": entry.verb,
        "subject": entry.subject,
        "result": entry.result.value,
        "reason": entry.reason or None,
        "undone_by": entry.undone_by or None,
        "undoes": entry.undoes or None,
        "files": list(entry.files),
    }


def _show(entries: tuple[Entry, ...]) -> None:
    rows = [("id", "when (UTC)", "what", "became")]
    for entry in entries:
        when = entry.time[:16].replace("T", " ")
        what = f"{entry.verb} {entry.subject}".strip()
        rows.append((entry.id, when, _printable(what), _printable(_became(entry))))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        typer.echo("  ".join((*cells, row[3])))


def _became(entry: Entry) -> str:
    text = entry.result.value
    if entry.undone_by:
        text += f" by {entry.undone_by}"
    elif entry.reason:
        text += f": {entry.reason}"
    return f"{text} (undoes {entry.undoes})" if entry.undoes else text


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
