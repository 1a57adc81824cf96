"""The same question to an endpoint several times at once, the connections held open together.

A Postfix process reads its certificate when it begins and serves one client at a time, so of a
service's processes one connection sees only one. With as many connections open as there are
processes, each of them has shown what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import Endpoint
from letterlock.probe.endpoint import probe_endpoint
from letterlock.probe.limits import Limits
from letterlock.probe.resolve import own_name
from letterlock.probe.tls import TlsSession, client_context


@dataclass(frozen=True, slots=True)
class Question:
    """To each of `endpoints`, one process pool behind them all: what is served to a client that
    sends `sni` (None: none) and speaks only `key_type` (None: any)?
    `connections` are at least one to each endpoint, all open at once; `name` is what the chain is
    judged for."""

    endpoints: tuple[Endpoint, ...]
    sni: str | None
    key_type: KeyType | None
    name: str
    connections: int = 1


def ask_together(
    pools: Sequence[Sequence[Question]], trust: TrustStore, limits: Limits
) -> dict[Question, tuple[EndpointFacts, ...]]:
    """The answers. The pools are asked side by side, the questions to one of them one after the
    other. Runs an event loop of its own; raises for nothing that a server does."""
    return asyncio.run(_pools(pools, trust, limits))


async def _pools(
    pools: Sequence[Sequence[Question]], trust: TrustStore, limits: Limits
) -> dict[Question, tuple[EndpointFacts, ...]]:
    ehlo_name = own_name(look_up=False)
    answers: dict[Question, tuple[EndpointFacts, ...]] = {}

    async def ask(pool: Sequence[Question]) -> None:
        for question in pool:
            answers[question] = await _ask(question, trust, limits, ehlo_name)

    await asyncio.gather(*(ask(pool) for pool in pools))
    return answers


async def _ask(
    question: Question, trust: TrustStore, limits: Limits, ehlo_name: str
) -> tuple[EndpointFacts, ...]:
    count = max(question.connections, len(question.endpoints))
    everybody = asyncio.Barrier(count)
    context = client_context(question.key_type)
    return tuple(
        await asyncio.gather(
            *(
                probe_endpoint(
                    question.endpoints[number % len(question.endpoints)],
                    question.name,
                    trust,
                    limits,
                    ehlo_name=ehlo_name,
                    session=partial(TlsSession, question.sni or "", context),
                    hold=everybody.wait,
                )
                for number in range(count)
            )
        )
    )
