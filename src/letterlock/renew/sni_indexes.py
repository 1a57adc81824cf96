"""SNI tables that hold a copy of what is renewed, built again with nothing else in them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from letterlock.certs import material
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import PrivateKey
from letterlock.install.place import follow, outside
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location, RefusedError
from letterlock.model.plan import Change, FileChange, LinkChange
from letterlock.servers.sni_tables import SniTable, joined

#: What lets the index of a table hold just these contents; None where it does.
Rebuild = Callable[[SniTable, Mapping[str, bytes]], FileChange | None]


def _cannot(table: SniTable, _wanted: Mapping[str, bytes]) -> FileChange | None:
    raise RefusedError("there is no postmap to build it with", where=Location(table.path))


@dataclass(frozen=True, slots=True)
class Indexes:
    """The tables that are in force, by name, and what builds one."""

    tables: Mapping[str, SniTable] = field(default_factory=dict)
    rebuild: Rebuild = _cannot

    def leaf(self, table: str, key: str) -> Certificate | None:
        """The leaf that an index holds for a key."""
        held = self.tables[table].present.get(key) if table in self.tables else None
        if held is None:
            return None
        try:
            found = material.parse(held, table).certificates
        except CertificateError:
            return None
        return found[0].certificate if found else None

    def changes(
        self, wanted: Iterable[tuple[str, str]], leaf: Certificate, files: PlannedFiles
    ) -> Iterator[FileChange]:
        """Of each table's keys in `wanted` the contents as their files will be; of every other one
        what the index has now, even where its files say something newer: that is not what is being
        deployed. Raises RefusedError where a file cannot be read or the key is not the leaf's."""
        by_table: dict[str, list[str]] = {}
        for name, key in wanted:
            by_table.setdefault(name, []).append(key)
        for name, keys in by_table.items():
            table = self.tables[name]
            entries = table.document().entries()
            contents = dict(table.present)
            for key in keys:
                entry = entries[key]
                where = Location(table.path, entry.line)
                contents[key] = joined(files.read(file, where) for file in entry.files)
                _refuse_other_key(contents[key], leaf, where)
            if table.index_path is None:
                continue
            change = self.rebuild(table, contents)
            if change is not None:
                yield change


def _refuse_other_key(pem: bytes, leaf: Certificate, where: Location) -> None:
    """postmap -F does not look, and Postfix would end every handshake with that name."""
    try:
        keys = material.parse(pem, str(where)).keys
        opened = [each if isinstance(each, PrivateKey) else each.unlock(None) for each in keys]
    except CertificateError as error:
        raise RefusedError(f"its files cannot be used: {error}", where=where) from error
    if not any(key.belongs_to(leaf) for key in opened):
        raise RefusedError(
            "names no private key that belongs to the new certificate",
            where=where,
            remedy="let it name the key that was handed over, before the certificate",
        )


class PlannedFiles:
    """The files of the system below `root` as they will be once changes are made."""

    def __init__(self, root: Path, changes: Iterable[Change]) -> None:
        self._root = root
        self._files: dict[Path, bytes] = {}
        self._links: dict[Path, str] = {}
        for change in changes:
            if isinstance(change, FileChange) and change.after is not None:
                self._files[change.path] = change.after
            elif isinstance(change, LinkChange) and change.after is not None:
                self._links[change.path] = change.after

    def read(self, file: str, where: Location) -> bytes:
        """Raises RefusedError for one that cannot be read; `where` names it."""
        path = Path(file)
        link = self._links.get(path.parent)
        if link is not None:
            path = path.parent.parent / link / path.name
        planned = self._files.get(path)
        if planned is not None:
            return planned
        try:
            return material.read_bytes(outside(self._root, follow(self._root, path)))
        except CertificateError as error:
            raise RefusedError(f"{file}: {error.what}", where=where) from error
