"""Which servers a plan of `secure` is for, of which versions: those found, or those that the
command line says."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from letterlock.cli.secure_options import SecureOptions
from letterlock.install.plan import Configurations, FurtherInstance
from letterlock.model.errors import InputError, RefusedError
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix import Postfix
from letterlock.servers.sasl import sasl_state
from letterlock.servers.sni_tables import SniTables
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import ServerName, vocabulary


def assumed_versions(options: SecureOptions) -> dict[ServerName, Version]:
    """`--postfix-version` and `--dovecot-version`. Raises InputError for what is no version."""
    said: dict[ServerName, str | None] = {
        "postfix": options.postfix_version,
        "dovecot": options.dovecot_version,
    }
    return {name: _version(name, text) for name, text in said.items() if text is not None}


def _version(server: ServerName, text: str) -> Version:
    try:
        version = Version.parse(text)
    except ValueError:
        raise InputError(
            f"--{server}-version: {text!r} is no version", remedy="write it as 3.4.0 or 2.2"
        ) from None
    return vocabulary(server).known(version)


def read_servers(
    servers: Sequence[Postfix | Dovecot], instance: str | None = None
) -> Configurations:
    """The configurations of those found; of Postfix's instances of all, or of the one of that name
    or folder. Raises InputError where there is none such."""
    instances = [server for server in servers if isinstance(server, Postfix)]
    chosen = _chosen(instances, instance)
    dovecot = next((server.read() for server in servers if isinstance(server, Dovecot)), None)
    return Configurations(
        chosen[0].read() if chosen else None,
        dovecot,
        instances=tuple(_further(each, dovecot) for each in chosen[1:]),
        postfix_name=chosen[0].name if chosen else "Postfix",
        other_ports=frozenset(
            end.port for each in instances if each not in chosen for end in each.endpoints()
        ),
    )


def _chosen(instances: list[Postfix], wanted: str | None) -> list[Postfix]:
    """The instances to secure, the one that takes on missing ports first."""
    if wanted is None:
        return instances
    for each in instances:
        if wanted.rstrip("/") in (each.instance or "-", each.folder):
            return [each]
    known = ", ".join(each.instance or "-" for each in instances)
    raise InputError(
        f"no enabled Postfix instance is called {wanted!r}",
        remedy=f"choose one of: {known}" if known else "Postfix is not installed",
    )


def _further(server: Postfix, dovecot: DovecotConfiguration | None) -> FurtherInstance:
    configuration = server.read()
    return FurtherInstance(
        server.name,
        configuration,
        sasl_state(server.tools, configuration, dovecot),
        SniTables(server.tools, server.folder),
    )


def refuse_unasked(servers: Sequence[Postfix | Dovecot]) -> None:
    """Raise RefusedError where a server's own checker cannot be asked about what is written."""
    for server in servers:
        if server.on_paper:
            raise RefusedError(
                f"what is written for {server.name} {server.version} could not be validated, since "
                "its own programs are not asked",
                remedy="add --dry-run, and apply the difference by hand",
            )


def needs_dh(configurations: Configurations) -> bool:
    """Whether Dovecot does no TLS without Diffie-Hellman parameters, and has none."""
    dovecot = configurations.dovecot
    if dovecot is None:
        return False
    words = vocabulary("dovecot")
    row = words.spelling("dh-file", dovecot.version)
    asked = not words.able("no DH parameters needed", dovecot.version)
    return asked and row is not None and not dovecot.tree.get(row.name)


def server_name(configurations: Configurations) -> str:
    """What the machine calls itself in mail, else its host name."""
    said = configurations.postfix.value("myhostname") if configurations.postfix else ""
    return said or socket.gethostname()
