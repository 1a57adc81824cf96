"""Names added to, renewed in and taken out of Postfix's SNI tables (`tls_server_sni_maps`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.names import ServedName
from letterlock.install.sni_index import index_change
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import FileChange, Reason
from letterlock.servers.postfix_configuration import Listener
from letterlock.servers.sni_source import SniSource, sni_key, sni_name
from letterlock.servers.sni_tables import SniTable, SniTables, is_plain, joined, same_contents

PARAMETER = "tls_server_sni_maps"
_SOURCE = "postconf(5) tls_server_sni_maps"
#: The table of our own, where the admin has none.
OWN_TABLE = "letterlock_sni"
_HEADER = b"# Names with a certificate of their own. After a change: postmap -F\n"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the parameter is set: `main.cf` (`listener` None) or a service's `-o`."""

    listener: Listener | None
    tables: tuple[str, ...]


def plan_names_postfix(
    draft: PostfixDraft,
    names: Sequence[ServedName],
    tables: SniTables,
    only_present: Collection[str] = (),
) -> None:
    """Let the draft serve each name its certificate: an entry is renewed where it stands, else
    added, but not for the names in `only_present`.

    Raises InputError for a Postfix without SNI, RefusedError for a name in a table that is no
    text file."""
    if draft.spelling("sni-maps") is None:
        if any(served.name not in only_present for served in names):
            _refuse_version(draft)
        return
    if not names:
        return
    work = _Work(draft, tables)
    by_key = {sni_key(served.name): served for served in names}
    for place in _places(draft):
        _refuse_foreign(place, by_key, tables)
        work.serve(place, by_key, {sni_key(name) for name in only_present})
    draft.table_changes += work.changes(by_key)


def plan_names_removed(draft: PostfixDraft, names: Collection[str], tables: SniTables) -> set[str]:
    """Take the names out of every table; those that were in one. A table of ours that is empty
    then goes, with what names it."""
    if draft.spelling("sni-maps") is None:
        return set()
    work = _Work(draft, tables)
    keys = [sni_key(name) for name in names]
    found: set[str] = set()
    for place in _places(draft):
        _refuse_foreign(place, keys, tables)
        found |= {sni_name(key) for key in work.remove(place, keys)}
    draft.table_changes += work.changes({})
    return found


def names_in_tables(draft: PostfixDraft, tables: SniTables) -> dict[str, tuple[str, ...]]:
    """Every name of the plain tables with the files it stands for."""
    found: dict[str, tuple[str, ...]] = {}
    for place in _places(draft):
        for table in filter(is_plain, place.tables):
            for key, entry in tables.read(table).document().entries().items():
                found.setdefault(sni_name(key), entry.files)
    return found


def listeners_without_sni(draft: PostfixDraft) -> tuple[Listener, ...]:
    """Those whose `-o tls_server_sni_maps=` takes the tables away."""
    return tuple(
        listener
        for listener in draft.now.listeners()
        if any(o.name == PARAMETER for o in listener.entry.overrides)
        and not draft.now.value(PARAMETER, listener.entry).split()
    )


def _refuse_version(draft: PostfixDraft) -> None:
    raise InputError(
        f"Postfix {draft.before.version} serves one certificate only: several names need "
        "Postfix 3.4",
        remedy="upgrade it, or order one certificate for all names",
    )


def _places(draft: PostfixDraft) -> list[_Place]:
    """`main.cf`, and every service that says otherwise and has tables at all."""
    places = [_Place(None, _words(draft.now.value(PARAMETER)))]
    for listener in draft.now.listeners():
        if not any(o.name == PARAMETER for o in listener.entry.overrides):
            continue
        tables = _words(draft.now.value(PARAMETER, listener.entry))
        if tables:
            places.append(_Place(listener, tables))
    return places


def _words(value: str) -> tuple[str, ...]:
    return tuple(value.replace(",", " ").split())


def _refuse_foreign(place: _Place, keys: Collection[str], tables: SniTables) -> None:
    for table in place.tables:
        if is_plain(table):
            continue
        for key in tables.answers(table, keys):
            raise RefusedError(
                f"tls_server_sni_maps finds {sni_name(key)} in {table}, which is no file that "
                "can be edited",
                where=Location(table.partition(":")[2] or table),
                remedy="change or remove it there, and try again",
            )


