"""Postfix's SNI maps: what each holds, and whether its source's files say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from letterlock.certs.material import parse
from letterlock.model.certificate import Certificate
from letterlock.model.errors import LetterlockError, Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Installed, Reference, SniMap
from letterlock.model.unknown import Unknown
from letterlock.servers.postfix import Postfix
from letterlock.servers.sni_map import (
    built_file,
    held_entries,
    read_from_text,
    source_entries,
    split_table,
)
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
    source = source_entries(postfix, table)
    named = {} if isinstance(source, Unknown) else source

    def reference(name: str) -> Reference:
        return Reference(
            server="Postfix",
            setting="tls_server_sni_maps",
            where=Location(split_table(table)[1] or table),
            scope=name,
            files=named.get(name, ()),
            names=(name,),
            endpoints=endpoints,
            table=table,
        )

    file = built_file(table)
    if read_from_text(table):
        given = tuple(
            each for name in named for each in installed(reference(name), files, judge_by)
        )
        stale: tuple[str, ...] | Unknown = source if isinstance(source, Unknown) else ()
        return MapReading(SniMap(table, None, where, stale), given)
    held = held_entries(postfix, table)
    if isinstance(held, Unknown):
        return MapReading(SniMap(table, file, where, held), ())
    given = tuple(
        each
        for name, pem in held.items()
        for each in installed_in_map(reference(name), pem, file or table, judge_by)
    )
    if isinstance(source, Unknown):
        return MapReading(SniMap(table, file, where, source), given)
    differences = tuple(_differences(held, source, files))
    would_be = (each for name in source for each in installed(reference(name), files, judge_by))
    unusable = next((each.fault for each in would_be if each.fault), None)
    return MapReading(SniMap(table, file, where, differences, unusable), given)


def _differences(
    held: Mapping[str, bytes], source: Mapping[str, tuple[str, ...]], files: Files
) -> Iterator[str]:
    for name, paths in source.items():
        try:
            wanted = b"\n".join(files.contents(path) for path in paths)
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
