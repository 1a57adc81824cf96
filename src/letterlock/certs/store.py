"""Where certificates live on the server, and what must change there for a new one."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from letterlock.certs.bundle import Bundle
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import address, ascii_name
from letterlock.model.certificate import KeyType
from letterlock.model.errors import Location
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Reason
from letterlock.model.rooted import follow, outside

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
class StoredPair:
    """A certificate with its chain, and its key, as files. The paths stay the same over renewals;
    in the combined layout all three are the one file. `key_type` is None for a key that is neither
    RSA nor ECDSA, such as Ed25519."""

    certificate_file: str
    key_file: str
    combined_file: str | None
    leaf_sha256: str
    key_type: KeyType | None


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """Where the certificates of a host lie once `changes` are made: one pair, or one for RSA and
    one for ECDSA, in this order. `version` names the folder that `current` points to, None in the
    guide's own places."""

    changes: tuple[Change, ...]
    pairs: tuple[StoredPair, ...]
    version: str | None = None

    @property
    def primary(self) -> StoredPair:
        """The first, which stands where a server has but one: every client can use RSA."""
        return self.pairs[0]

    @property
    def alternative(self) -> StoredPair | None:
        """The ECDSA pair beside an RSA one."""
        return self.pairs[1] if len(self.pairs) > 1 else None


def plan_store(
    host: str,
    bundles: Sequence[Bundle],
    layout: Layout,
    at: datetime,
    root: Path = Path("/"),
    *,
    certificate_folder: str | None = None,
    key_folder: str | None = None,
) -> StoredCertificate:
    """The changes that put `bundles` in place for `host`; none where they are in place already.
    One bundle, or one with an RSA key and one with an ECDSA key, whose files are called
    `…-ecdsa…`.

    By default a new version in STORE/HOST and a switch of its link `current`. With
    `certificate_folder` or `key_folder`, `HOST.pem` and `HOST.key` there instead, the other of
    the two being the guide's. `root` is the server's `/` as a path of ours; the changes' paths are
    the server's own. Reads what is there, writes nothing.

    Raises CertificateError where something else is in the way."""
    slots = _slots(bundles)
    name = folder_name(host)
    tree = _Tree(root)
    if certificate_folder or key_folder:
        return _plan_fixed(
            name, slots, layout, tree, certificate_folder or CERTIFICATES, key_folder or KEYS
        )
    return _plan_version(name, slots, layout, at, tree)


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


#: What the names of the second pair's files end in.
ECDSA_SUFFIX = "-ecdsa"

#: A bundle and what its files' names end in.
_Slot = tuple[Bundle, str]


def _slots(bundles: Sequence[Bundle]) -> tuple[_Slot, ...]:
    """RSA first, which every client can use; one certificate alone is the first, whatever its
    key."""
    if len(bundles) == 1:
        return ((bundles[0], ""),)
    by_type = {bundle.leaf.public_key.key_type: bundle for bundle in bundles}
    if len(bundles) != len(KeyType) or set(by_type) != set(KeyType):
        raise ValueError("one bundle, or one with an RSA key and one with an ECDSA key")
    return ((by_type[KeyType.RSA], ""), (by_type[KeyType.ECDSA], ECDSA_SUFFIX))


def _contents(slots: Iterable[_Slot]) -> tuple[tuple[str, bytes, int], ...]:
    """File name, contents, mode."""
    return tuple(
        file
        for bundle, suffix in slots
        for file in (
            (f"fullchain{suffix}.pem", bundle.fullchain_pem, 0o644),
            (f"key{suffix}.pem", bundle.key_pem, _KEY_MODE),
            (f"combined{suffix}.pem", bundle.combined_pem, _KEY_MODE),
        )
    )


def _pair(bundle: Bundle, certificate: Path, key: Path, combined: Path | None) -> StoredPair:
    leaf = bundle.leaf
    return StoredPair(
        str(combined or certificate),
        str(combined or key),
        str(combined) if combined else None,
        leaf.sha256,
        leaf.public_key.key_type,
    )


