"""Which mail servers a system has."""

from __future__ import annotations

from letterlock.model.errors import InputError
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.postfix import Postfix
from letterlock.servers.tools import Tools


def find_servers(tools: Tools) -> tuple[Postfix | Dovecot, ...]:
    """Postfix and Dovecot as found; one of the two alone is a normal case.

    Raises InputError when there is neither."""
    found = tuple(server for server in (Postfix.find(tools), Dovecot.find(tools)) if server)
    if not found:
        raise InputError(
            f"neither Postfix nor Dovecot is installed below {tools.root}",
            remedy="install one, or name another root with --root",
        )
    return found
