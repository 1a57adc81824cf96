"""Which mail servers a system has."""

from __future__ import annotations

from collections.abc import Mapping

from letterlock.model.errors import InputError
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.postfix import Postfix
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import ServerName


def find_servers(
    tools: Tools, assumed: Mapping[ServerName, Version] | None = None
) -> tuple[Postfix | Dovecot, ...]:
    """Postfix and Dovecot as found; one of the two alone is a normal case. Of several Postfix
    instances the default is first, then every other that is enabled. Those in `assumed` are taken
    to be of that version, and read from their files alone.

    Raises InputError when there is neither."""
    versions = assumed or {}
    postfix_version, dovecot_version = versions.get("postfix"), versions.get("dovecot")
    postfix = Postfix.assume(tools, postfix_version) if postfix_version else Postfix.find(tools)
    dovecot = Dovecot.assume(tools, dovecot_version) if dovecot_version else Dovecot.find(tools)
    instances = (postfix, *postfix.further_instances()) if postfix else ()
    found = (*instances, *((dovecot,) if dovecot else ()))
    if not found:
        raise InputError(
            f"neither Postfix nor Dovecot is installed below {tools.root}",
            remedy=_way_out(tools),
        )
    return found


def _way_out(tools: Tools) -> str:
    files = {"postfix": "/etc/postfix/main.cf", "dovecot": "/etc/dovecot/dovecot.conf"}
    options = [f"--{name}-version" for name, file in files.items() if tools.outside(file).exists()]
    if not options:
        return "install one, or name another root with --root"
    return f"to plan from the files alone, say {' and '.join(options)}, with --dry-run"
