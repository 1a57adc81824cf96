"""Many endpoints at once, politely, from a program that is not asynchronous."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from datetime import datetime

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import Endpoint
from letterlock.probe.endpoint import probe_endpoint
from letterlock.probe.limits import Limits
from letterlock.probe.resolve import own_name

#: Connections at once to one address: a stock Postfix allows a client 50, postscreen and many
#: firewalls far fewer.
LOOPBACK_CONCURRENCY = 6
REMOTE_CONCURRENCY = 2

Progress = Callable[[EndpointFacts], None]


def observe(
    endpoints: Sequence[Endpoint],
    name: str,
    trust: TrustStore,
    limits: Limits | None = None,
    *,
    key_type: KeyType | None = None,
    ehlo_name: str | None = None,
    concurrency: int | None = None,
    progress: Progress | None = None,
    at: datetime | None = None,
) -> tuple[EndpointFacts, ...]:
    """Visit each endpoint once, over one connection each, and return the facts in the order given.

    `name` is the SNI and the name verified; `key_type` the only one that our end speaks, None: all;
    `ehlo_name` what we call ourselves, by default this host's name; `concurrency` the connections
    at once to one address, by default 6 on loopback and 2 elsewhere. `progress` is called with each
    endpoint's facts as they come, in this thread; what it has been given stands when a
    KeyboardInterrupt ends the call. Runs an event loop of its own in the calling thread, so in that
    thread's network namespace; raises for nothing that a server does."""
    visits = _visits(
        endpoints,
        name,
        trust,
        limits or Limits(),
        ehlo_name or own_name(look_up=not all(map(_is_loopback, endpoints))),
        concurrency,
        progress,
        at,
        key_type,
    )
    return asyncio.run(visits)


async def _visits(
    endpoints: Sequence[Endpoint],
    name: str,
    trust: TrustStore,
    limits: Limits,
    ehlo_name: str,
    concurrency: int | None,
    progress: Progress | None,
    at: datetime | None,
    key_type: KeyType | None,
) -> tuple[EndpointFacts, ...]:
    gates: dict[str, asyncio.Semaphore] = {}
    for endpoint in endpoints:
        polite = LOOPBACK_CONCURRENCY if _is_loopback(endpoint) else REMOTE_CONCURRENCY
        count = concurrency or polite
        gates.setdefault(endpoint.address, asyncio.Semaphore(count))

    async def visit(endpoint: Endpoint) -> EndpointFacts:
        async with gates[endpoint.address]:
            facts = await probe_endpoint(
                endpoint, name, trust, limits, ehlo_name=ehlo_name, at=at, key_type=key_type
            )
        if progress is not None:
            progress(facts)
        return facts

    return tuple(await asyncio.gather(*(visit(endpoint) for endpoint in endpoints)))


def _is_loopback(endpoint: Endpoint) -> bool:
    return ipaddress.ip_address(endpoint.address).is_loopback
