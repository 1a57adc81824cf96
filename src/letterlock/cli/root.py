"""The command line in typer's hands: finds the verb, runs it, turns what it raises into an exit
code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from letterlock import __version__
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.verb import CONTEXT
from letterlock.cli.verbs import EPILOG, SUMMARY, VERBS
from letterlock.model.errors import LetterlockError


class LazyGroup(TyperGroup):
    """A command group that imports a verb's module when the verb is asked for, so that shell
    completion is quick. The types are typer's own copy of click's, which it does not export."""

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
    epilog=EPILOG,
    context_settings=CONTEXT,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"letterlock {__version__}")
        raise typer.Exit


@app.callback(help=SUMMARY)
def letterlock(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """What stands before the verb."""


def run_app() -> None:
    """Carry out the command line, and exit."""
    try:
        sys.exit(app(prog_name="letterlock", standalone_mode=False) or ExitCode.FINE)
    except LetterlockError as error:
        _end(str(error), ExitCode.of(error))
    except typer.Abort:
        _end("nothing was changed: no answer came", ExitCode.REFUSED)
    except TyperException as error:
        _end_usage(error)
    except KeyboardInterrupt:
        _end("interrupted", ExitCode.INTERRUPTED)


def _end(text: str, code: ExitCode) -> NoReturn:
    """One line, whatever a file's name or a certificate's subject put into it."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    typer.echo(f"letterlock: {shown}", err=True)
    sys.exit(code)


def _end_usage(error: TyperException) -> NoReturn:
    """What typer found wrong with the command line; without any arguments that is the help."""
    context = getattr(error, "ctx", None)
    if context is not None and error.message == context.get_help():
        typer.echo(error.message, err=True)
        sys.exit(ExitCode.USAGE)
    what = error.format_message().removesuffix(".").replace("Value error, ", "")
    command = context.command_path if context is not None else "letterlock"
    _end(f"{what}; {command} --help lists what there is", ExitCode.USAGE)
