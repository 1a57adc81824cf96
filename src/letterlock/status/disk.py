"""References read: the certificates that the disk holds for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.keys import PrivateKey, SealedKey
from letterlock.certs.material import Material, parse
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError, Location
from letterlock.model.status import ExposedKey, Installed, Reference
from letterlock.model.unknown import Unknown
from letterlock.status.files import Files
from letterlock.status.names import verified_name


@dataclass(frozen=True, slots=True)
class Judge:
    """Whom a client believes, when, and the name that --name asks for."""

    trust: TrustStore
    at: datetime
    name: str | None = None


def installed(reference: Reference, files: Files, judge_by: Judge) -> tuple[Installed, ...]:
    """The certificates of a reference: one, or one for each kind of key that its files hold. With a
    `fault` where a file is missing, cannot be read or holds none."""
    try:
        material = Material.together(files.material(path) for path in reference.files)
        keys = _unlocked(material)
    except InputError as error:
        return (_faulty(reference, error),)
    return _read(reference, material, keys, judge_by)


def installed_in_map(
    reference: Reference, held: bytes, built: str, judge_by: Judge
) -> tuple[Installed, ...]:
    """The same of what an SNI map holds for a name; `built` is the map's file."""
    try:
        material = parse(held, built)
        keys = _unlocked(material)
    except InputError as error:
        return (_faulty(reference, error),)
    return tuple(replace(each, file=built) for each in _read(reference, material, keys, judge_by))


def _faulty(reference: Reference, error: InputError) -> Installed:
    place = str(error.where or reference.where)
    return Installed(reference, place, (), None, Unknown("not read"), fault=str(error))


def _unlocked(material: Material) -> tuple[PrivateKey | Unknown, ...]:
    """The keys; one that is encrypted cannot be compared."""
    found: list[PrivateKey | Unknown] = []
    for key in material.keys:
        if isinstance(key, SealedKey):
            try:
                found.append(key.unlock(None))
            except CertificateError as error:
                if "encrypted" not in error.what:
                    raise
                found.append(Unknown(f"{key.where}: the private key is encrypted"))
        else:
            found.append(key)
    return tuple(found)


def _read(
    reference: Reference,
    material: Material,
    keys: Sequence[PrivateKey | Unknown],
    judge_by: Judge,
) -> tuple[Installed, ...]:
    if not material.certificates:
        files = ", ".join(reference.files)
        error = InputError("no certificate in it", where=Location(files))
        return (_faulty(reference, error),)
    found = []
    for place, chain in _chains(material, keys):
        name = verified_name(reference, chain[0], judge_by.name)
        matches = _matches(chain[0], keys)
        verdict = judge(chain, name, judge_by.trust, judge_by.at)
        fault = None if matches is not False else _no_key(reference, chain[0], place)
        found.append(Installed(reference, place, chain, verdict, matches, fault))
    return tuple(found)


def _chains(
    material: Material, keys: Iterable[PrivateKey | Unknown]
) -> tuple[tuple[str, tuple[Certificate, ...]], ...]:
    """Each leaf with what follows it, and its place. A leaf is the first certificate, and any other
    that one of the keys belongs to."""
    opened = [key for key in keys if isinstance(key, PrivateKey)]
    found: list[tuple[str, list[Certificate]]] = []
    for number, one in enumerate(material.certificates):
        own = any(key.belongs_to(one.certificate) for key in opened)
        if number == 0 or own:
            found.append((str(one.where), []))
        found[-1][1].append(one.certificate)
    return tuple((place, tuple(chain)) for place, chain in found)


def _matches(leaf: Certificate, keys: Sequence[PrivateKey | Unknown]) -> bool | Unknown:
    for key in keys:
        if isinstance(key, PrivateKey) and key.belongs_to(leaf):
            return True
    unknown = next((key for key in keys if isinstance(key, Unknown)), None)
    return False if unknown is None else unknown


def _no_key(reference: Reference, leaf: Certificate, place: str) -> str:
    files = ", ".join(reference.files)
    return f"{place}: no private key in {files} belongs to the certificate {leaf.subject}"


def exposed(
    references: Iterable[Reference], maps: Mapping[str, str], files: Files
) -> tuple[ExposedKey, ...]:
    """The files with an unencrypted key that everybody may read; `maps` are built SNI maps, by
    file, with their server: they hold keys by their nature."""
    wanted: dict[str, tuple[str, bool]] = {file: (server, True) for file, server in maps.items()}
    for reference in references:
        for file in reference.files:
            wanted.setdefault(file, (reference.server, False))
    found = []
    for file, (server, is_map) in wanted.items():
        mode = files.open_to_all(file)
        if mode is not None and (is_map or files.holds_key(file)):
            found.append(ExposedKey(file, mode, server))
    return tuple(found)
