"""Servers made to read their certificates again, where no file is to be changed."""

from __future__ import annotations

from collections.abc import Sequence

from letterlock.install.recover import Report, recover_locked, silent
from letterlock.install.serving import Serving
from letterlock.install.state import StateFolder, refusing
from letterlock.install.verify import PATIENCE_SECONDS, Observe
from letterlock.model.plan import Plan
from letterlock.servers.interface import MailServer


def refresh(
    plan: Plan,
    servers: Sequence[MailServer],
    observe: Observe,
    state: StateFolder,
    *,
    wait: float = 0,
    report: Report = silent,
    patience: float = PATIENCE_SECONDS,
) -> tuple[str, ...]:
    """Validate and reload the servers that a plan without changes names, those that run, and see
    that what answered before answers again; notes for the reader. Alone with the system, like a
    run, and after recovering one that was cut short; leaves none in the history.

    Raises RefusedError: the configuration is not valid and nothing was reloaded, or a server did
    not come back."""
    serving = Serving(plan, servers, observe, report, patience)
    with refusing("cannot be written, so nothing was reloaded"):
        state.prepare()
        with state.lock(plan.verb, plan.subject, wait):
            notes = [str(each) for each in recover_locked(state, servers, report)]
            serving.look_before()
            serving.validate()
            serving.put_into_service(None)
            serving.verify()
    return tuple(notes)
