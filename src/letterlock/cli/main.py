"""The command line: finds the verb, runs it, turns what it raises into an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from letterlock import __version__
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.verb import CONTEXT
from letterlock.model.errors import LetterlockError

#: Verb → its line in `--help`. Its module, `letterlock.cli.VERB`, is imported only when the verb
#: is used, so that `--help` and shell completion start at once. The types are typer's own copy of
#: click's, which it does not export.
VERBS = {
    "secure": "Put a certificate on this mail server, harden it, prove it works.",
    "check": "Look at any mail server's TLS from outside.",
    "rollback": "Undo what an earlier run changed.",
    "history": "List what was changed, and when.",
    "recover": "Bring a run that was cut short back to the old state.",
    "cert": "Show, bundle, match certificates; make a CSR; print TLSA records.",
    "demo": "Run the main job on a throw-away Postfix and Dovecot.",
}
_EPILOG = """Examples:

\b
  letterlock check mail.example.com
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key --dry-run
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key
  letterlock rollback

Exit codes: 0 fine, 1 findings, 2 usage or input error, 3 could not determine, 4 refused or
rolled back.
"""


class LazyGroup(TyperGroup):
    """A command group that imports a verb's module when the verb is asked for."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, _context: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"letterlock.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, _context: Any, formatter: Any) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    name="letterlock",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings=CONTEXT,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"letterlock {__version__}")
        raise typer.Exit


@app.callback()
def letterlock(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """TLS for Postfix and Dovecot: installed, hardened, proven on the wire."""


def run() -> None:
    """The entry point of the command `letterlock`."""
    try:
        app()
    except LetterlockError as error:
        typer.echo(f"letterlock: {error}", err=True)
        sys.exit(ExitCode.of(error))
    except KeyboardInterrupt:
        typer.echo("letterlock: interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)