def _plan_version(
    name: str, slots: tuple[_Slot, ...], layout: Layout, at: datetime, tree: _Tree
) -> StoredCertificate:
    folder = Path(STORE) / name
    present = tree.link_text(folder / "current")
    version = present
    changes: tuple[Change, ...] = ()
    if present is None or not _holds(tree, folder / present, slots):
        version = _version_name(slots, at)
        changes = _new_version(tree, folder, version, present, slots)
    current = folder / "current"
    pairs = tuple(
        _pair(
            bundle,
            current / f"fullchain{suffix}.pem",
            current / f"key{suffix}.pem",
            current / f"combined{suffix}.pem" if layout is Layout.COMBINED else None,
        )
        for bundle, suffix in slots
    )
    return StoredCertificate(changes, pairs, version)


def _version_name(slots: Iterable[_Slot], at: datetime) -> str:
    """Sorts by time; the digest tells versions of one second apart."""
    digest = hashlib.sha256()
    for bundle, _ in slots:
        digest.update(bundle.fullchain_pem + bundle.leaf.spki_sha256.encode())
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest.hexdigest()[:6]}"


def _new_version(
    tree: _Tree, folder: Path, version: str, present: str | None, slots: Iterable[_Slot]
) -> tuple[Change, ...]:
    kept = Reason("each version of a certificate is kept beside the others", "letterlock")
    switch = Reason("one atomic switch to the new version; paths stay the same", "letterlock")
    target = folder / version
    files = tuple(
        FileChange(
            target / name, tree.read(target / name), content, mode, mode == _KEY_MODE, (kept,)
        )
        for name, content, mode in _contents(slots)
    )
    return (
        *tree.missing_folders(target),
        *(change for change in files if change.before != change.after),
        LinkChange(folder / "current", present, version, (switch,)),
    )


def _holds(tree: _Tree, folder: Path, slots: Sequence[_Slot]) -> bool:
    """Whether a version is these bundles to the byte and no more, its keys guarded."""
    if len(slots) == 1 and tree.read(folder / f"fullchain{ECDSA_SUFFIX}.pem") is not None:
        return False
    return all(
        tree.read(folder / name) == content
        and (mode != _KEY_MODE or tree.is_guarded(folder / name))
        for name, content, mode in _contents(slots)
    )


def _plan_fixed(
    name: str,
    slots: tuple[_Slot, ...],
    layout: Layout,
    tree: _Tree,
    certificates: str,
    keys: str,
) -> StoredCertificate:
    certificate_folder, key_folder = _absolute(certificates), _absolute(keys)
    changes: list[Change] = []
    pairs = []
    for bundle, suffix in slots:
        combined = key_folder / f"{name}{suffix}.pem" if layout is Layout.COMBINED else None
        certificate = certificate_folder / f"{name}{suffix}.pem"
        key = key_folder / f"{name}{suffix}.key"
        if combined is not None:
            changes += _fixed_file(tree, combined, bundle.combined_pem, _KEY_MODE)
        else:
            changes += _fixed_file(tree, certificate, bundle.fullchain_pem, 0o644)
            changes += _fixed_file(tree, key, bundle.key_pem, _KEY_MODE)
        pairs.append(_pair(bundle, certificate, key, combined))
    return StoredCertificate(_once(changes), tuple(pairs))


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
        """The path by which we reach it, through that system's links."""
        return path if self.root == Path("/") else outside(self.root, follow(self.root, path))

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
            return str((self.outside(link.parent) / link.name).readlink())
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
            here = self.outside(one)
            if here.is_dir():
                break
            if here.is_symlink() or here.exists():
                raise CertificateError("is no folder", where=Location(str(one)))
            missing.append(DirectoryChange(one, mode if one == folder else 0o755))
        return tuple(reversed(missing))
