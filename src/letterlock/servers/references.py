"""Everything that the servers' present configurations name, SNI tables included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from letterlock.model.service import Endpoint
from letterlock.model.status import Reference
from letterlock.servers import dovecot_references, postfix_references
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.postfix import Postfix
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.sni_tables import SniTable, SniTables, is_plain


@dataclass(frozen=True, slots=True)
class SniAnswers:
    """The SNI tables of one Postfix. `tables` are those whose entries are known, by their names,
    with a reference for each entry in force at the endpoints where no table before has that key;
    `others` those that can only be asked, for a name at a time."""

    server: str
    reader: SniTables
    tables: tuple[SniTable, ...]
    references: tuple[Reference, ...]
    others: tuple[str, ...]

    def answered_by_others(self, keys: Iterable[str]) -> dict[str, str]:
        """Key → the first of the others that has an entry for it."""
        asked = tuple(keys)
        found: dict[str, str] = {}
        for table in self.others:
            for key in self.reader.answers(table, asked):
                found.setdefault(key, table)
        return found


@dataclass(frozen=True, slots=True)
class Named:
    """What the servers name: `references` outside of SNI tables, and those of each Postfix."""

    references: tuple[Reference, ...]
    sni: tuple[SniAnswers, ...]

    @property
    def every(self) -> tuple[Reference, ...]:
        return (*self.references, *(each for one in self.sni for each in one.references))


def named(servers: Iterable[Postfix | Dovecot]) -> Named:
    """Raises InputError for a configuration or a table that cannot be read."""
    found: list[Reference] = []
    sni = []
    for server in servers:
        if isinstance(server, Dovecot):
            found += dovecot_references.references(server.read(), server.with_secrets())
            continue
        configuration = server.read()
        found += postfix_references.references(configuration, server.name)
        sni.append(_sni_answers(server, configuration))
    return Named(tuple(found), tuple(sni))


def _sni_answers(postfix: Postfix, configuration: PostfixConfiguration) -> SniAnswers:
    reader = SniTables.of(postfix)
    names = tuple(postfix_references.sni_tables(configuration))
    tables = {name: reader.read(name) for name in names if is_plain(name)}
    known = {name: table for name, table in tables.items() if table.keys_in_force is not None}
    return SniAnswers(
        postfix.name,
        reader,
        tuple(known.values()),
        tuple(_entries(postfix.name, configuration, known)),
        tuple(name for name in names if name not in known),
    )


def _entries(
    server: str, configuration: PostfixConfiguration, tables: dict[str, SniTable]
) -> Iterator[Reference]:
    """Postfix takes the first table that has a key (maps(3), maps_find())."""
    where: dict[tuple[str, str], dict[Endpoint, None]] = {
        (name, key): {} for name, table in tables.items() for key in table.keys_in_force or ()
    }
    for listener, endpoints in postfix_references.tls_listeners(configuration):
        taken: set[str] = set()
        for name in postfix_references.tables_of(configuration, listener):
            keys = set(tables[name].keys_in_force or ()) if name in tables else set()
            for key in keys - taken:
                where[name, key].update(dict.fromkeys(endpoints))
            taken |= keys
    entries = {name: table.document().entries() for name, table in tables.items()}
    for (name, key), at in where.items():
        entry = entries[name].get(key)
        yield postfix_references.sni_reference(server, name, key, entry, tuple(at))
