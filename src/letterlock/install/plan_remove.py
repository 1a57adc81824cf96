"""Names taken out again: their entries in both servers, and their certificates in the store."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from letterlock.certs.store import STORE, folder_name
from letterlock.install import disk
from letterlock.install.default_certificate import DefaultCertificate
from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.plan_names_dovecot import names_in_blocks, plan_names_removed_dovecot
from letterlock.install.plan_names_postfix import names_in_tables, plan_names_removed
from letterlock.install.state import refusing
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan, Reason
from letterlock.servers.sni_tables import SniTables

_REASON = (Reason("nothing names this certificate any more", "letterlock remove"),)


def plan_remove(
    names: Sequence[str],
    postfix: PostfixDraft | None,
    dovecot: DovecotDraft | None,
    tables: SniTables | None,
    defaults: Iterable[DefaultCertificate],
    root: Path,
) -> Plan:
    """The plan that takes the names out of both servers, and their folders in the store away
    unless something else still names them.

    Raises InputError for a name that has no entry, RefusedError for the default certificate's."""
    _refuse_default(names, defaults)
    present = names_served(postfix, dovecot, tables)
    for name in names:
        if name not in present:
            raise InputError(_unknown(name, present), remedy="letterlock history lists the runs")
    if postfix and tables:
        plan_names_removed(postfix, names, tables)
    if dovecot:
        plan_names_removed_dovecot(dovecot, names)
    left = {file for name, files in present.items() if name not in names for file in files}
    gone = {file for name in names for file in present[name]}
    folders = _folders(gone) - _folders(left | {default.file for default in defaults})
    with refusing("cannot be read"):
        stored = tuple(change for folder in sorted(folders) for change in _emptied(folder, root))
    edits = (
        *(postfix.changes() if postfix else ()),
        *(dovecot.changes() if dovecot else ()),
    )
    servers = (("Postfix", postfix), ("Dovecot", dovecot))
    return Plan(
        verb="remove",
        subject=names[0],
        changes=(*edits, *stored),
        servers=tuple(name for name, draft in servers if draft and draft.changes()),
        expectations=(),
        notices=(
            *(postfix.notices if postfix else ()),
            *(dovecot.notices if dovecot else ()),
            *_kept(gone, folders),
        ),
    )


def names_served(
    postfix: PostfixDraft | None, dovecot: DovecotDraft | None, tables: SniTables | None
) -> dict[str, tuple[str, ...]]:
    """Every name with an entry or block of its own, and the files it is served."""
    found: dict[str, tuple[str, ...]] = {}
    for served in (
        names_in_blocks(dovecot) if dovecot else {},
        names_in_tables(postfix, tables) if postfix and tables else {},
    ):
        for name, files in served.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *files)))
    return found


def _refuse_default(names: Sequence[str], defaults: Iterable[DefaultCertificate]) -> None:
    for default in defaults:
        for name in names:
            if default.folder == folder_name(name):
                raise RefusedError(
                    f"{name} has the default certificate of {default.server}, which clients "
                    f"that name no host are served ({default.file})",
                    remedy="let another name have it first: letterlock secure OTHER --default …",
                )


def _unknown(name: str, present: Mapping[str, object]) -> str:
    known = sorted(present)
    shown = ", ".join(known[:6]) + (f" and {len(known) - 6} more" if known[6:] else "")
    return f"{name} has no certificate of its own here; " + (
        f"these have: {shown}" if known else "no name has"
    )


def _folders(files: Collection[str]) -> set[str]:
    """The store's folders that files of configurations are in."""
    prefix = f"{STORE}/"
    inside = (file.removeprefix(prefix) for file in files if file.startswith(prefix))
    return {f"{prefix}{rest.split('/', 1)[0]}" for rest in inside if "/" in rest}


def _kept(gone: Collection[str], folders: set[str]) -> Iterator[str]:
    for folder in sorted(_folders(gone) - folders):
        yield f"{folder} stays: another name is served the certificate in it"
    outside = sorted(file for file in gone if not file.startswith(f"{STORE}/"))
    if outside:
        yield f"these files are not letterlock's and stay: {', '.join(outside)}"


def _emptied(folder: str, root: Path) -> Iterator[Change]:
    """A folder of the store taken away with all its versions. Raises RefusedError where there is
    something in it that letterlock does not put there."""
    top = root / folder.lstrip("/")
    folders: list[Path] = []
    for place, inner, files in os.walk(top):
        folders.append(Path(place))
        for name in sorted((*inner, *files)):
            here = Path(place, name)
            path = Path("/", here.relative_to(root))
            if here.is_symlink():
                yield LinkChange(path, disk.read_link(here), None, _REASON)
            elif here.is_file():
                secret = name in ("key.pem", "combined.pem")
                yield FileChange(path, disk.read_file(here), None, 0o600, secret, _REASON)
            elif not here.is_dir():
                raise RefusedError("is neither file nor folder", where=Location(str(path)))
    for each in reversed(folders):
        path = Path("/", each.relative_to(root))
        yield DirectoryChange(path, reasons=_REASON, remove=True)
