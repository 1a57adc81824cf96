"""Where certificates live on the server, and what must change there for a new one."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from letterlock.certs.bundle import Bundle
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import address, ascii_name
from letterlock.model.errors import Location
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Reason

#: The store's folder in the server's own tree.
STORE = "/etc/ssl/letterlock"
#: Where the guide (and Debian) keep certificates and keys.
CERTIFICATES, KEYS = "/etc/ssl/certs", "/etc/ssl/private"

_KEY_MODE = 0o600


class Layout(StrEnum):
    """Which files the servers' configurations name: certificate and key, or one file with both."""

    SEPARATE = "separate"
    COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """Where a bundle lies once `changes` are made. The `…_file` paths stay the same over renewals;
    in the combined layout all three are the one file. `version` names the folder that `current`
    points to, None in the guide's own places."""

    changes: tuple[Change, ...]
    certificate_file: str
    key_file: str
    combined_file: str | None
    version: str | None = None


def plan_store(
    host: str,
    bundle: Bundle,
    layout: Layout,
    at: datetime,
    root: Path = Path("/"),
    *,
    certificate_folder: str | None = None,
    key_folder: str | None = None,
) -> StoredCertificate:
    """The changes that put `bundle` in place for `host`; none where it is in place already.

    By default a new version in STORE/HOST and a switch of its link `current`. With
    `certificate_folder` or `key_folder`, `HOST.pem` and `HOST.key` there instead, the other of
    the two being the guide's. `root` is the server's `/` as a path of ours; the changes' paths are
    the server's own. Reads what is there, writes nothing.

    Raises CertificateError where something else is in the way."""
    name = folder_name(host)
    tree = _Tree(root)
    if certificate_folder or key_folder:
        return _plan_fixed(
            name, bundle, layout, tree, certificate_folder or CERTIFICATES, key_folder or KEYS
        )
    return _plan_version(name, bundle, layout, at, tree)


def folder_name(host: str) -> str:
    """A host name or address as one path component: A-labels, `_wildcard.` for `*.`.

    Raises CertificateError for what is neither."""
    literal = address(host)
    if literal is not None:
        return str(literal).replace(":", "-")
    name = ascii_name(host)
    if name.startswith("_wildcard."):
        raise CertificateError(f"{host!r} is not a host name")
    return name.replace("*.", "_wildcard.", 1)


def _contents(bundle: Bundle) -> tuple[tuple[str, bytes, int], ...]:
    """File name, contents, mode."""
    return (
        ("fullchain.pem", bundle.fullchain_pem, 0o644),
        ("key.pem", bundle.key_pem, _KEY_MODE),
        ("combined.pem", bundle.combined_pem, _KEY_MODE),
    )


def _plan_version(
    name: str, bundle: Bundle, layout: Layout, at: datetime, tree: _Tree
) -> StoredCertificate:
    folder = Path(STORE) / name
    present = tree.link_text(folder / "current")
    version = present
    changes: tuple[Change, ...] = ()
    if present is None or not _holds(tree, folder / present, bundle):
        version = _version_name(bundle, at)
        changes = _new_version(tree, folder, version, present, bundle)
    current = folder / "current"
    if layout is Layout.COMBINED:
        combined = str(current / "combined.pem")
        return StoredCertificate(changes, combined, combined, combined, version)
    return StoredCertificate(
        changes, str(current / "fullchain.pem"), str(current / "key.pem"), None, version
    )


def _version_name(bundle: Bundle, at: datetime) -> str:
    """Sorts by time; the digest tells versions of one second apart."""
    digest = hashlib.sha256(bundle.fullchain_pem + bundle.leaf.spki_sha256.encode()).hexdigest()
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:6]}"


def _new_version(
    tree: _Tree, folder: Path, version: str, present: str | None, bundle: Bundle
) -> tuple[Change, ...]:
    kept = Reason("each version of a certificate is kept beside the others", "letterlock")
    switch = Reason("one atomic switch to the new version; paths stay the same", "letterlock")
    target = folder / version
    files = tuple(
        FileChange(
            target / name, tree.read(target / name), content, mode, mode == _KEY_MODE, (kept,)
        )
        for name, content, mode in _contents(bundle)
    )
    return (
        *tree.missing_folders(target),
        *(change for change in files if change.before != change.after),
        LinkChange(folder / "current", present, version, (switch,)),
    )


