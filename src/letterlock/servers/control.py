"""Starting, stopping and checking by a server's own programs, or by systemd where it is in charge:
a server started behind systemd's back is one it thinks dead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from letterlock.model.errors import RefusedError
from letterlock.servers.tools import Completed, Tools


def control(
    tools: Tools, unit: str, verb: Literal["start", "stop"], own: Callable[[], Completed]
) -> None:
    """Start or stop a server: through systemd where it runs that system and knows the unit, else
    by `own`. Raises RefusedError with what was said."""
    demand(tools.run("systemctl", verb, unit, timeout=120) if _manages(tools, unit) else own())


def _manages(tools: Tools, unit: str) -> bool:
    # By chroot systemctl would do nothing and call it a success.
    if tools.prefix[:1] == ("chroot",) or not tools.outside("/run/systemd/system").is_dir():
        return False
    return tools.run("systemctl", "cat", unit).ok


def demand(done: Completed) -> None:
    """Raise RefusedError, with the program's last words, where it failed."""
    if not done.ok:
        said = "; ".join(done.complaints[-3:]) or f"exit code {done.status}"
        raise RefusedError(f"`{' '.join(done.argv)}` failed: {said}")


def faults(done: Completed, marks: Sequence[str]) -> tuple[str, ...]:
    """What a checker says is wrong: the lines that bear one of its marks, else, where it failed,
    all it said."""
    wrong = tuple(line for line in done.complaints if any(mark in line for mark in marks))
    if done.ok or wrong:
        return wrong
    return done.complaints or (f"{done.argv[0]} exits {done.status}",)
