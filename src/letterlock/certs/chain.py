"""The chain to serve: leaf first, then the intermediates in order, whatever the files' order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from letterlock.certs import material, pem
from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import best_path
from letterlock.certs.keys import PrivateKey
from letterlock.certs.material import LoadedCertificate
from letterlock.certs.path import Path, paths
from letterlock.certs.signature import issued, self_signed
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location

#: Given the URL of an issuer's certificate, its bytes (DER, PEM or PKCS#7).
Fetch = Callable[[str], bytes]

#: Chains on the public Internet have one or two intermediates.
_MOST_FETCHES = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """What to serve. `root` is the self-signed end, from the files or the trust store, None where
    it is unknown or the leaf itself; `where` is the leaf's place; `notices` tell what was left
    out, and what was fetched from where."""

    leaf: Certificate
    intermediates: tuple[Certificate, ...]
    root: Certificate | None
    where: Location
    notices: tuple[str, ...]

    def pem(self, *, with_root: bool = False) -> bytes:
        """Leaf and intermediates as PEM, with `with_root` the root too."""
        end = (self.root,) if with_root and self.root else ()
        return certificates_pem((self.leaf, *self.intermediates, *end))

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return (self.leaf, *self.intermediates)


def certificates_pem(certificates: Iterable[Certificate]) -> bytes:
    """One PEM block each, nothing in between."""
    return b"".join(pem.armour("CERTIFICATE", one.der) for one in certificates)


def build(
    certificates: Sequence[LoadedCertificate],
    key: PrivateKey | None,
    trust: TrustStore,
    at: datetime,
    *,
    fetch: Fetch | None = None,
) -> Chain:
    """The chain of the leaf that `key` belongs to, without a key of the one certificate that is
    no CA. The shortest path to an anchor that is valid `at`; with `fetch`, missing intermediates
    are taken from the URLs that the certificates give (RFC 5280 section 4.2.2.1).

    An incomplete chain is returned as far as it goes: `judge` says what is wrong with it. Raises
    CertificateError when no leaf can be told, and whatever `fetch` raises."""
    unique, notices = _without_duplicates(certificates)
    leaf = find_leaf(unique, key, at)
    notices += [
        f"{one.where}: left out, older than {leaf.where}" for one in _older(unique, leaf, key)
    ]
    path, fetched = _complete(leaf.certificate, unique, trust, at, fetch)
    notices += [f"fetched {one.certificate.subject} from {one.where.path}" for one in fetched]
    chain = _chain(leaf, path)
    notices += _left_out([*unique, *fetched], chain, notices)
    return replace(chain, notices=tuple(notices))


def _without_duplicates(
    certificates: Sequence[LoadedCertificate],
) -> tuple[list[LoadedCertificate], list[str]]:
    first: dict[bytes, LoadedCertificate] = {}
    notices = []
    for one in certificates:
        known = first.setdefault(one.certificate.der, one)
        if known is not one:
            notices.append(f"{one.where}: left out, the same certificate as {known.where}")
    return list(first.values()), notices


def find_leaf(
    certificates: Sequence[LoadedCertificate], key: PrivateKey | None, at: datetime
) -> LoadedCertificate:
    """The leaf among certificates. Several of one key are a certificate and its renewals: the one
    valid `at` that lasts longest."""
    if not certificates:
        raise CertificateError("no certificate was given")
    if key is not None:
        own = [one for one in certificates if key.belongs_to(one.certificate)]
        if own:
            return max(own, key=lambda one: _preference(one.certificate, at))
        if all(one.certificate.is_ca for one in certificates):
            raise CertificateError(
                "only certificates of CAs were given, not the server's own",
                where=certificates[0].where,
                remedy="--cert names the server's own, --chain the others",
            )
        closest = find_leaf(certificates, None, at)
        raise CertificateError(
            f"the private key does not belong to the certificate {closest.certificate.subject} "
            f"({closest.where})",
            where=key.where,
            remedy="give the key that its CSR was made with",
        )
    return _without_key(certificates)


def _preference(certificate: Certificate, at: datetime) -> tuple[bool, datetime, str]:
    valid = certificate.not_before <= at <= certificate.not_after
    return valid, certificate.not_after, certificate.sha256


def _without_key(certificates: Sequence[LoadedCertificate]) -> LoadedCertificate:
    leaves = [one for one in certificates if not one.certificate.is_ca] or [
        one for one in certificates if not _issued_another(one, certificates)
    ]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        return certificates[0]
    listed = ", ".join(f"{one.certificate.subject} ({one.where})" for one in leaves[:4])
    raise CertificateError(
        f"several certificates could be the server's: {listed}",
        remedy="give the key too, or one of them only",
    )


def _issued_another(one: LoadedCertificate, certificates: Sequence[LoadedCertificate]) -> bool:
    return any(
        issued(other.certificate.der, one.certificate.der)
        for other in certificates
        if other is not one
    )


def _older(
    unique: Sequence[LoadedCertificate], leaf: LoadedCertificate, key: PrivateKey | None
) -> list[LoadedCertificate]:
    if key is None:
        return []
    return [one for one in unique if one is not leaf and key.belongs_to(one.certificate)]


def _complete(
    leaf: Certificate,
    given: Sequence[LoadedCertificate],
    trust: TrustStore,
    at: datetime,
    fetch: Fetch | None,
) -> tuple[Path, list[LoadedCertificate]]:
    fetched: list[LoadedCertificate] = []
    asked: set[str] = set()
    while True:
        pool = [one.certificate for one in (*given, *fetched) if one.certificate != leaf]
        path = best_path(paths(leaf, pool, trust), at)
        url = next((url for url in path.top.issuer_urls if _can_fetch(url, asked)), None)
        if fetch is None or path.anchor or path.root or url is None:
            return path, fetched
        asked.add(url)
        fetched += material.parse(fetch(url), url).certificates


def _can_fetch(url: str, asked: set[str]) -> bool:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return False
    return scheme in ("http", "https") and url not in asked and len(asked) < _MOST_FETCHES


def _chain(leaf: LoadedCertificate, path: Path) -> Chain:
    """A self-signed leaf is its own root and not to be served twice."""
    root = path.anchor or path.root
    intermediates = tuple(one for one in path.certificates[1:] if one != root)
    if root == leaf.certificate:
        root = None
    return Chain(leaf.certificate, intermediates, root, leaf.where, ())


def _left_out(
    certificates: Sequence[LoadedCertificate], chain: Chain, known: Sequence[str]
) -> list[str]:
    told = {notice.split(": left out", 1)[0] for notice in known if ": left out" in notice}
    notices = []
    for one in certificates:
        if one.certificate in chain.certificates or str(one.where) in told:
            continue
        notices.append(
            f"{one.where}: left out {one.certificate.subject}: {_why(one.certificate, chain)}"
        )
    return notices


def _why(certificate: Certificate, chain: Chain) -> str:
    if certificate == chain.root:
        return "the root, which clients have"
    if self_signed(certificate):
        return "a root that the chain does not end in"
    kin = {one.spki_sha256 for one in (*chain.intermediates, chain.root) if one}
    if certificate.spki_sha256 in kin:
        return "cross-signed, and the chain reaches its root without it"
    return "not part of the chain"
