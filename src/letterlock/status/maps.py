"""Postfix's SNI maps: what each holds, and whether its source's files say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from letterlock.certs.material import parse
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError, LetterlockError, Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Installed, Reference, SniMap
from letterlock.model.unknown import Unknown
from letterlock.servers.postfix import Postfix
from letterlock.servers.postfix_references import sni_reference
from letterlock.servers.sni_source import SniEntry
from letterlock.servers.sni_tables import WITHOUT_INDEX, SniTable, SniTables, is_plain
from letterlock.status.disk import Judge, installed, installed_in_map
from letterlock.status.files import Files


@dataclass(frozen=True, slots=True)
class MapReading:
    """An SNI map, and the certificates that it gives to Postfix, name by name."""

    map: SniMap
    installed: tuple[Installed, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(each.reference for each in self.installed)


def read_map(
    postfix: Postfix,
    table: str,
    where: Location,
    endpoints: tuple[Endpoint, ...],
    files: Files,
    judge_by: Judge,
) -> MapReading:
    """`where` sets the table, `endpoints` are looked up in it."""
    tables = SniTables.of(postfix)
    source = _source(tables, table)
    named = {} if isinstance(source, Unknown) else source.document().entries()

    def reference(key: str) -> Reference:
        return sni_reference(postfix.name, table, key, named.get(key), endpoints)

    def told(
        file: str | None, stale: tuple[str, ...] | Unknown, unusable: str | None = None
    ) -> SniMap:
        return SniMap(table, file, where, stale, unusable, postfix.name)

    from_files = tuple(each for key in named for each in installed(reference(key), files, judge_by))
    kind, _, path = table.partition(":")
    if kind == WITHOUT_INDEX:
        return MapReading(told(None, source if isinstance(source, Unknown) else ()), from_files)
    file = SniTable(kind, path, None).index_path if is_plain(table) else None
    held = tables.held(table) if isinstance(source, Unknown) else source.held
    if isinstance(held, Unknown):
        return MapReading(told(file, held), ())
    given = tuple(
        each
        for key, pem in held.items()
        for each in installed_in_map(reference(key), pem, file or table, judge_by)
    )
    if isinstance(source, Unknown):
        return MapReading(told(file, source), given)
    differences = tuple(_differences(held, named, files))
    unusable = next((each.fault for each in from_files if each.fault), None)
    return MapReading(told(file, differences, unusable), given)


def _source(tables: SniTables, table: str) -> SniTable | Unknown:
    """The table, where its source is there to be compared with."""
    kind, _, path = table.partition(":")
    if not is_plain(table):
        return Unknown(f"what a {kind} table is made from is not known here")
    try:
        read = tables.read(table)
    except InputError as error:
        return Unknown(str(error))
    return Unknown(f"its source {path} is not there") if read.source is None else read


def _differences(
    held: Mapping[str, bytes], source: Mapping[str, SniEntry], files: Files
) -> Iterator[str]:
    for name, entry in source.items():
        try:
            wanted = b"\n".join(files.contents(path) for path in entry.files)
        except LetterlockError as error:
            yield f"{name}: {error}"
            continue
        if name not in held:
            yield f"{name}: is in the source and not in the map"
        elif held[name].split() != wanted.split():
            yield f"{name}: the map holds {_brief(held[name])}, its files {_brief(wanted)}"
    for name in held:
        if name not in source:
            yield f"{name}: is in the map and not in the source"


def _brief(pem: bytes) -> str:
    leaf = _leaf(pem)
    if leaf is None:
        return "no certificate"
    return f"the certificate until {leaf.not_after:%Y-%m-%d %H:%M} UTC ({leaf.sha256[:12]}…)"


def _leaf(pem: bytes) -> Certificate | None:
    try:
        certificates = parse(pem, "map").certificates
    except LetterlockError:
        return None
    return certificates[0].certificate if certificates else None
