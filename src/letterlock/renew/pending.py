"""Deployments that are not done yet, on disk until they are.

An ACME client runs its hook once, and most go on as if nothing had happened when it fails (certbot
issue 8528; acme.sh's reloadcmd). So what was handed over is kept before anything is tried, and
dropped once it is served: an error, a kill and a power failure all leave it here.

One folder for each in `pending/` of letterlock's own folder: the files handed over, 0600, and the
record, written last. Beside them lies a reserve of some blocks, given up where the disk is full, so
that it is not full for this.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from letterlock.certs import material
from letterlock.certs.bundle import CertificateFiles
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import ascii_name
from letterlock.install import disk
from letterlock.install.state import StateFolder, refusing
from letterlock.model.certificate import Certificate
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.renew.handover import Embedded, Handover

_RECORD = "record.json"
_STAMP = "%Y%m%dT%H%M%S%fZ"
#: Enough for a few certificates with their keys; a name that is no pending one's.
_RESERVE, _RESERVE_BYTES = ".reserve", 128 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CERTIFICATE, _KEY, _CHAIN = "certificate.pem", "key.pem", "chain-{}.pem"
#: What stands in the record until an attempt has ended: it outlives a kill.
UNDER_WAY = "it was cut short before it was done"


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`certificate`, `key` and `chain` are the paths handed over, empty where the contents stood
    inside another file; times are UTC in ISO 8601."""

    client: str
    subject: str
    since: str
    tried: str
    attempts: int
    reason: str
    certificate: str = ""
    key: str = ""
    chain: tuple[str, ...] = ()
    host: str | None = None
    ca_file: str | None = None
    allow_self_signed: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """One deployment to be tried again. `since` is when it was handed over, `tried` the last
    attempt; `reason` why that failed; `certificate` None where the file cannot be read any more.
    `copied`: its files are kept here, so it does not depend on the client's."""

    id: str
    client: str
    subject: str
    since: datetime
    tried: datetime
    attempts: int
    reason: str
    certificate: Certificate | None
    copied: bool
    handover: Handover

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the certificate is for, else what the client calls it."""
        return self.certificate.dns_names if self.certificate else (self.subject,)

    def supersedes(self, other: Pending) -> bool:
        """Whether this is a newer certificate for the same names and of the same key type."""
        mine, theirs = self.certificate, other.certificate
        if self.handover.host != other.handover.host:
            return False
        if mine is None or theirs is None:
            return self.subject == other.subject and self.id > other.id
        return (
            set(mine.dns_names) >= set(theirs.dns_names)
            and mine.public_key.algorithm == theirs.public_key.algorithm
            and (mine.not_before, self.id) > (theirs.not_before, other.id)
        )


@dataclass(frozen=True, slots=True)
class Damaged:
    """A folder whose record cannot be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that is kept: what is to be tried again, oldest first, of the same names only the newest;
    and what cannot be, since it is damaged."""

    pending: tuple[Pending, ...]
    damaged: tuple[Damaged, ...]


def waiting(state: StateFolder) -> Waiting:
    """Raises RefusedError where the folder may not be read."""
    found, damaged = _all(state)
    newest = (one for one in found if not any(other.supersedes(one) for other in found))
    return Waiting(tuple(newest), damaged)


def pending(state: StateFolder) -> tuple[Pending, ...]:
    """What of it can be tried again. Raises RefusedError where it may not be read."""
    return waiting(state).pending


def keep(state: StateFolder, handover: Handover, *, unread: bool = False) -> Pending:
    """Put a hand-over on disk before it is tried; with `unread` also one whose files cannot be
    read, by their names.

    Raises CertificateError for files that cannot be read, RefusedError where nothing can be
    written."""
    parts: dict[str, bytes] = {}
    try:
        parts = _parts(handover)
    except CertificateError:
        if not unread:
            raise
    now = datetime.now(UTC).isoformat(timespec="seconds")
    files = handover.contents
    record = _Record(
        client=handover.client,
        subject=handover.subject,
        since=now,
        tried=now,
        attempts=1,
        reason=UNDER_WAY,
        host=handover.host,
        ca_file=handover.ca_file and _absolute(handover.ca_file),
        allow_self_signed=handover.allow_self_signed,
    )
    if isinstance(files, CertificateFiles):
        record = msgspec.structs.replace(
            record,
            certificate=_absolute(files.certificate),
            key=_absolute(files.key) if files.key else "",
            chain=tuple(map(_absolute, files.chain)),
        )
    with refusing("what was handed over cannot be kept"):
        prepare(state)
        folder = _folder(state)
        _clear_leftovers(folder)
        place = folder / f"{datetime.now(UTC):{_STAMP}}-{secrets.token_hex(2)}"
        try:
            _write(place, parts, record)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            (folder / _RESERVE).unlink(missing_ok=True)
            _write(place, parts, record)
    return _read(place)


def prepare(state: StateFolder) -> None:
    """Make the folder and, where there is space, its reserve. Raises OSError, RefusedError."""
    state.prepare()
    folder = _folder(state)
    folder.mkdir(mode=0o700, exist_ok=True)
    reserve = folder / _RESERVE
    if reserve.exists():
        return
    with contextlib.suppress(OSError):
        try:
            disk.write_private(reserve, b"")
            descriptor = os.open(reserve, os.O_WRONLY)
            try:
                os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            reserve.unlink(missing_ok=True)
            raise


def _absolute(path: str) -> str:
    """Links stay: that of a client's newest certificate must lead to a newer one later."""
    return str(Path(path).absolute())


