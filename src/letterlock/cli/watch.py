"""`letterlock watch`: installed, removed, run by its timer, asked for its history, tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from letterlock.cli.certificate_options import CaFile
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import DryRun, JsonFile, Root, Wait, Yes, write_json
from letterlock.cli.verb import CONTEXT, verb
from letterlock.model.errors import InputError
from letterlock.model.finding import Severity

_EPILOG = """Examples:

\b
  letterlock watch install --mail postmaster@example.com
  letterlock watch install --webhook https://example.com/hook/SECRET --dry-run
  letterlock watch test
  letterlock watch log
  letterlock watch remove

Exit codes: 0 fine; 1 faults are open (run); 2 usage or input error; 3 something could not be
determined, or somebody could not be told and will be at the next run (run, test); 4 refused.
"""

app = verb(epilog=_EPILOG, no_args_is_help=True)


@app.callback()
def watch() -> None:
    """Look every hour, and tell what changed.

    A timer that takes the status, tries pending deployments again, checks this machine's own
    ports from its outside addresses, and tells by mail, webhook or command: once when something
    is wrong, once when it is over.
    """


_INSTALL = """Examples:

\b
  letterlock watch install --mail postmaster@example.com --dry-run
  letterlock watch install --mail root --command '/usr/local/bin/page --team mail'
"""


@app.command(context_settings=CONTEXT, epilog=_INSTALL)
def install(
    mail: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Mail there, through this machine's Postfix; may be repeated.",
            show_default=False,
        ),
    ] = None,
    smtp: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Mail by the SMTP server there instead of by sendmail."
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="POST a JSON document there; https, unless to loopback."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Run it, without a shell, with that JSON on its stdin."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The default certificates must be for this name."),
    ] = None,
    ca_file: CaFile = None,
    tell_from: Annotated[
        Severity | None,
        typer.Option(
            metavar="SEVERITY",
            help="Findings at or above are faults: info, low, medium, high, critical; else medium.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP",
            help="Check the ports at IP instead of this machine's own addresses; may be repeated.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="SCHEDULER", help="systemd or cron; by default what there is."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    root: Root = Path("/"),
    wait: Wait = 0,
) -> None:
    """Write the settings and the timer: a systemd unit, or a line for cron.

    What is not said stays as /etc/letterlock/watch.toml has it. A second time it changes
    nothing. A file that is not letterlock's is never overwritten.
    """
    from letterlock.cli import watch_install

    given = {
        "mail": tuple(mail) if mail else None,
        "smtp": smtp,
        "webhook": webhook,
        "command": watch_install.words(command),
        "name": name,
        "ca_file": str(Path(ca_file).absolute()) if ca_file else None,
        "tell_from": tell_from,
        "addresses": tuple(address) if address else None,
    }
    watch_install.install(given, by, root, wait, dry_run=dry_run, yes=yes)


_REMOVE = """Examples:

\b
  letterlock watch remove --dry-run
  letterlock watch remove --purge --yes
"""


@app.command(context_settings=CONTEXT, epilog=_REMOVE)
def remove(
    purge: Annotated[
        bool, typer.Option("--purge", help="Take the history away too, and what nobody took yet.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    root: Root = Path("/"),
    wait: Wait = 0,
) -> None:
    """Take the timer and the settings away again; the history stays."""
    from letterlock.cli import watch_install

    watch_install.remove(root, wait, purge=purge, dry_run=dry_run, yes=yes)


_RUN = """Example:  letterlock watch run

Exit codes: 0 nothing is wrong; 1 faults are open; 2 the settings cannot be used; 3 something could
not be determined, or somebody could not be told and will be at the next run; 4 another run is at
work.
"""


@app.command(context_settings=CONTEXT, epilog=_RUN)
def run(
    settle: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, max=600, help="Look at news again after this time; 0: do not."
        ),
    ] = 60,
    root: Root = Path("/"),
) -> None:
    """Look once, and tell what changed; what the timer calls."""
    from letterlock.cli.steps import steps
    from letterlock.cli.watch_install import demand_root
    from letterlock.cli.watch_run import exit_code, retry_pending, show
    from letterlock.watch.run import Surroundings
    from letterlock.watch.run import watch as watch_once
    from letterlock.watch.settings import Settings, read

    demand_root()
    settings = read(root) or Settings()
    with steps(total=7) as tell:
        told = watch_once(
            Surroundings(
                root=root,
                settings=settings,
                pending=lambda: retry_pending(root, tell),
                settle=settle,
                report=tell,
            )
        )
    show(told)
    raise typer.Exit(exit_code(told))


@app.command(context_settings=CONTEXT, epilog="Example:  letterlock watch log --json -")
def log(
    root: Root = Path("/"),
    lines: Annotated[
        int, typer.Option("--lines", "-l", metavar="N", min=1, help="The newest N, on the screen.")
    ] = 40,
    json_file: JsonFile = None,
) -> None:
    """Say what certificate was served when, and what was wrong.

    Oldest first. Times are those of the look that saw it first.
    """
    from letterlock.cli.watch_log import document, show
    from letterlock.install.state import StateFolder, refusing
    from letterlock.watch.record import Record
    from letterlock.watch.run import DATABASE

    with refusing("cannot be read"):
        record = Record.existing(StateFolder(root).path / DATABASE)
    if json_file is not None:
        write_json(json_file, document(record))
    if json_file != "-":
        show(record, lines)


_TEST = """Example:  letterlock watch test

Exit codes: 0 every channel took it; 2 no channel is set; 3 one did not take it.
"""


@app.command(context_settings=CONTEXT, epilog=_TEST)
def test(root: Root = Path("/")) -> None:
    """Send a test message on every channel that is set."""
    from letterlock.cli.watch_install import demand_root
    from letterlock.cli.watch_run import send_test
    from letterlock.watch.settings import FILE, read

    demand_root()
    settings = read(root)
    if settings is None or not settings.channels:
        raise InputError(
            f"{FILE} names nobody to tell", remedy="letterlock watch install --mail ADDRESS"
        )
    if not send_test(settings, root):
        raise typer.Exit(ExitCode.UNDETERMINED)
