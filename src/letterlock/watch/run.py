"""One run of the watch: look, compare, remember, tell."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from letterlock.certs.trust import TrustStore
from letterlock.install.lock import locked
from letterlock.install.state import StateFolder, refusal, refusing
from letterlock.model.errors import RefusedError
from letterlock.watch.changes import Changes, compare
from letterlock.watch.channels import Channel, NotHandedOverError, channels
from letterlock.watch.from_outside import look_from_outside, outside_addresses
from letterlock.watch.look import Look, Part, settled
from letterlock.watch.message import document
from letterlock.watch.on_the_machine import look_at_the_machine
from letterlock.watch.record import Record
from letterlock.watch.settings import Settings

DATABASE, _LOCK = "watch.db", "watch.lock"
#: These, and what SQLite or a damaged database left beside them.
_OWN = "watch.*"
#: Seconds after which news is looked at again before it is told: a certificate file was being
#: replaced, a server reloaded.
SETTLE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run works on and with. `pending` tries again what was not deployed, and tells what is
    left; `report` is told each step as it begins."""

    root: Path
    settings: Settings
    pending: Callable[[], Part]
    settle: float = SETTLE
    report: Callable[[str], None] = field(default=lambda _text: None)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run came to. `message` is the document told, None where there was no news; `handed`
    are the channels that took something, `waiting` those that did not, with the reason; `notes`
    what went wrong with the watch itself."""

    changes: Changes
    message: bytes | None
    handed: tuple[str, ...]
    waiting: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


def watch(surroundings: Surroundings) -> Told:
    """Raises RefusedError where another run is at work. Where nothing can be written it goes on
    all the same: a disk that is full or read-only is when somebody wants to hear of it."""
    state = StateFolder(surroundings.root)
    with ExitStack() as stack:
        notes = _alone(state, stack)
        record = Record.open(state.path / DATABASE)
        stack.callback(record.close)
        if record.note:
            notes.append(record.note)
        return _watch(surroundings, record, notes)


def _alone(state: StateFolder, stack: ExitStack) -> list[str]:
    """Hold the watch's lock as long as `stack`; what kept it from being taken, if anything."""
    try:
        state.prepare()
    except RefusedError as error:
        return [str(error)]
    try:
        stack.enter_context(locked(state.path / _LOCK, "watch", "run"))
    except OSError as error:
        return [str(refusal(error, "cannot be locked"))]
    return []


def forget(root: Path) -> tuple[Path, ...]:
    """Remove all that the watch remembers; what was removed. Raises RefusedError where a run is at
    work, or it cannot be removed."""
    folder = StateFolder(root).path
    if not any(folder.glob(_OWN)):
        return ()
    with refusing("cannot be removed"), locked(folder / _LOCK, "watch", "remove"):
        found = tuple(sorted(folder.glob(_OWN)))
        for each in found:
            each.unlink(missing_ok=True)
    return found


def _watch(surroundings: Surroundings, record: Record, notes: list[str]) -> Told:
    eyes = _Eyes(surroundings)
    known = record.known()
    look = eyes.look()
    changes = compare(known, look)
    if changes and surroundings.settle:
        surroundings.report("waiting, to look at the news again")
        time.sleep(surroundings.settle)
        look = settled(look, eyes.look())
        changes = compare(known, look)
    message = document(socket.gethostname(), look.at, changes) if changes else None
    surroundings.report("telling")
    wanted = channels(surroundings.settings, surroundings.root, eyes.postfix_runs)
    try:
        _remember(record, look, changes, message, wanted)
    except sqlite3.Error as error:
        notes.append(f"what is told now is not remembered: {error}")
        handed, waiting = _tell_at_once(message, wanted)
    else:
        handed, waiting = _tell(record, wanted, notes)
    return Told(changes, message, handed, waiting, look.unknown, tuple(notes))


class _Eyes:
    """Looks, once or twice; deployments are tried at the first look alone."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._pending: Part | None = None
        self.postfix_runs = False

    def look(self) -> Look:
        around, settings = self._around, self._around.settings
        if self._pending is None:
            self._pending = around.pending()
        trust = self._trust()
        machine = look_at_the_machine(
            around.root, trust, settings.name or None, settings.tell_from, around.report
        )
        self.postfix_runs = machine.postfix_runs
        outside = settings.addresses
        addresses = outside_addresses() if outside is None else outside
        checked = look_from_outside(addresses, trust, machine, settings.tell_from, around.report)
        look = Look(datetime.now(UTC), (self._pending, machine.part, checked))
        return look.with_doubts(settings.tell_from)

    def _trust(self) -> TrustStore:
        file = self._around.settings.ca_file
        return TrustStore.from_file(file) if file else TrustStore.system(self._around.root)


def _remember(
    record: Record,
    look: Look,
    changes: Changes,
    message: bytes | None,
    wanted: Sequence[Channel],
) -> None:
    """In one transaction, before anybody is told: a kill in between tells twice, never not."""
    with record.transaction():
        record.remember(look, changes)
        record.keep_only([each.kind for each in wanted])
        if message is not None:
            for channel in wanted:
                record.put_out(look.at, channel.kind, message)


_Outcome = tuple[tuple[str, ...], tuple[str, ...]]


def _tell(record: Record, wanted: Sequence[Channel], notes: list[str]) -> _Outcome:
    """Hand over all that waits, each channel's in its order: what took something, what did not."""
    handed, waiting = [], []
    for channel in wanted:
        for message in record.waiting(channel.kind):
            try:
                channel.hand_over(message.contents)
            except NotHandedOverError as error:
                waiting.append(f"{channel.shown}: {error}")
                _write(notes, partial(record.not_handed_over, message, str(error)))
                break
            handed.append(channel.shown)
            _write(notes, partial(record.handed_over, message))
    return tuple(dict.fromkeys(handed)), tuple(waiting)


def _write(notes: list[str], write: Callable[[], None]) -> None:
    try:
        write()
    except sqlite3.Error as error:
        notes.append(f"whether a message was handed over is not remembered: {error}")


def _tell_at_once(message: bytes | None, wanted: Sequence[Channel]) -> _Outcome:
    """Where nothing can be remembered."""
    handed, waiting = [], []
    for channel in wanted if message is not None else ():
        try:
            channel.hand_over(message or b"")
            handed.append(channel.shown)
        except NotHandedOverError as error:
            waiting.append(f"{channel.shown}: {error}")
    return tuple(handed), tuple(waiting)
