"""The index of a Postfix SNI table made anew, as a change of its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import FileChange, Reason
from letterlock.servers.postfix import Postfix
from letterlock.servers.sni_tables import SniTable, SniTables, same_contents

_REASON = Reason(
    "postmap -F: the contents of those files, keys among them",
    "postconf(5) tls_server_sni_maps; postmap(1) -F",
)


def index_change(
    tables: SniTables, table: SniTable, wanted: Mapping[str, bytes] | None
) -> FileChange | None:
    """What lets the index hold just `wanted`; None as `wanted`: what takes it away. None where
    nothing is to be changed, or the type has no index. Raises InputError with postmap's words."""
    if table.index_path is None:
        return None
    if wanted is None:
        after = None
        if table.index is None:
            return None
    elif table.index is not None and same_contents(table.present, wanted):
        return None
    else:
        after = tables.build(table.type, wanted)
    path = Path(table.index_path)
    return FileChange(path, table.index, after, 0o600, secret=True, reasons=(_REASON,))


def rebuilt(postfix: Postfix, name: str) -> FileChange | None:
    """A table's index as its source's files are now; None where it holds that.

    Raises RefusedError where it cannot be built: the one in use is not touched."""
    tables = SniTables.of(postfix)
    try:
        table = tables.read(name)
        if table.index_path is None:
            raise RefusedError(
                f"a {table.type} table is not built by postmap", where=Location(name)
            )
        wanted = {}
        for key, entry in table.document().entries().items():
            pem = tables.contents(entry.files)
            if pem is None:
                raise RefusedError(
                    f"a file of {key} cannot be read: {', '.join(entry.files)}",
                    where=Location(table.path, entry.line),
                )
            wanted[key] = pem
        return index_change(tables, table, wanted)
    except InputError as error:
        raise RefusedError(f"{error}; the map is as it was") from error
