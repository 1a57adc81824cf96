"""`letterlock watch`: installed, removed, run by its timer, asked for its history, tried."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import CaFile
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import JsonFile, Root, Wait, write_json
from letterlock.cli.verb import CONTEXT, verb
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.finding import Severity

if TYPE_CHECKING:
    from letterlock.model.plan import Plan
    from letterlock.watch.settings import Settings
    from letterlock.watch.timetable import Scheduler

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

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would change; change nothing.")
]


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
    from letterlock.watch.settings import FILE, Settings, check, read
    from letterlock.watch.timetable import plan_installation

    given = {
        "mail": tuple(mail) if mail else None,
        "webhook": webhook,
        "command": _words(command),
        "name": name,
        "ca_file": str(Path(ca_file).absolute()) if ca_file else None,
        "tell_from": tell_from,
        "addresses": tuple(address) if address else None,
    }
    settings = _changed(read(root) or Settings(), given)
    check(settings)
    _demand_trust(settings, root)
    chosen = _scheduler(by, root)
    host = os.uname().nodename
    plan = plan_installation(root, settings, chosen, _program(), host)
    if not settings.channels:
        typer.echo("note: nobody is told: add --mail, --webhook or --command", err=True)
    _carry_out(plan, root, wait, dry_run=dry_run, yes=yes)
    if plan.changes and not dry_run:
        _start(chosen, root)
        typer.echo(f"Watching every hour, by {chosen}; the settings are in {FILE}.")
        if settings.channels:
            typer.echo("See that a message arrives: letterlock watch test")


@app.command(context_settings=CONTEXT, epilog="Example:  letterlock watch remove")
def remove(
    dry_run: DryRun = False, yes: Yes = False, root: Root = Path("/"), wait: Wait = 0
) -> None:
    """Take the timer and the settings away again; the history stays."""
    from letterlock.watch.timetable import LINK, plan_removal

    plan = plan_removal(root)
    timer = any(str(change.path) == LINK for change in plan.changes)
    if timer and not dry_run and root == Path("/"):
        _ask(yes)
        yes = True
        _systemctl("stop", "letterlock-watch.timer")
    _carry_out(plan, root, wait, dry_run=dry_run, yes=yes)
    if timer and not dry_run and root == Path("/"):
        _systemctl("daemon-reload")


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
    from letterlock.cli.watch_run import exit_code, retry_pending, show
    from letterlock.watch.run import Surroundings
    from letterlock.watch.run import watch as watch_once
    from letterlock.watch.settings import Settings, read

    _demand_root()
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
    from letterlock.cli.watch_run import send_test
    from letterlock.watch.settings import FILE, read

    _demand_root()
    settings = read(root)
    if settings is None or not settings.channels:
        raise InputError(
            f"{FILE} names nobody to tell", remedy="letterlock watch install --mail ADDRESS"
        )
    if not send_test(settings, root):
        raise typer.Exit(ExitCode.UNDETERMINED)


def _demand_root() -> None:
    if os.geteuid() != 0:
        raise InputError("the servers' keys and the history are root's", remedy="run as root")


def _words(command: str | None) -> tuple[str, ...] | None:
    if command is None:
        return None
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"--command {command!r}: {str(error).lower()}") from None


def _changed(settings: Settings, given: Mapping[str, object]) -> Settings:
    import msgspec

    said = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(settings, **said)


def _demand_trust(settings: Settings, root: Path) -> None:
    """Raises InputError for a CA file without a root: every run would fail."""
    from letterlock.certs.trust import TrustStore

    if settings.ca_file and root == Path("/"):
        TrustStore.from_file(settings.ca_file)


def _scheduler(by: str | None, root: Path) -> Scheduler:
    from letterlock.watch.timetable import Scheduler, scheduler

    if by is None:
        return scheduler(root)
    try:
        return Scheduler(by)
    except ValueError:
        known = " or ".join(Scheduler)
        raise InputError(f"--by {by} is no scheduler here", remedy=f"say {known}") from None


def _program() -> Path:
    """This program as a timer can call it."""
    beside = Path(sys.executable).with_name("letterlock")
    found = str(beside) if beside.exists() else shutil.which("letterlock")
    return Path(found or sys.argv[0]).absolute()


def _carry_out(plan: Plan, root: Path, wait: float, *, dry_run: bool, yes: bool) -> None:
    from rich.console import Console

    from letterlock.cli.live_system import observer
    from letterlock.install.state import StateFolder
    from letterlock.install.transaction import apply
    from letterlock.report.diff import coloured, unified

    if not plan.changes:
        typer.echo("Nothing to change.")
        return
    Console(soft_wrap=True, highlight=False).print(coloured(unified(plan)), end="")
    if dry_run:
        return
    _ask(yes)
    _demand_root()
    outcome = apply(plan, (), observer(root), StateFolder(root), wait=wait)
    for note in outcome.notes:
        typer.echo(f"note: {note}")


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("there is nobody to ask", remedy="add --yes")
    if not typer.confirm("Do this?", err=True):
        raise RefusedError("nothing was done, as you said")


def _start(by: Scheduler, root: Path) -> None:
    from letterlock.watch.timetable import Scheduler

    if by is Scheduler.SYSTEMD and root == Path("/"):
        _systemctl("daemon-reload")
        _systemctl("start", "letterlock-watch.timer")


def _systemctl(*words: str) -> None:
    """Raises RefusedError with systemd's own words."""
    from letterlock.servers.tools import Tools

    done = Tools().run("systemctl", *words)
    if not done.ok:
        said = done.complaints[0] if done.complaints else f"exit code {done.status}"
        raise RefusedError(
            f"the files are in place, but systemctl {' '.join(words)} says: {said}",
            remedy=f"systemctl {' '.join(words)}, once systemd runs",
        )
