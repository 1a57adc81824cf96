"""systemd, where it is in charge: a server started behind its back is one it thinks dead."""

from __future__ import annotations

from pathlib import Path

from letterlock.servers.tools import Completed, Tools


def manages(tools: Tools, unit: str) -> bool:
    """Whether systemd runs this very system (not a chroot or a rehearsal) and knows the unit."""
    if tools != Tools() or not Path("/run/systemd/system").is_dir():
        return False
    return tools.run("systemctl", "cat", unit).ok


def systemctl(tools: Tools, verb: str, unit: str) -> Completed:
    return tools.run("systemctl", verb, unit, timeout=120)
