"""Certificates of several key types for one server: each certificate with the key that is its own,
in whatever files and order they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from letterlock.certs import material
from letterlock.certs.bundle import Bundle, assembled, instead, refuse, unused
from letterlock.certs.chain import Chain, Fetch, build, find_leaf
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import Password, PrivateKey, SealedKey
from letterlock.certs.material import LoadedCertificate, Material
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate, KeyType


@dataclass(frozen=True, slots=True)
class DeliveredFiles:
    """The paths a user names: certificates, keys (those that are not in the certificates' files),
    more files with intermediates."""

    certificates: tuple[str, ...]
    keys: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    """A key, and those of the certificates given that are its own."""

    key: PrivateKey
    own: tuple[LoadedCertificate, ...]

    @property
    def first(self) -> LoadedCertificate:
        return self.own[0]

    def of_authority(self) -> bool:
        return all(one.certificate.is_ca for one in self.own)


def prepare_pairs(
    files: DeliveredFiles,
    host: str | None,
    trust: TrustStore,
    at: datetime,
    *,
    password: Password | None = None,
    allow_self_signed: bool = False,
    with_root: bool = False,
    fetch: Fetch | None = None,
) -> tuple[Bundle, ...]:
    """The bundles that the files hold, each in order and fit for `host` (None: any name will do):
    one, or one with an RSA key and one with an ECDSA key, in this order.

    Raises CertificateError, one line that names the file, for everything that must not be
    installed: what `bundle.prepare` refuses, a certificate without its key, a key without its
    certificate, two certificates of one key type."""
    delivered = _read(files, password)
    matched, keys = _matched(delivered, password, at)
    # A CA's own key in a laboratory's files is not the server's.
    own = [pair for pair in matched if not pair.of_authority()] or matched[:1]
    pairs = sorted(own, key=_order)
    _refuse_alike(pairs)
    chains = [_chain(pair, pairs, delivered, trust, at, fetch) for pair in pairs]
    for chain in chains:
        refuse(chain, host, trust, at, allow_self_signed=allow_self_signed)
    general = (*unused(delivered.others), *_spare(keys, pairs))
    first, *rest = _notices(chains, delivered.everything)
    notices = ((*general, *first), *rest)
    return tuple(
        assembled(chain, pair.key, told, with_root=with_root)
        for pair, chain, told in zip(pairs, chains, notices, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Delivered:
    """What each file holds, by the option that names it; `others` is what is neither certificate
    nor key."""

    certificates: dict[str, Material]
    chain: dict[str, Material]
    keys: dict[str, Material]
    others: tuple[material.Other, ...]

    @property
    def everything(self) -> tuple[LoadedCertificate, ...]:
        """Every certificate of `--cert` and `--chain`."""
        found = {**self.certificates, **self.chain}.values()
        return tuple(one for each in found for one in each.certificates)


def _read(files: DeliveredFiles, password: Password | None) -> _Delivered:
    """The same file may be named for several things: it is read once."""
    read = {
        path: material.read(path, password)
        for path in dict.fromkeys((*files.certificates, *files.chain, *files.keys))
    }
    for paths, option in ((files.certificates, "--cert"), (files.chain, "--chain")):
        for path in paths:
            if not read[path].certificates:
                raise instead(read[path], "a certificate", path, option)
    for path in files.keys:
        if not read[path].keys:
            raise instead(read[path], "a private key", path, "--key")
    return _Delivered(
        {path: read[path] for path in files.certificates},
        {path: read[path] for path in files.chain},
        {path: read[path] for path in files.keys},
        tuple(other for found in read.values() for other in found.others),
    )


_Keys = dict[str, PrivateKey]


def _matched(
    delivered: _Delivered, password: Password | None, at: datetime
) -> tuple[list[_Pair], _Keys]:
    """The keys that certificates belong to, and all that were opened, by their public half. Where
    keys are named, those in other files are left sealed unless a certificate lacks its key."""
    named = delivered.keys or {**delivered.certificates, **delivered.chain}
    keys = _opened(named, password)
    if not keys:
        raise CertificateError(
            "no private key was given", where=delivered.everything[0].where, remedy="use --key"
        )
    pairs = _belonging(delivered, keys)
    _refuse_unused(delivered, pairs, keys, at)
    if unmatched := _unmatched(delivered, pairs):
        keys |= _opened(unmatched, password)
        pairs = _belonging(delivered, keys)
    for found in _unmatched(delivered, pairs).values():
        leaf = find_leaf(found.certificates, None, at)
        raise CertificateError(
            f"none of the private keys given belongs to the certificate "
            f"{leaf.certificate.subject} ({leaf.certificate.public_key})",
            where=leaf.where,
            remedy="add its key with --key",
        )
    return pairs, keys


def _opened(files: dict[str, Material], password: Password | None) -> _Keys:
    keys: _Keys = {}
    for found in files.values():
        for sealed in found.keys:
            key = sealed.unlock(password) if isinstance(sealed, SealedKey) else sealed
            keys.setdefault(key.spki_sha256, key)
    return keys


def _belonging(delivered: _Delivered, keys: _Keys) -> list[_Pair]:
    found = delivered.everything
    pairs = (
        _Pair(key, tuple(one for one in found if key.belongs_to(one.certificate)))
        for key in keys.values()
    )
    return [pair for pair in pairs if pair.own]


def _unmatched(delivered: _Delivered, pairs: Iterable[_Pair]) -> dict[str, Material]:
    """The files of `--cert` that hold no certificate whose key is known. A file that was named,
    and of which nothing is used, was named by mistake, or its key was forgotten."""
    used = {one.certificate.der for pair in pairs for one in pair.own}
    return {
        path: found
        for path, found in delivered.certificates.items()
        if not any(one.certificate.der in used for one in found.certificates)
    }


def _refuse_unused(
    delivered: _Delivered, pairs: Sequence[_Pair], keys: _Keys, at: datetime
) -> None:
    """The same for the files of `--key`."""
    if not pairs:
        find_leaf(delivered.everything, next(iter(keys.values())), at)
    used = {pair.key.where.path for pair in pairs}
    for path in delivered.keys:
        own = next((key for key in keys.values() if key.where.path == path), None)
        if path not in used and own is not None:
            raise CertificateError(
                "the private key belongs to none of the certificates given",
                where=own.where,
                remedy="leave it out, or add its certificate with --cert",
            )


def _spare(keys: _Keys, pairs: Iterable[_Pair]) -> list[str]:
    chosen = {pair.key.spki_sha256 for pair in pairs}
    return [
        f"{key.where}: not used, a private key of another certificate"
        for spki, key in keys.items()
        if spki not in chosen
    ]


def _order(pair: _Pair) -> int:
    kind = pair.first.certificate.public_key.key_type
    return list(KeyType).index(kind) if kind else len(KeyType)


def _refuse_alike(pairs: Sequence[_Pair]) -> None:
    if len(pairs) == 1:
        return
    seen: dict[KeyType, _Pair] = {}
    for pair in pairs:
        public_key = pair.first.certificate.public_key
        kind = public_key.key_type
        if kind is None:
            raise CertificateError(
                f"a certificate with a key of {public_key} cannot stand beside another",
                where=pair.first.where,
                remedy="give one with an RSA key and one with an ECDSA key, or this one alone",
            )
        other = seen.setdefault(kind, pair)
        if other is not pair:
            raise CertificateError(
                f"is a second certificate with an {kind} key, beside {other.first.where}",
                where=pair.first.where,
                remedy="give at most one with an RSA key and one with an ECDSA key",
            )


def _chain(
    pair: _Pair,
    pairs: Iterable[_Pair],
    delivered: _Delivered,
    trust: TrustStore,
    at: datetime,
    fetch: Fetch | None,
) -> Chain:
    """The other pairs' own certificates are no part of it, and nothing is said of them here."""
    theirs = {one.certificate.der for other in pairs if other is not pair for one in other.own}
    certificates = [one for one in delivered.everything if one.certificate.der not in theirs]
    return build(certificates, pair.key, trust, at, fetch=fetch)


def _notices(
    chains: Sequence[Chain], certificates: Iterable[LoadedCertificate]
) -> tuple[tuple[str, ...], ...]:
    """What each chain says, once, and not that it left out what another one serves."""
    said: set[str] = set()
    told = []
    for chain in chains:
        elsewhere = _parts(other for other in chains if other is not chain) - _parts([chain])
        silent = tuple(
            f"{one.where}: left out {one.certificate.subject}: "
            for one in certificates
            if one.certificate in elsewhere
        )
        own = [one for one in chain.notices if one not in said and not one.startswith(silent)]
        said.update(own)
        told.append(tuple(own))
    return tuple(told)


def _parts(chains: Iterable[Chain]) -> set[Certificate]:
    return {one for chain in chains for one in (*chain.certificates, chain.root) if one}
