"""`letterlock schema`: the shape of the JSON."""

from __future__ import annotations

import json

import typer

from letterlock.cli.verb import verb

_EPILOG = """Examples:

\b
  letterlock schema > letterlock.schema.json
  letterlock check mail.example.com --json report.json
  check-jsonschema --schemafile letterlock.schema.json report.json

Exit codes: 0 always, 2 usage error.
"""

app = verb()


@app.command(epilog=_EPILOG)
def schema() -> None:
    """Print the JSON Schema of what check writes.

    JSON Schema, draft 2020-12, of the document that `letterlock check --json` writes and
    `letterlock diff` reads.
    """
    from letterlock.report.json_schema import SCHEMA

    typer.echo(json.dumps(SCHEMA, indent=2))