def _holds(tree: _Tree, folder: Path, bundle: Bundle) -> bool:
    """Whether a version is this bundle to the byte, its keys guarded."""
    return all(
        tree.read(folder / name) == content
        and (mode != _KEY_MODE or tree.is_guarded(folder / name))
        for name, content, mode in _contents(bundle)
    )


def _plan_fixed(
    name: str, bundle: Bundle, layout: Layout, tree: _Tree, certificates: str, keys: str
) -> StoredCertificate:
    certificate_folder, key_folder = _absolute(certificates), _absolute(keys)
    if layout is Layout.COMBINED:
        combined = key_folder / f"{name}.pem"
        one_file = tuple(_fixed_file(tree, combined, bundle.combined_pem, _KEY_MODE))
        return StoredCertificate(one_file, str(combined), str(combined), str(combined))
    certificate = certificate_folder / f"{name}.pem"
    key = key_folder / f"{name}.key"
    changes = (
        *_fixed_file(tree, certificate, bundle.fullchain_pem, 0o644),
        *_fixed_file(tree, key, bundle.key_pem, _KEY_MODE),
    )
    return StoredCertificate(_once(changes), str(certificate), str(key), None)


def _once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each path once: certificate and key may share a folder that is to be made."""
    first: dict[Path, Change] = {}
    for change in changes:
        first.setdefault(change.path, change)
    return tuple(first.values())


def _absolute(folder: str) -> Path:
    if not folder.startswith("/") or ".." in Path(folder).parts:
        raise CertificateError(f"the folder {folder!r} is not an absolute path without ..")
    return Path(folder)


def _fixed_file(tree: _Tree, path: Path, content: bytes, mode: int) -> list[Change]:
    before = tree.read(path)
    secret = mode == _KEY_MODE
    if before is not None and secret and not tree.is_guarded(path):
        raise CertificateError(
            "is readable by others than its owner, and keeps its mode",
            where=Location(str(path)),
            remedy=f"chmod 600 {path}",
        )
    if before == content:
        return []
    asked = Reason("the place asked for", "--cert-dir, --key-dir")
    folders = tree.missing_folders(path.parent, 0o700 if secret else 0o755)
    return [*folders, FileChange(path, before, content, mode, secret, (asked,))]


@dataclass(frozen=True, slots=True)
class _Tree:
    """The server's own tree below our folder `root`, read only."""

    root: Path

    def outside(self, path: Path) -> Path:
        return self.root / str(path).lstrip("/")

    def read(self, path: Path) -> bytes | None:
        """A file's bytes, None where there is none. Raises CertificateError where it is no file
        or not ours to read."""
        try:
            return self.outside(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CertificateError(
                f"cannot be read ({error.strerror})", where=Location(str(path))
            ) from error

    def link_text(self, link: Path) -> str | None:
        """Where a symbolic link points, None where there is nothing."""
        try:
            return str(self.outside(link).readlink())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CertificateError(
                f"is no symbolic link that can be read ({error.strerror})",
                where=Location(str(link)),
                remedy="move it away",
            ) from error

    def is_guarded(self, path: Path) -> bool:
        """Whether only its owner may read a file."""
        return stat.S_IMODE(self.outside(path).stat().st_mode) & 0o077 == 0

    def missing_folders(self, folder: Path, mode: int = 0o755) -> tuple[DirectoryChange, ...]:
        """The folder and its parents that are not there, outermost first; `mode` is the folder's.
        What they hold is public; the keys in them are guarded by their own mode."""
        missing = []
        for one in (folder, *folder.parents[:-1]):
            outside = self.outside(one)
            if outside.is_dir():
                break
            if outside.is_symlink() or outside.exists():
                raise CertificateError("is no folder", where=Location(str(one)))
            missing.append(DirectoryChange(one, mode if one == folder else 0o755))
        return tuple(reversed(missing))
