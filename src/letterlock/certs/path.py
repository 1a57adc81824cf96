"""Every way from a leaf to a trust anchor, by signature (RFC 5280 section 6, RFC 4158)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from letterlock.certs.signature import issued, self_signed
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate

#: Intermediates between leaf and root, at most; smtp_tls_scert_verifydepth is 9 (postconf(5)).
_DEEPEST = 10
#: Partial paths looked at, at most: a stranger may send hundreds of certificates of one name.
_MOST_STEPS = 200
#: Certificates looked at, at most, of those a stranger sent.
_MOST_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Path:
    """One path from the leaf upwards. With an `anchor`: everything below it. Without: as far as it
    goes; `root` is then the self-signed certificate it ends in, if it does."""

    certificates: tuple[Certificate, ...]
    anchor: Certificate | None = None
    root: Certificate | None = None

    @property
    def top(self) -> Certificate:
        return self.certificates[-1]


def paths(
    leaf: Certificate, candidates: Sequence[Certificate], trust: TrustStore
) -> tuple[Path, ...]:
    """All paths from `leaf` through `candidates`, shortest first, then in the order given; those
    that reach an anchor before those that do not."""
    if leaf in trust:
        return (Path((leaf,), anchor=leaf),)
    steps = _MOST_STEPS
    anchored: list[Path] = []
    dead_ends: list[Path] = []
    pool = tuple(dict.fromkeys(candidates[:_MOST_CANDIDATES]))
    open_ends: deque[tuple[Certificate, ...]] = deque([(leaf,)])
    while open_ends and steps > 0:
        steps -= 1
        path = open_ends.popleft()
        if self_signed(path[-1]):
            dead_ends.append(Path(path, root=path[-1]))
            continue
        ends = [Path(path, anchor=anchor) for anchor in _anchors(path[-1], trust)]
        longer = [(*path, issuer) for issuer in _issuers(path, pool, trust)]
        anchored += ends
        open_ends.extend(longer)
        if not ends and not longer:
            dead_ends.append(Path(path))
    dead_ends.sort(key=lambda path: (path.root is None, -len(path.certificates)))
    return (*anchored, *dead_ends)


def _anchors(certificate: Certificate, trust: TrustStore) -> Iterable[Certificate]:
    for anchor in trust.issuers_of(certificate):
        if issued(certificate.der, anchor.der):
            yield anchor


def _issuers(
    path: tuple[Certificate, ...], pool: tuple[Certificate, ...], trust: TrustStore
) -> Iterable[Certificate]:
    if len(path) > _DEEPEST:
        return
    for candidate in pool:
        if candidate not in path and issued(path[-1].der, candidate.der) and candidate not in trust:
            yield candidate
