"""Certificate, chain and key together, every refusal behind them: ready to install."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from letterlock.certs import material
from letterlock.certs.chain import Chain, Fetch, build, find_leaf
from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.keys import Password, PrivateKey, SealedKey
from letterlock.certs.material import LoadedCertificate, Material
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate, ChainFault
from letterlock.model.errors import Location

_REMEDIES = {
    ChainFault.NO_TRUST_ANCHOR: "name its root with --ca-file",
    ChainFault.SELF_SIGNED: "in a laboratory use --allow-self-signed",
    ChainFault.INCOMPLETE: "add it with --chain; secure and cert bundle fetch it with "
    "--fetch-missing",
    ChainFault.EXPIRED: "renew it",
    ChainFault.NOT_YET_VALID: "wait, or set the clock",
    ChainFault.NAME_MISMATCH: "order one for this name",
    ChainFault.NO_SERVER_AUTH: "order a server certificate",
    ChainFault.WEAK_KEY: "make a new key and CSR with letterlock cert csr",
    ChainFault.WEAK_SIGNATURE: "order a new one, signed with SHA-256",
}


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The paths a user names: the certificate, its key (None: it stands in one of the other
    files, as in PKCS#12), more files with intermediates."""

    certificate: str
    key: str | None = None
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A certificate with its chain and key, fit to be installed; `repr` shows no key. `chain` are
    the intermediates in order, `root` the self-signed end where known."""

    leaf: Certificate
    chain: tuple[Certificate, ...]
    root: Certificate | None
    #: Leaf and chain, the root only when asked for.
    fullchain_pem: bytes = field(repr=False)
    #: PKCS#8 in the clear.
    key_pem: bytes = field(repr=False)
    notices: tuple[str, ...] = ()

    @property
    def combined_pem(self) -> bytes:
        """Key first, then leaf and chain: the order of smtpd_tls_chain_files (postconf(5))."""
        return self.key_pem + self.fullchain_pem


def prepare(
    files: CertificateFiles,
    host: str | None,
    trust: TrustStore,
    at: datetime,
    *,
    password: Password | None = None,
    allow_self_signed: bool = False,
    with_root: bool = False,
    fetch: Fetch | None = None,
) -> Bundle:
    """What the files hold, in order and fit for `host` (None: any name will do).

    Raises CertificateError, one line, for everything that must not be installed: files that
    cannot be read or hold something else, a key that does not match, a certificate that `judge`
    does not accept."""
    certificates, keys, notices = _read(files, password)
    key, spare = _own_key(certificates, keys, at, password)
    chain = build(certificates.certificates, key, trust, at, fetch=fetch)
    refuse(chain, host, trust, at, allow_self_signed=allow_self_signed)
    return assembled(chain, key, (*notices, *spare, *chain.notices), with_root=with_root)


def assembled(
    chain: Chain, key: PrivateKey, notices: tuple[str, ...], *, with_root: bool
) -> Bundle:
    """What is installed of a chain that was judged, and its key."""
    return Bundle(
        leaf=chain.leaf,
        chain=chain.intermediates,
        root=chain.root,
        fullchain_pem=chain.pem(with_root=with_root),
        key_pem=key.pkcs8_pem(),
        notices=notices,
    )


def prepare_chain(
    files: CertificateFiles,
    host: str | None,
    trust: TrustStore,
    at: datetime,
    *,
    password: Password | None = None,
    allow_self_signed: bool = False,
    fetch: Fetch | None = None,
) -> Chain:
    """The same without a private key, for a look or a concatenation. Raises CertificateError."""
    certificates, _, notices = _read(files, password)
    chain = build(certificates.certificates, None, trust, at, fetch=fetch)
    refuse(chain, host, trust, at, allow_self_signed=allow_self_signed)
    return Chain(
        chain.leaf, chain.intermediates, chain.root, chain.where, (*notices, *chain.notices)
    )


def refuse(
    chain: Chain,
    host: str | None,
    trust: TrustStore,
    at: datetime,
    *,
    allow_self_signed: bool = False,
) -> None:
    """Raise CertificateError for the first thing that `judge` holds against a chain."""
    served = (
        chain.certificates
        if not _ends_untrusted(chain, trust)
        else (*chain.certificates, chain.root)
    )
    verdict = judge(
        [one for one in served if one],
        host,
        trust,
        at,
        allow_self_signed=allow_self_signed,
    )
    if verdict.problems:
        first = verdict.problems[0]
        raise CertificateError(first.text, where=chain.where, remedy=_REMEDIES.get(first.fault))


def _ends_untrusted(chain: Chain, trust: TrustStore) -> bool:
    """Whether the root comes from the files: it is then judged with them, to be named if it is
    not trusted."""
    return chain.root is not None and chain.root not in trust


def _read(
    files: CertificateFiles, password: Password | None
) -> tuple[Material, Sequence[SealedKey | PrivateKey], list[str]]:
    own = material.read(files.certificate, password)
    if not own.certificates:
        raise instead(own, "a certificate", files.certificate, "--cert")
    chains = [material.read(path, password) for path in files.chain]
    for path, found in zip(files.chain, chains, strict=True):
        if not found.certificates:
            raise instead(found, "a certificate", path, "--chain")
    everything = Material.together((own, *chains))
    keys: Sequence[SealedKey | PrivateKey] = everything.keys
    others = everything.others
    if files.key is not None:
        key_file = own if files.key == files.certificate else material.read(files.key, password)
        if not key_file.keys:
            raise instead(key_file, "a private key", files.key, "--key")
        keys, others = key_file.keys, (*others, *key_file.others)
    return everything, keys, unused(others)


def unused(others: Iterable[material.Other]) -> list[str]:
    """What is said of things in the files that are neither certificate nor key."""
    return [f"{one.where}: not used, {one.kind}" for one in dict.fromkeys(others)]


def instead(found: Material, wanted: str, path: str, option: str) -> CertificateError:
    """A file of the wrong kind: what it is, and which option it belongs to."""
    if found.certificates:
        what, remedy = "a certificate", "--cert and --key may be the wrong way round"
    elif found.keys:
        what, remedy = "a private key", "--cert and --key may be the wrong way round"
    else:
        what = found.others[0].kind
        remedy = f"{option} wants {wanted}"
    return CertificateError(f"is {what}, not {wanted}", where=Location(path), remedy=remedy)


def _own_key(
    certificates: Material,
    keys: Sequence[SealedKey | PrivateKey],
    at: datetime,
    password: Password | None,
) -> tuple[PrivateKey, list[str]]:
    """The key that belongs to one of the certificates; what is said of the others."""
    if not keys:
        raise CertificateError(
            "no private key was given", where=certificates.certificates[0].where, remedy="use --key"
        )
    spare: list[str] = []
    chosen: PrivateKey | None = None
    first: PrivateKey | None = None
    for sealed in keys:
        key = sealed.unlock(password) if isinstance(sealed, SealedKey) else sealed
        first = first or key
        if chosen is None and _has_leaf(certificates, key):
            chosen = key
        elif chosen is None or key.spki_sha256 != chosen.spki_sha256:
            spare.append(f"{key.where}: not used, a private key of another certificate")
    if chosen is None:
        find_leaf(certificates.certificates, first, at)
        raise AssertionError("find_leaf found a leaf for a key that has none")
    return chosen, spare


def _has_leaf(certificates: Material, key: PrivateKey) -> bool:
    return any(key.belongs_to(one.certificate) for one in certificates.certificates)


def matching(
    certificate: str, key: str, password: Password | None = None
) -> LoadedCertificate | None:
    """The certificate in the file `certificate` that a private key in the file `key` belongs to,
    or None. Raises CertificateError for files that hold something else."""
    own, keys, _ = _read(CertificateFiles(certificate, key), password)
    for sealed in keys:
        opened = sealed.unlock(password) if isinstance(sealed, SealedKey) else sealed
        for one in own.certificates:
            if opened.belongs_to(one.certificate):
                return one
    return None


def leaf_and_authorities(
    certificate: str, password: Password | None, at: datetime
) -> tuple[Certificate, tuple[Certificate, ...]]:
    """The leaf in a file and the certificates above it there, nothing of it judged. Raises
    CertificateError."""
    own, _, _ = _read(CertificateFiles(certificate), password)
    chain = build(own.certificates, None, TrustStore.of(()), at)
    above = (*chain.intermediates, chain.root) if chain.root else chain.intermediates
    return chain.leaf, above


def own_certificate(
    files: CertificateFiles, password: Password | None, at: datetime
) -> LoadedCertificate:
    """The server's own among the certificates in the files, by its key where that is there too;
    nothing of it judged. Raises CertificateError."""
    certificates, keys, _ = _read(files, password)
    key = _own_key(certificates, keys, at, password)[0] if keys else None
    return find_leaf(certificates.certificates, key, at)
