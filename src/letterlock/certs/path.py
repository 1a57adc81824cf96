"""Every way from a leaf to a trust anchor, by signature (RFC 5280 section 6, RFC 4158)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from letterlock.certs.signature import fits, self_signed, signed
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate

#: Intermediates between leaf and root, at most; smtp_tls_scert_verifydepth is 9 (postconf(5)).
_DEEPEST = 10
#: Partial paths looked at, certificates considered and signatures verified, at most: a stranger
#: may send hundreds of certificates of one name with large keys.
_MOST_STEPS = 200
_MOST_CANDIDATES = 100
_MOST_SIGNATURES = 100


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
    """All paths from `leaf` through `candidates`, at least one: first those that reach an anchor,
    shortest first, then in the order given; then those that end in an unknown root; then the
    others, longest first."""
    if leaf in trust:
        return (Path((leaf,), anchor=leaf),)
    search = _Search(tuple(dict.fromkeys(candidates[:_MOST_CANDIDATES])), trust)
    search.run(leaf)
    search.dead_ends.sort(key=lambda path: (path.root is None, -len(path.certificates)))
    return (*search.anchored, *search.dead_ends)


@dataclass(slots=True)
class _Search:
    """A breadth-first search with bounds; where they are met, what is open counts as a dead
    end."""

    pool: tuple[Certificate, ...]
    trust: TrustStore
    anchored: list[Path] = field(default_factory=list)
    dead_ends: list[Path] = field(default_factory=list)
    signatures: int = 0

    def run(self, leaf: Certificate) -> None:
        open_ends: deque[tuple[Certificate, ...]] = deque([(leaf,)])
        for _ in range(_MOST_STEPS):
            if not open_ends:
                return
            open_ends.extend(self._lengthened(open_ends.popleft()))
        self.dead_ends += [Path(path) for path in open_ends]

    def _lengthened(self, path: tuple[Certificate, ...]) -> list[tuple[Certificate, ...]]:
        """The path with each possible issuer; where it ends, it is noted how."""
        top = path[-1]
        if self_signed(top):
            self.dead_ends.append(Path(path, root=top))
            return []
        anchors = [one for one in self.trust.issuers_of(top) if self._issued(top, one)]
        self.anchored += [Path(path, anchor=anchor) for anchor in anchors]
        longer = [(*path, issuer) for issuer in self._issuers(path)]
        if not anchors and not longer:
            self.dead_ends.append(Path(path))
        return longer

    def _issuers(self, path: tuple[Certificate, ...]) -> list[Certificate]:
        if len(path) > _DEEPEST:
            return []
        return [
            candidate
            for candidate in self.pool
            if candidate not in path
            and self._issued(path[-1], candidate)
            and candidate not in self.trust
        ]

    def _issued(self, subject: Certificate, issuer: Certificate) -> bool:
        if self.signatures >= _MOST_SIGNATURES or not fits(subject.der, issuer.der):
            return False
        self.signatures += 1
        return signed(subject.der, issuer.der)
