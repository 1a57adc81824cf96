"""A mail server read: its state, and where its configuration names certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Reference, ServerState
from letterlock.servers import dovecot_references, postfix_references
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.postfix import Postfix
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.processes import service_processes


@dataclass(frozen=True, slots=True)
class Reading:
    """`tables` are the SNI maps with where they are looked into, set at `sni_where`; `processes`
    counts those alive behind a port."""

    server: Postfix | Dovecot
    state: ServerState
    references: tuple[Reference, ...]
    processes: Callable[[int], int]
    tables: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    sni_where: Location | None = None


def read(server: Postfix | Dovecot) -> Reading:
    """Raises InputError, with file:line, for a configuration that the server itself refuses."""
    state = ServerState(server.name, str(server.version), server.running())
    if isinstance(server, Dovecot):
        found = dovecot_references.references(server.read(), server.with_secrets())
        # Its processes get the certificate from one that holds it for all of them.
        return Reading(server, state, found, lambda _port: 1)
    configuration = server.read()
    return Reading(
        server,
        state,
        postfix_references.references(configuration, server.name),
        lambda port: _processes(server, configuration, port),
        postfix_references.sni_tables(configuration),
        postfix_references.sni_location(configuration),
    )


def _processes(postfix: Postfix, configuration: PostfixConfiguration, port: int) -> int:
    """Of the entries on a port; postscreen hands those it lets pass to the entry `smtpd pass`."""
    names = set()
    for listener in configuration.listeners():
        if listener.port == port:
            screened = listener.entry.command == "postscreen"
            names.add("smtpd" if screened else listener.entry.name)
    return sum(service_processes(postfix.tools, postfix.folder, "smtpd", name) for name in names)
