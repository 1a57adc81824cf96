"""Where Postfix's effective configuration names certificates for its clients."""

from __future__ import annotations

import re
from collections.abc import Iterator

from letterlock.conf.master_cf import MasterService
from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Reference
from letterlock.servers.postfix_configuration import Listener, PostfixConfiguration
from letterlock.servers.sni_source import SniEntry

_CHAIN_FILES = "smtpd_tls_chain_files"
#: Certificate → key, one pair per kind of key (postconf(5)); read where there are no chain files.
_PAIRS = {
    "smtpd_tls_cert_file": "smtpd_tls_key_file",
    "smtpd_tls_eccert_file": "smtpd_tls_eckey_file",
    "smtpd_tls_dcert_file": "smtpd_tls_dkey_file",
}
_SNI_MAPS = "tls_server_sni_maps"


def tls_listeners(
    configuration: PostfixConfiguration,
) -> Iterator[tuple[Listener, tuple[Endpoint, ...]]]:
    """The listeners that offer TLS, each with where it is reached from the machine."""
    for listener in configuration.listeners():
        offers = configuration.enabled("smtpd_tls_wrappermode", listener.entry)
        endpoints = configuration.endpoints_of(listener)
        if endpoints and (offers or configuration.level(listener.entry) != "none"):
            yield listener, endpoints


def references(
    configuration: PostfixConfiguration, server: str = "Postfix"
) -> tuple[Reference, ...]:
    """Every certificate that a listener with TLS would read, once for all that share the setting;
    `server` is what the instance is called. SNI maps are not among them (`sni_tables`)."""
    found: dict[tuple[str, Location, tuple[str, ...]], list[Endpoint]] = {}
    scopes: dict[Location, str] = {}
    for listener, endpoints in tls_listeners(configuration):
        for setting, files in _settings(configuration, listener.entry):
            where = _where(configuration, setting, listener.entry)
            overridden = listener.entry.override(setting) is not None
            scopes[where] = listener.entry.name if overridden else ""
            found.setdefault((setting, where, files), []).extend(endpoints)
    return tuple(
        Reference(
            server=server,
            setting=setting,
            where=where,
            scope=scopes[where],
            files=files,
            names=(),
            endpoints=tuple(dict.fromkeys(endpoints)),
        )
        for (setting, where, files), endpoints in found.items()
    )


def sni_tables(configuration: PostfixConfiguration) -> dict[str, tuple[Endpoint, ...]]:
    """The tables in `tls_server_sni_maps` with where they are looked into. All of Postfix's
    processes that do TLS share them: postconf(5) knows no `-o` for a single one that differs, but
    master.cf may have one."""
    found: dict[str, dict[Endpoint, None]] = {}
    for listener, endpoints in tls_listeners(configuration):
        for table in tables_of(configuration, listener):
            found.setdefault(table, {}).update(dict.fromkeys(endpoints))
    return {table: tuple(endpoints) for table, endpoints in found.items()}


def tables_of(configuration: PostfixConfiguration, listener: Listener) -> tuple[str, ...]:
    """Those that one listener looks into, in the order in which it does."""
    return _words(configuration.value(_SNI_MAPS, listener.entry))


def sni_reference(
    server: str, table: str, key: str, entry: SniEntry | None, endpoints: tuple[Endpoint, ...]
) -> Reference:
    """What a table says of a key at these endpoints; `entry` is its source's line, None where that
    has none."""
    path = table.partition(":")[2] or table
    return Reference(
        server=server,
        setting=_SNI_MAPS,
        where=Location(path, entry.line) if entry else Location(path),
        scope=key,
        files=entry.files if entry else (),
        names=(key,),
        endpoints=endpoints,
        table=table,
    )


def sni_location(configuration: PostfixConfiguration) -> Location:
    """Where the SNI maps are set."""
    set_at = configuration.main.location(_SNI_MAPS)
    return set_at or Location(configuration.master.path)


def _settings(
    configuration: PostfixConfiguration, entry: MasterService
) -> Iterator[tuple[str, tuple[str, ...]]]:
    chain_files = _words(configuration.value(_CHAIN_FILES, entry))
    if chain_files:
        yield _CHAIN_FILES, chain_files
        return
    for certificate, key in _PAIRS.items():
        file = configuration.value(certificate, entry).strip()
        if file and file != "none":
            own_key = configuration.value(key, entry).strip() or file
            yield certificate, tuple(dict.fromkeys((own_key, file)))


def _where(configuration: PostfixConfiguration, setting: str, entry: MasterService) -> Location:
    for override in reversed(entry.overrides):
        if override.name == setting:
            return Location(configuration.master.path, override.line)
    return configuration.main.location(setting) or Location(configuration.main.path)


def _words(value: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", value) if word)
