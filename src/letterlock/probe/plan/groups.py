"""Named groups: which to offer, and what ServerKeyExchange tells of Diffie-Hellman."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from letterlock.model.named_groups import named_groups
from letterlock.model.tls_facts import DiffieHellman, Ternary
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.wire.tls.code_points import TLS1_3
from letterlock.wire.tls.key_exchange import DhParams, EcdhParams

#: What OpenSSL, GnuTLS and the browsers have on by default; offered last, see `suites`.
_USUAL = (
    "x448", "secp521r1", "secp384r1", "secp256r1", "x25519", "SecP384r1MLKEM1024",
    "SecP256r1MLKEM768", "X25519MLKEM768",
)  # fmt: skip


@cache
def universe(version: int) -> tuple[int, ...]:
    """The groups of TLS 1.3, or those of TLS 1.2 and below; unusual ones first. The codes that
    stand for a curve spelled out are left out: they name no group."""
    codes = [
        each
        for each in named_groups()
        if (each.in_tls13 if version == TLS1_3 else each.in_tls12) and not each.is_placeholder
    ]
    return tuple(
        each.code
        for each in sorted(
            codes, key=lambda one: _USUAL.index(one.name) if one.name in _USUAL else -1
        )
    )


def known_as(params: DhParams) -> str | None:
    """The name of a well-known prime."""
    from letterlock.probe.plan.primes import NAMES

    return NAMES.get(hashlib.sha256(params.prime.lstrip(b"\0")).hexdigest())


def diffie_hellman(seen: Iterable[DhParams]) -> tuple[DiffieHellman, ...]:
    """Each prime once, in the order seen."""
    found: dict[tuple[bytes, bytes], DiffieHellman] = {}
    for params in seen:
        prime = params.prime.lstrip(b"\0")
        key = (prime, params.generator)
        if key not in found:
            found[key] = DiffieHellman(
                bits=int.from_bytes(prime, "big").bit_length(),
                generator=int.from_bytes(params.generator, "big"),
                prime_sha256=hashlib.sha256(prime).hexdigest(),
                known_as=known_as(params),
            )
    return tuple(found.values())


def reuse(seen: Iterable[DhParams | EcdhParams], missing: Unknown) -> Ternary:
    """Whether a value came twice: among answers of different connections to the same parameters."""
    values: dict[object, list[bytes]] = {}
    for params in seen:
        key = params.prime if isinstance(params, DhParams) else params.group
        values.setdefault(key, []).append(params.public)
    if any(len(set(publics)) < len(publics) for publics in values.values()):
        return True
    if any(len(publics) > 1 for publics in values.values()):
        return False
    return (
        Unknown(Wording("fewer than two values were seen"), Cause.NOT_APPLICABLE)
        if values
        else missing
    )