def _folder(state: StateFolder) -> Path:
    return state.path / "pending"


def _parts(handover: Handover) -> dict[str, bytes]:
    contents = handover.contents
    if isinstance(contents, Embedded):
        return {_CERTIFICATE: contents.certificate, _KEY: contents.key}
    parts = {_CERTIFICATE: material.read_bytes(contents.certificate)}
    if contents.key:
        parts[_KEY] = material.read_bytes(contents.key)
    for number, path in enumerate(contents.chain, 1):
        parts[_CHAIN.format(number)] = material.read_bytes(path)
    return parts


def _write(place: Path, parts: dict[str, bytes], record: _Record) -> None:
    place.mkdir(mode=0o700)
    try:
        for name, contents in parts.items():
            disk.write_private(place / name, contents)
        _put(place, record)
        disk.sync_folders([place, place.parent])
    except BaseException:
        _remove(place)
        raise


def _put(place: Path, record: _Record) -> None:
    """The record is there whole or not at all."""
    stage = place / f"{_RECORD}.new"
    disk.remove(stage)
    disk.write_private(stage, msgspec.json.encode(record))
    stage.rename(place / _RECORD)


def _clear_leftovers(folder: Path) -> None:
    """Remove what a kill left half-written, once nobody can be writing it any more."""
    latest = f"{datetime.now(UTC) - timedelta(hours=1):{_STAMP}}"
    for entry in folder.iterdir():
        if entry.name != _RESERVE and entry.name < latest and not (entry / _RECORD).exists():
            _remove(entry)


def failed(state: StateFolder, one: Pending, reason: str, *, again: bool) -> None:
    """Note why an attempt failed; `again` counts it as a further one. Where the disk is full the
    older record stays, which says that it was not done."""
    place = _folder(state) / one.id
    with contextlib.suppress(OSError, ValueError):
        record = msgspec.structs.replace(
            _record(place),
            reason=reason,
            attempts=one.attempts + int(again),
            tried=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        _put(place, record)
        disk.sync_folders([place])


def done(state: StateFolder, one: Pending) -> None:
    """Drop a deployment that is served now, and every one that it supersedes."""
    older: list[Pending] = []
    with contextlib.suppress(RefusedError):
        older = [other for other in _all(state)[0] if one.supersedes(other)]
    for each in (one, *older):
        _remove(_folder(state) / each.id)
    with contextlib.suppress(OSError, RefusedError):
        prepare(state)


def _remove(place: Path) -> None:
    # The record first: without it the rest is nothing.
    with contextlib.suppress(OSError):
        (place / _RECORD).unlink(missing_ok=True)
        shutil.rmtree(place)


def _all(state: StateFolder) -> tuple[tuple[Pending, ...], tuple[Damaged, ...]]:
    with refusing("cannot be read"):
        read = tuple(_read_all(_folder(state)))
    return (
        tuple(each for each in read if isinstance(each, Pending)),
        tuple(each for each in read if isinstance(each, Damaged)),
    )


def _read_all(folder: Path) -> Iterator[Pending | Damaged]:
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.name[0] != ".")
    except FileNotFoundError:
        return
    for name in names:
        try:
            yield _read(folder / name)
        except FileNotFoundError:
            continue  # not there any more, or its record was never written
        except OSError as error:
            yield Damaged(folder / name, f"cannot be read: {error.strerror}")
        except (LetterlockError, ValueError) as error:
            # msgspec.DecodeError is a ValueError, and so is what a date says that is none.
            yield Damaged(folder / name, f"is damaged: {error}")


def _record(place: Path) -> _Record:
    return msgspec.json.decode((place / _RECORD).read_bytes(), type=_Record)


def _time(text: str) -> datetime:
    """Raises ValueError for what is no time, or one without its zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _read(place: Path) -> Pending:
    """Raises FileNotFoundError for a folder whose record was never written, OSError, ValueError
    and CertificateError for one that is damaged."""
    record = _record(place)
    copied = (place / _CERTIFICATE).exists()
    if copied:
        chain = sorted(str(path) for path in place.glob(_CHAIN.format("*")))
        key = place / _KEY
        files = CertificateFiles(
            str(place / _CERTIFICATE), str(key) if key.exists() else None, tuple(chain)
        )
    else:
        files = CertificateFiles(record.certificate, record.key or None, record.chain)
    return Pending(
        id=place.name,
        client=record.client,
        subject=record.subject,
        since=_time(record.since),
        tried=_time(record.tried),
        attempts=record.attempts,
        reason=record.reason,
        certificate=_leaf(files.certificate),
        copied=copied,
        handover=Handover(
            record.client,
            record.subject,
            files,
            record.host and ascii_name(record.host),
            record.ca_file,
            record.allow_self_signed,
        ),
    )


def _leaf(path: str) -> Certificate | None:
    try:
        found = material.read(path).certificates
    except CertificateError:
        return None
    leaves = [one.certificate for one in found if not one.certificate.is_ca]
    return leaves[0] if leaves else None
