"""A Postfix SNI map made again from its source, beside the one in use."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path, PurePosixPath

from letterlock.install.place import follow, outside
from letterlock.model.errors import Location, RefusedError
from letterlock.model.plan import FileChange, Reason
from letterlock.model.status import SniMap
from letterlock.servers.postfix import Postfix
from letterlock.servers.sni_map import build_command, split_table

_WHY = Reason(
    "the map holds the contents of its files, and they have changed",
    "postconf(5) tls_server_sni_maps; postmap(1) -F",
)


def rebuilt(postfix: Postfix, table: SniMap) -> FileChange:
    """What its file would become. Built by postmap itself in a folder that only root may enter,
    since keys go into it.

    Raises RefusedError with postmap's words; the map in use is not touched."""
    kind, source = split_table(table.table)
    root, file = postfix.tools.root, table.file
    if file is None:
        raise RefusedError(f"a {kind} table is not built by postmap", where=table.where)
    place = PurePosixPath(follow(root, source))
    try:
        folder = Path(tempfile.mkdtemp(prefix=".letterlock-", dir=outside(root, str(place.parent))))
    except OSError as error:
        raise RefusedError(
            f"nothing can be built there: {error.strerror}", where=Location(str(place.parent))
        ) from error
    try:
        shutil.copyfile(outside(root, str(place)), folder / place.name)
        inside = place.parent / folder.name / place.name
        done = postfix.tools.run(*build_command(postfix, f"{kind}:{inside}"))
        if not done.ok or done.complaints:
            said = "; ".join(done.complaints) or "fails"
            raise RefusedError(f"postmap -F {table.table}: {said}; the map is as it was")
        built = folder / f"{place.name}{file.removeprefix(source)}"
        now = outside(root, follow(root, file))
        before = now.read_bytes() if now.exists() else None
        return FileChange(Path(file), before, built.read_bytes(), 0o600, True, (_WHY,))
    except OSError as error:
        raise RefusedError(f"cannot be built: {error.strerror}", where=Location(file)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
