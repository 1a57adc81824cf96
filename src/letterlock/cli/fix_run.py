"""What `fix` planned, carried out and seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from letterlock.cli.live_system import observer, observer_with, servers_below
from letterlock.cli.steps import steps
from letterlock.install.permissions import close_to_others
from letterlock.install.refresh import refresh
from letterlock.install.sni_index import rebuilt
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.install.verify import PATIENCE_SECONDS
from letterlock.model.plan import FileChange, Plan
from letterlock.model.status import StatusFacts
from letterlock.renew.deliver import Attempt, Delivery
from letterlock.report.status_words import StatusResult
from letterlock.servers.interface import MailServer
from letterlock.servers.postfix import Postfix
from letterlock.status.repairs import Repairs, repairs, stale_left

_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Fixed:
    """What came of it: what was `deployed` after all, the `run` in the history where a map changed,
    the status `after` it, and what is `left` stale or pending, a line each."""

    deployed: tuple[Attempt, ...]
    run: str | None
    after: StatusResult
    notes: tuple[str, ...]
    left: tuple[str, ...]


def carry_out(
    planned: Repairs,
    before: StatusResult,
    root: Path,
    wait: float,
    look: Callable[[], StatusResult],
) -> Fixed:
    """Deploy, close, build, reload, and look until nothing that was planned is stale any more, or
    patience is over. Raises RefusedError: maps are as they were then."""
    attempts: tuple[Attempt, ...] = ()
    if planned.deploy:
        with steps(total=14) as tell:
            attempts = _delivery(root, wait, tell).retry_all()
        before = look()
        # A deployment reloads the servers, and builds maps: the rest is another one now.
        planned = repairs(before.facts)
    fixed = _mended(planned, before, root, wait, look)
    failed = [
        f"{', '.join(each.names) or each.subject} is not deployed: {each.error}"
        for each in attempts
        if each.error is not None and each.client  # what is damaged has none, and is left
    ]
    deployed = tuple(each for each in attempts if each.error is None)
    return replace(fixed, deployed=deployed, left=(*failed, *planned.left, *fixed.left))


def _delivery(root: Path, wait: float, tell: Callable[[str], None]) -> Delivery:
    return Delivery(root=root, observe=observer_with, wait=wait, report=tell)


def _mended(
    planned: Repairs,
    before: StatusResult,
    root: Path,
    wait: float,
    look: Callable[[], StatusResult],
) -> Fixed:
    servers, state = servers_below(root), StateFolder(root)
    run: str | None = None
    with steps(total=8) as tell:
        for each in planned.close:
            tell(f"closing {each.file}")
            close_to_others(root, each.file)
        changes = tuple(_maps(planned, servers))
        plan = Plan("fix", _subject(before.facts), changes, planned.reload, ())
        observe = observer(root)
        notes: tuple[str, ...] = ()
        if changes:
            outcome = apply(plan, servers, observe, state, wait=wait, report=tell)
            run, notes = outcome.run, outcome.notes
        elif planned.reload:
            notes = refresh(plan, servers, observe, state, wait=wait, report=tell)
    after = _settled(look, planned)
    return Fixed((), run, after, notes, stale_left(after.facts, planned))


def _maps(planned: Repairs, servers: Sequence[MailServer]) -> Iterator[FileChange]:
    """Each once, also where several instances look into it."""
    by_file = {each.file: each for each in planned.maps}
    for table in by_file.values():
        for server in servers:
            if isinstance(server, Postfix) and server.name == table.server:
                change = rebuilt(server, table.table)
                if change is not None:
                    yield change


def _subject(facts: StatusFacts) -> str:
    """What the run is called in the history, and asked for on the way: a name that is served."""
    names = [name for each in facts.installed if each.leaf for name in each.leaf.dns_names[:1]]
    plain = [name for name in names if not name.startswith("*")]
    return facts.name or (plain[0] if plain else "localhost")


def _settled(look: Callable[[], StatusResult], planned: Repairs) -> StatusResult:
    """A reloaded server's old processes may take a moment to go."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        after = look()
        late = time.monotonic() + _PAUSE_SECONDS > deadline
        if late or not stale_left(after.facts, planned):
            return after
        time.sleep(_PAUSE_SECONDS)
