"""`letterlock schema`: the shape of the JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from letterlock.cli.verb import verb

_EPILOG = """Examples:

\b
  letterlock schema > letterlock.schema.json
  letterlock schema status
  letterlock schema secure
  letterlock schema listen
  letterlock schema watch-message
  letterlock check mail.example.com --json report.json
  check-jsonschema --schemafile letterlock.schema.json report.json

Exit codes: 0 always, 2 usage error.
"""

app = verb()


class Document(StrEnum):
    """The documents that have a schema: of a verb's `--json`, or what the watch hands over."""

    CHECK = "check"
    STATUS = "status"
    SECURE = "secure"
    LISTEN = "listen"
    WATCH_LOG = "watch-log"
    WATCH_MESSAGE = "watch-message"


@app.command(epilog=_EPILOG)
def schema(
    document: Annotated[
        Document, typer.Argument(help="Whose JSON.", metavar=f"[{'|'.join(Document)}]")
    ] = Document.CHECK,
) -> None:
    """Print the JSON Schema of a document that scripts may rely on.

    JSON Schema, draft 2020-12, of the document that `letterlock check --json` writes and
    `letterlock diff` reads, of what `letterlock status --json`, `letterlock secure --json` or
    `letterlock watch log --json` writes, of each line of `letterlock listen --json`, or of the
    messages that the watch hands to a webhook or a command.
    """
    match document:
        case Document.STATUS:
            from letterlock.report.status_schema import SCHEMA
        case Document.SECURE:
            from letterlock.report.secure_schema import SCHEMA
        case Document.LISTEN:
            from letterlock.report.listening_schema import SCHEMA
        case Document.WATCH_LOG:
            from letterlock.report.watch_schema import LOG as SCHEMA
        case Document.WATCH_MESSAGE:
            from letterlock.report.watch_schema import MESSAGE as SCHEMA
        case Document.CHECK:
            from letterlock.report.json_schema import SCHEMA

    typer.echo(json.dumps(SCHEMA, indent=2))
