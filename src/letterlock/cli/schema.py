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
  letterlock check mail.example.com --json report.json
  check-jsonschema --schemafile letterlock.schema.json report.json

Exit codes: 0 always, 2 usage error.
"""

app = verb()


class Document(StrEnum):
    """The verbs whose `--json` has a schema."""

    CHECK = "check"
    STATUS = "status"
    SECURE = "secure"
    LISTEN = "listen"


@app.command(epilog=_EPILOG)
def schema(
    document: Annotated[
        Document, typer.Argument(help="Whose JSON.", metavar="[check|status|secure|listen]")
    ] = Document.CHECK,
) -> None:
    """Print the JSON Schema of what check, status, secure or listen writes.

    JSON Schema, draft 2020-12, of the document that `letterlock check --json` writes and
    `letterlock diff` reads, of what `letterlock status --json` or `letterlock secure --json`
    writes, or of each line of `letterlock listen --json`.
    """
    match document:
        case Document.STATUS:
            from letterlock.report.status_schema import SCHEMA
        case Document.SECURE:
            from letterlock.report.secure_schema import SCHEMA
        case Document.LISTEN:
            from letterlock.report.listening_schema import SCHEMA
        case Document.CHECK:
            from letterlock.report.json_schema import SCHEMA

    typer.echo(json.dumps(SCHEMA, indent=2))
