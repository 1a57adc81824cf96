"""One look at everything: what is wrong, what is served, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from letterlock.model.certificate import Certificate
from letterlock.model.finding import Severity
from letterlock.watch.fault import WATCH, Fault, Key, of_unknown

#: Faults of the certificate that a server's processes began with. Postfix's end one by one, each
#: after its last client (postconf(5), max_idle and max_use): until all have, one connection shows
#: the new certificate and the next one the old.
_OF_PROCESSES = frozenset({"certificate-stale", "sni-map-stale"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a certificate is served: to clients of `server` at `address` and `port` that send
    `name` (empty: none) and can do `key_type` (empty: any)."""

    server: str
    address: str
    port: int
    name: str
    key_type: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one source had to say. `served` holds the places that could be seen; `blind` the places
    of this source that could not, `all_blind`: none of them could. `unknown` says why, a sentence
    each."""

    source: str
    faults: tuple[Fault, ...] = ()
    served: dict[Place, tuple[Certificate, ...]] = field(default_factory=dict)
    blind: frozenset[str] = frozenset()
    all_blind: bool = False
    unknown: tuple[str, ...] = ()

    def sees(self, key: Key) -> bool:
        """Whether it would have told of that fault."""
        source, _, place, _ = key
        if source != self.source:
            return False
        return not self.all_blind and not any(
            place == each or place.startswith(f"{each}:") for each in self.blind
        )


@dataclass(frozen=True, slots=True)
class Look:
    """All parts, at one time. `wavering` are faults that came or went while we looked."""

    at: datetime
    parts: tuple[Part, ...]
    wavering: frozenset[Key] = frozenset()

    @property
    def faults(self) -> dict[Key, Fault]:
        """Each fault once: of several that differ in evidence alone the worst."""
        found: dict[Key, Fault] = {}
        for part in self.parts:
            for each in part.faults:
                known = found.get(each.key)
                if known is None or each.severity.rank > known.severity.rank:
                    found[each.key] = each
        return {key: each for key, each in found.items() if key not in self.wavering}

    def with_doubts(self, tell_from: Severity) -> Look:
        """With all that could not be seen as a fault of its own: a server that does not run keeps
        its others unseen."""
        doubts = (of_unknown(WATCH, "; ".join(self.unknown), tell_from),) if self.unknown else ()
        return replace(self, parts=(*self.parts, Part(WATCH, doubts)))

    def sees(self, key: Key) -> bool:
        """Whether the absence of a fault means that it is over."""
        if key in self.wavering or self._shows_elsewhere(key):
            return False
        return any(part.sees(key) for part in self.parts)

    def _shows_elsewhere(self, key: Key) -> bool:
        source, id, *_ = key
        return id in _OF_PROCESSES and any(each[:2] == (source, id) for each in self.faults)

    @property
    def served(self) -> Iterator[tuple[Place, tuple[Certificate, ...]]]:
        for part in self.parts:
            yield from part.served.items()

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for part in self.parts for text in part.unknown))


def settled(first: Look, second: Look) -> Look:
    """The second, with all that only one of them saw set aside: a certificate file was being
    replaced, a server reloaded."""
    return Look(second.at, second.parts, frozenset(_differing(first.faults, second.faults)))


def _differing(one: Iterable[Key], other: Iterable[Key]) -> set[Key]:
    return set(one) ^ set(other)
