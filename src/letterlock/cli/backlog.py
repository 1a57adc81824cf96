"""What is to be deployed yet, for the verbs that tell of it."""

from __future__ import annotations

from pathlib import Path

from letterlock.install.state import StateFolder
from letterlock.model.errors import RefusedError
from letterlock.model.status import Backlog, DamagedDeployment, PendingDeployment
from letterlock.renew.pending import Pending, waiting


def backlog(root: Path) -> Backlog:
    """Reads only; where nothing may be read, that is what is known."""
    try:
        kept = waiting(StateFolder(root))
    except RefusedError as error:
        return Backlog(unknown=str(error))
    return Backlog(
        tuple(map(_told, kept.pending)),
        tuple(DamagedDeployment(str(each.path), each.reason) for each in kept.damaged),
    )


def _told(one: Pending) -> PendingDeployment:
    return PendingDeployment(
        id=one.id,
        client=one.client,
        subject=one.subject,
        names=one.names,
        since=one.since,
        tried=one.tried,
        attempts=one.attempts,
        reason=one.reason,
        leaf=one.certificate,
    )
