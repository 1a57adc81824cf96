"""The chain as served, read and judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate, ChainFault, ChainProblem, ChainVerdict
from letterlock.model.wording import Wording

#: Ports, addresses and targets serve the same certificates over and over.
_facts = lru_cache(maxsize=512)(facts)


@lru_cache(maxsize=128)
def read_chain(
    served: tuple[bytes, ...], name: str, trust: TrustStore, at: datetime
) -> tuple[tuple[Certificate, ...], ChainVerdict]:
    """The certificates of `served` (DER, as served) that can be read, and the verdict on them for
    `name` at the moment `at`, by Mozilla's roots too where `trust` stands beside them."""
    chain: list[Certificate] = []
    unread: list[ChainProblem] = []
    for position, der in enumerate(served, start=1):
        try:
            chain.append(_facts(der))
        except CertificateError as error:
            text = Wording(
                "certificate {position} of {all} as served cannot be read: {error}",
                position=position,
                all=len(served),
                error=error,
            )
            unread.append(ChainProblem(ChainFault.INVALID, text))
            if position == 1:
                return (), ChainVerdict((), None, tuple(unread))
    if not chain:
        nothing = ChainProblem(ChainFault.INVALID, Wording("the server sent no certificate"))
        return (), ChainVerdict((), None, (nothing,))
    verdict = _judged(chain, unread, name, trust, at)
    if trust.mozilla is not None:
        verdict = replace(verdict, mozilla=_judged(chain, unread, name, trust.mozilla, at))
    return tuple(chain), verdict


def _judged(
    chain: list[Certificate],
    unread: list[ChainProblem],
    name: str,
    trust: TrustStore,
    at: datetime,
) -> ChainVerdict:
    verdict = judge(tuple(chain), name, trust, at)
    return replace(verdict, problems=(*verdict.problems, *unread))
