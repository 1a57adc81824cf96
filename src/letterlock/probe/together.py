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
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import Endpoint
from letterlock.probe.ask import TlsOptions
from letterlock.probe.endpoint import probe_endpoint
from letterlock.probe.limits import Limits
from letterlock.probe.procedures.openssl import ChosenSession
from letterlock.probe.resolve import own_name

#: What a client that can verify only one kind of key offers (RFC 8446 section 4.2.3); the servers'
#: OpenSSL chooses its certificate by that, in TLS 1.2 too (RFC 5246 section 7.4.1.4.1).
KEY_TYPES = {
    "RSA": (
        "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
        "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "rsa_pkcs1_sha1",
    ),
    "ECDSA": (
        "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ecdsa_sha1",
    ),
    "Ed25519": ("ed25519",),
    "Ed448": ("ed448",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """To each of `endpoints`, one process pool behind them all: what is served to a client that
    sends `sni` (None: none) and can do only `key_type` (RSA, ECDSA, Ed25519, Ed448; None: any)?
    `connections` are at least one to each endpoint, all open at once; `name` is what the chain is
    judged for."""

    endpoints: tuple[Endpoint, ...]
    sni: str | None
    key_type: str | None
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
    schemes = KEY_TYPES[question.key_type] if question.key_type else ()
    options = TlsOptions(question.sni, signature_schemes=schemes)
    return tuple(
        await asyncio.gather(
            *(
                probe_endpoint(
                    question.endpoints[number % len(question.endpoints)],
                    question.name,
                    trust,
                    limits,
                    ehlo_name=ehlo_name,
                    session=partial(ChosenSession, options),
                    hold=everybody.wait,
                )
                for number in range(count)
            )
        )
    )
