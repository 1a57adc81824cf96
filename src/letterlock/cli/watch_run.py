"""One run of the watch, its pending deployments and its test message; told on the screen."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import servers_below
from letterlock.model.errors import LetterlockError
from letterlock.watch.channels import NotHandedOverError, channels
from letterlock.watch.fault import PENDING, of_finding
from letterlock.watch.look import Part
from letterlock.watch.message import test_document, text
from letterlock.watch.run import Told
from letterlock.watch.settings import Settings

#: Seconds to wait for another run of letterlock to end.
_WAIT = 60

if TYPE_CHECKING:
    from letterlock.watch.changes import Known


def retry_pending(root: Path, tell: Callable[[str], None]) -> Part:
    """Deployments that failed, tried once more: what is in service is said at once, what is left is
    a fault each. Raises StoppedError where a signal ended it."""
    from letterlock.cli.backlog import backlog
    from letterlock.cli.deploy_report import Screen
    from letterlock.cli.live_system import observer_with, recover_first
    from letterlock.findings.backlog import findings
    from letterlock.install.interrupts import StoppedError
    from letterlock.renew.deliver import Delivery

    kept = backlog(root)
    try:
        if kept.pending:
            recover_first(root, _WAIT, dry_run=False)
            delivery = Delivery(root=root, observe=observer_with, wait=_WAIT, report=tell)
            done = [each for each in delivery.retry_all() if each.error is None]
            Screen(quiet=False).tell(done, dry_run=False, retry=False)
    except StoppedError:
        raise
    except LetterlockError as error:
        return Part(PENDING, all_blind=True, unknown=(str(error),))
    left = backlog(root)
    if left.unknown:
        return Part(PENDING, all_blind=True, unknown=(left.unknown,))
    return Part(PENDING, tuple(of_finding(PENDING, each) for each in findings(left)))


def show(told: Told) -> None:
    """What a run came to, in a few lines for the journal."""
    for note in told.notes:
        typer.echo(f"letterlock: {note}", err=True)
    if told.message is not None:
        for line in text(json.loads(told.message)):
            typer.echo(line)
        typer.echo("")
    else:
        typer.echo(_still(told.changes.open))
    for shown in told.handed:
        typer.echo(f"told by {shown}")
    for reason in told.waiting:
        typer.echo(f"letterlock: not handed over, tried again at the next run: {reason}", err=True)
    for reason in told.unknown:
        typer.echo(f"unknown: {reason}")


def _still(faults: tuple[Known, ...]) -> str:
    if not faults:
        return "Nothing new; no fault is open."
    ids = ", ".join(dict.fromkeys(each.fault.id for each in faults))
    return f"Nothing new; still open: {ids}."


def exit_code(told: Told) -> ExitCode:
    """What could not be told comes first: it may be all that a person would have heard."""
    if told.waiting or told.notes:
        return ExitCode.UNDETERMINED
    if told.changes.open:
        return ExitCode.FINDINGS
    return ExitCode.UNDETERMINED if told.unknown else ExitCode.FINE


def send_test(settings: Settings, root: Path) -> bool:
    """Send it on every channel and say what became of it; whether all took it."""
    runs = any(each.name == "Postfix" and each.running() for each in servers_below(root))
    contents = test_document(socket.gethostname(), datetime.now(UTC))
    taken = True
    for channel in channels(settings, root, runs):
        try:
            channel.hand_over(contents)
            typer.echo(f"✓ {channel.shown}")
        except NotHandedOverError as error:
            taken = False
            typer.echo(f"✗ {channel.shown}: {error}")
    return taken
