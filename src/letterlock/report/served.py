"""The different chains of certificates that a target serves, lettered where there are several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.service import Endpoint
from letterlock.model.tls_facts import ServedChain

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Sighted:
    """One chain, where it was seen, and whether only a client that sends no name gets it."""

    served: ServedChain
    letter: str
    endpoints: list[Endpoint] = field(default_factory=list)
    nameless: bool = True


class Served:
    """All chains of a target in the order of the ports."""

    def __init__(self, facts: TargetFacts) -> None:
        self._chains: dict[tuple[str, ...], Sighted] = {}
        for each in facts.endpoints:
            for served in chains_of(each):
                self._add(served, each.endpoint)

    def __iter__(self) -> Iterator[Sighted]:
        return iter(self._chains.values())

    def __len__(self) -> int:
        return len(self._chains)

    def letters(self, each: EndpointFacts) -> str:
        """`A` or `A+B`; empty where the target serves but one chain."""
        if len(self._chains) < 2:
            return ""
        return "+".join(dict.fromkeys(self._chains[_key(s)].letter for s in chains_of(each)))

    def _add(self, served: ServedChain, endpoint: Endpoint) -> None:
        letter = _LETTERS[len(self._chains) % len(_LETTERS)]
        found = self._chains.setdefault(_key(served), Sighted(served, letter))
        found.nameless &= served.sni is None
        if found.served.stapled is None and served.stapled is not None:
            found.served = replace(found.served, stapled=served.stapled)
        if not isinstance(found.served.scts, int):
            found.served = replace(found.served, scts=served.scts)
        if endpoint not in found.endpoints:
            found.endpoints.append(endpoint)


def chains_of(each: EndpointFacts) -> Iterator[ServedChain]:
    """Those of the full handshakes, then those that the further questions brought."""
    for handshake in (each.handshake, *each.further):
        if isinstance(handshake, Handshake) and handshake.chain:
            kind = handshake.chain[0].public_key.algorithm
            yield ServedChain(kind, each.name, handshake.chain, handshake.verdict)
    if each.tls is not None:
        yield from (served for served in each.tls.chains if served.chain)


def _key(served: ServedChain) -> tuple[str, ...]:
    return tuple(each.sha256 for each in served.chain)
