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
from letterlock.model.finding import Severity
from letterlock.report.escape import printable
from letterlock.watch.channels import NotHandedOverError, channels
from letterlock.watch.fault import PENDING, Fault
from letterlock.watch.look import Part
from letterlock.watch.message import test_document, text
from letterlock.watch.run import Told
from letterlock.watch.settings import Settings

if TYPE_CHECKING:
    from letterlock.renew.deliver import Attempt
    from letterlock.watch.changes import Known


def retry_pending(root: Path, tell: Callable[[str], None]) -> Part:
    """Deployments that failed, tried once more; what is left is a fault each."""
    from letterlock.cli.live_system import observer_with, recover_first
    from letterlock.install.state import StateFolder
    from letterlock.renew.deliver import Delivery
    from letterlock.renew.pending import pending

    delivery = Delivery(root=root, observe=observer_with, wait=60, report=tell)
    try:
        if pending(StateFolder(root)):
            recover_first(root, 60, dry_run=False)
        attempts = delivery.retry_all()
    except LetterlockError as error:
        return Part(PENDING, all_blind=True, unknown=(str(error),))
    left = (_not_deployed(each, each.error) for each in attempts if each.error is not None)
    return Part(PENDING, tuple(left))


def _not_deployed(one: Attempt, error: LetterlockError) -> Fault:
    return Fault(
        PENDING,
        "deployment-pending",
        printable(", ".join(one.names) or one.subject),
        printable(one.client),
        Severity.HIGH,
        "A renewed certificate could not be brought into service",
        printable(str(error)),
        "Mend what it says; the watch tries again every hour, letterlock deploy --pending now.",
    )


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
