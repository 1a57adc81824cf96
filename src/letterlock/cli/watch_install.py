"""`watch install` and `watch remove`: the settings, the timer's files, and systemd told of them."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from letterlock.install.state import StateFolder
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.plan import Plan
from letterlock.servers.tools import Completed, Tools
from letterlock.watch.settings import FILE, Settings, check, read
from letterlock.watch.timetable import (
    LINK,
    TIMER,
    Scheduler,
    plan_installation,
    plan_removal,
    scheduler,
)

_HERE = Path("/")
_UNIT = Path(TIMER).name


def demand_root() -> None:
    if os.geteuid() != 0:
        raise InputError("the servers' keys and the history are root's", remedy="run as root")


def install(
    given: Mapping[str, object],
    by: str | None,
    root: Path,
    wait: float,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Write what is `given` (a field of Settings → its value, None: as it is) and the timer."""
    import msgspec

    said = {name: value for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(read(root) or Settings(), **said)
    check(settings)
    _demand_trust(settings, root)
    chosen = _scheduler(by, root)
    program = _program()
    plan = plan_installation(root, settings, chosen, program, os.uname().nodename)
    if not settings.channels:
        typer.echo("note: nobody is told: add --mail, --webhook or --command", err=True)
    if root != _HERE and not Tools.for_root(root).outside(program).exists():
        typer.echo(f"note: {program} is not there: the timer needs it", err=True)
    _carry_out(plan, root, wait, dry_run=dry_run, yes=yes)
    if dry_run:
        return
    waits = chosen is Scheduler.SYSTEMD and not _systemd_runs(root)
    started = not waits and _start(chosen, changed=bool(plan.changes))
    if plan.changes or started:
        when = "every hour from its next start on" if waits else "every hour"
        typer.echo(f"Watching {when}, by {chosen}; the settings are in {FILE}.")
        if settings.channels:
            typer.echo("See that a message arrives: letterlock watch test")


def words(command: str | None) -> tuple[str, ...] | None:
    """A command line as a shell would split it. Raises InputError."""
    if command is None:
        return None
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"--command {command!r}: {str(error).lower()}") from None


def _demand_trust(settings: Settings, root: Path) -> None:
    """Raises InputError for a CA file without a root: every run would fail."""
    from letterlock.certs.trust import TrustStore

    if settings.ca_file and root == _HERE:
        TrustStore.from_file(settings.ca_file)


def _scheduler(by: str | None, root: Path) -> Scheduler:
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


def _systemd_runs(root: Path) -> bool:
    """Whether there is a systemd to be told; that of another root is not."""
    return root == _HERE and scheduler(root) is Scheduler.SYSTEMD


def _start(by: Scheduler, *, changed: bool) -> bool:
    """Have systemd run the timer; whether it did not yet: an earlier installation may have been
    refused by it, or somebody stopped it."""
    if by is not Scheduler.SYSTEMD:
        return False
    if changed:
        _systemctl("daemon-reload")
    elif _asked("is-active", "--quiet", _UNIT).ok:
        return False
    demand_root()
    _systemctl("start", _UNIT)
    return True


def follow_files(root: Path) -> None:
    """Have systemd do as the timer's files say now: they were rolled back."""
    if not _systemd_runs(root):
        return
    wanted = Path(LINK).is_symlink()
    if not wanted:
        # A timer that runs on without its file fails at the reload.
        _asked("stop", _UNIT)
    _systemctl("daemon-reload")
    if wanted:
        _systemctl("start", _UNIT)


def remove(root: Path, wait: float, *, purge: bool, dry_run: bool, yes: bool) -> None:
    """Take the timer and the settings away, with `purge` the history too."""
    from letterlock.watch.run import forget

    plan = plan_removal(root)
    timer = _systemd_runs(root) and any(str(change.path) == LINK for change in plan.changes)
    if timer and not dry_run:
        ask(yes)
        yes = True
        demand_root()
        _systemctl("stop", _UNIT)
    _carry_out(plan, root, wait, dry_run=dry_run, yes=yes)
    if dry_run:
        return
    if timer:
        _systemctl("daemon-reload")
    if purge:
        demand_root()
        for path in forget(root):
            typer.echo(f"removed {path}")


def _carry_out(plan: Plan, root: Path, wait: float, *, dry_run: bool, yes: bool) -> None:
    from rich.console import Console

    from letterlock.cli.live_system import observer
    from letterlock.install.transaction import apply
    from letterlock.report.diff import coloured, unified

    if not plan.changes:
        typer.echo("Nothing to change.")
        return
    Console(soft_wrap=True, highlight=False).print(coloured(unified(plan)), end="")
    if dry_run:
        return
    ask(yes)
    demand_root()
    outcome = apply(plan, (), observer(root), StateFolder(root), wait=wait)
    for note in outcome.notes:
        typer.echo(f"note: {note}")


def ask(yes: bool) -> None:
    """Raises RefusedError for a no, InputError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("there is nobody to ask", remedy="add --yes")
    if not typer.confirm("Do this?", err=True):
        raise RefusedError("nothing was done, as you said")


def _asked(*words: str) -> Completed:
    return Tools().run("systemctl", *words)


def _systemctl(*words: str) -> None:
    """Raises RefusedError with systemd's own words."""
    done = _asked(*words)
    if not done.ok:
        said = done.complaints[0] if done.complaints else f"exit code {done.status}"
        command = f"systemctl {' '.join(words)}"
        raise RefusedError(f"{command} says: {said}", remedy=f"{command}, once systemd runs")