class _Work:
    """The sources of the tables as planned so far."""

    def __init__(self, draft: PostfixDraft, tables: SniTables) -> None:
        self._draft = draft
        self._tables = tables
        self._read: dict[str, SniTable] = {}
        self._sources: dict[str, SniSource] = {}
        self._own: str | None = None
        self._gone: set[str] = set()

    def _table(self, name: str) -> SniSource:
        if name not in self._read:
            self._read[name] = self._tables.read(name)
            self._sources[name] = self._read[name].document()
        return self._sources[name]

    def serve(
        self, place: _Place, names: Mapping[str, ServedName], only_present: Collection[str]
    ) -> None:
        plain = [table for table in place.tables if is_plain(table)]
        wanted: dict[str, dict[str, tuple[str, ...]]] = {}
        holding = {key: table for table in reversed(plain) for key in self._table(table).entries()}
        for key, served in names.items():
            table = holding.get(key)
            if table is None and key in only_present:
                continue
            if table is None:
                table = plain[0] if plain else self._own_table(place)
            files = tuple(file for pair in served.pairs for file in pair.files)
            wanted.setdefault(table, {})[key] = files
        for table, entries in wanted.items():
            self._sources[table] = self._table(table).with_entries(entries)

    def _own_table(self, place: _Place) -> str:
        """The table of our own, named where it is needed."""
        if self._own is None:
            kind = self._tables.new_type()
            self._own = f"{kind}:{self._draft.before.folder}/{OWN_TABLE}"
        value = " ".join(dict.fromkeys((*place.tables, self._own)))
        why = "names with a certificate of their own (SNI)"
        if place.listener is None:
            self._draft.set_main(PARAMETER, value, why, _SOURCE)
        else:
            # master.cf(5): no blank in a value, but a comma.
            commas = value.replace(" ", ",")
            self._draft.set_override(place.listener, PARAMETER, commas, why, _SOURCE)
        return self._own

    def remove(self, place: _Place, keys: Collection[str]) -> set[str]:
        found: set[str] = set()
        for table in filter(is_plain, place.tables):
            source = self._table(table)
            present = set(keys) & set(source.entries())
            found |= present
            if not present:
                continue
            self._sources[table] = source.without(present)
            if _is_ours(table) and not self._sources[table].entries():
                self._gone.add(table)
        if self._gone & set(place.tables):
            self._drop(place)
        return found

    def _drop(self, place: _Place) -> None:
        left = [table for table in place.tables if table not in self._gone]
        why = "no name has a certificate of its own any more"
        if place.listener is None and not left:
            self._draft.drop_main(PARAMETER, why, _SOURCE)
        elif place.listener is None:
            self._draft.set_main(PARAMETER, " ".join(left), why, _SOURCE)
        elif not left:
            self._draft.drop_override(place.listener, PARAMETER, why, _SOURCE)
        else:
            self._draft.set_override(place.listener, PARAMETER, ",".join(left), why, _SOURCE)

    def changes(self, names: Mapping[str, ServedName]) -> list[FileChange]:
        """Each source with its index, the index after it: Postfix warns at one that is older."""
        found: list[FileChange] = []
        for name, table in self._read.items():
            found += self._source_change(table, self._sources[name], gone=name in self._gone)
            found += self._index_change(table, self._sources[name], names, gone=name in self._gone)
        return found

    @staticmethod
    def _source_change(table: SniTable, source: SniSource, *, gone: bool) -> list[FileChange]:
        after = None if gone else bytes(source)
        if after is not None and table.source is None and _is_ours(table.name):
            after = _HEADER + after
        if after == table.source or (gone and table.source is None):
            return []
        reason = Reason("each name and the files it is served", _SOURCE)
        return [FileChange(Path(table.path), table.source, after, 0o644, reasons=(reason,))]

    def _index_change(
        self, table: SniTable, source: SniSource, names: Mapping[str, ServedName], *, gone: bool
    ) -> list[FileChange]:
        wanted = None if gone else self._wanted(table, source, names)
        change = index_change(self._tables, table, wanted)
        if change is not None and not gone and table.index_mode & 0o077:
            raise RefusedError(
                "is readable by others than its owner, and holds private keys",
                where=Location(str(change.path)),
                remedy=f"chmod 600 {change.path}",
            )
        return [] if change is None else [change]

    def _wanted(
        self, table: SniTable, source: SniSource, names: Mapping[str, ServedName]
    ) -> dict[str, bytes]:
        """What the index must hold: the new certificates, and the others as their files are now
        or, where those cannot be read, as the index has them."""
        wanted: dict[str, bytes] = {}
        for key, entry in source.entries().items():
            served = names.get(key)
            if served is not None:
                wanted[key] = joined(pair.pem for pair in served.pairs)
                continue
            pem = self._tables.contents(entry.files)
            where = Location(table.path, entry.line)
            if pem is None and key not in table.present:
                raise RefusedError(
                    f"{sni_name(key)} stands for a file that cannot be read: "
                    f"{', '.join(entry.files)}",
                    where=where,
                    remedy="correct or remove that line",
                )
            wanted[key] = table.present[key] if pem is None else pem
            self._tell(key, pem, table, where)
        return wanted

    def _tell(self, key: str, pem: bytes | None, table: SniTable, where: Location) -> None:
        if pem is None:
            self._draft.notices.append(
                f"{where}: the files of {sni_name(key)} cannot be read; its certificate stays as "
                "the index has it"
            )
        elif table.index is not None and not same_contents(
            {key: table.present.get(key, b"")}, {key: pem}
        ):
            self._draft.notices.append(
                f"{where}: {sni_name(key)} was served an older certificate than its files hold; "
                "the index takes up the newer one"
            )


def _is_ours(table: str) -> bool:
    return Path(table.partition(":")[2]).name == OWN_TABLE
