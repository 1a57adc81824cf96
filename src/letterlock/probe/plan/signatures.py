"""Signature schemes: which to offer, and in TLS 1.3, where the choice is encrypted, which alone
suffice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cache

from letterlock.model.signature_schemes import SignatureScheme, signature_scheme, signature_schemes
from letterlock.wire.tls.code_points import TLS1_3

#: The key that each kind of signature needs, as far as TLS 1.2 has it.
_KEYS = {"rsa": "RSA", "rsa-pss": "RSA", "ecdsa": "ECDSA", "ed25519": "ECDSA", "ed448": "ECDSA"}
#: By key type, what is worth a trial of its own: rsa_pss_rsae_*, ecdsa_secp256r1_sha256.
_ALONE = {"RSA": (0x0804, 0x0805, 0x0806), "ECDSA": (0x0403,)}
_USUAL_TLS13 = ("rsa_pss_rsae", "ecdsa_secp", "ed25519", "ed448")


def key_of(one: SignatureScheme) -> str:
    """The authentication of the suites that sign so: Ed25519 and Ed448 keys go with ECDSA's (RFC
    8422 section 5.1.3)."""
    return _KEYS.get(one.signature, one.signature)


def is_usual(one: SignatureScheme) -> bool:
    """Whether servers sign so in TLS 1.3's CertificateVerify."""
    return one.name.startswith(_USUAL_TLS13)


@cache
def universe(version: int, key: str | None = None) -> tuple[int, ...]:
    """All schemes of TLS 1.2, or of TLS 1.3's CertificateVerify, of one key or all; what is least
    likely and weakest first."""
    listed = [
        one
        for one in signature_schemes()
        if (one.in_tls13 if version == TLS1_3 else one.in_tls12)
        and (key is None or key_of(one) == key)
    ]
    return tuple(one.code for one in sorted(listed, key=_weak_first))


def _weak_first(one: SignatureScheme) -> tuple[bool, bool, bool, int]:
    """rsa_pss_pss needs a key of its own kind (RFC 8446 section 4.2.3)."""
    usual = key_of(one) in ("RSA", "ECDSA") and not one.name.startswith("rsa_pss_pss")
    return (usual, not one.is_sha1, one.signature == "rsa-pss", one.code)


class Trials:
    """Each scheme of TLS 1.3 offered alone; unlikely ones together, since one refusal settles them
    all, and by halves where it does not.

    A server that turns down no trial at all has not looked at the schemes before it answered:
    `trustworthy` says that one was."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self.refused: list[int] = []
        self._queue: deque[tuple[int, ...]] | None = None

    def plan(self, keys: Iterable[str]) -> None:
        """`keys` are the key types already seen, empty where none was. Of an ECDSA key only the
        commonest curve is tried alone: it has no more than one."""
        if self._queue is not None:
            return
        alone = [one for key in _ALONE if key in set(keys) for one in _ALONE[key]]
        rest = {
            True: [code for code in universe(TLS1_3) if code not in alone and _usual_code(code)],
            False: [
                code for code in universe(TLS1_3) if code not in alone and not _usual_code(code)
            ],
        }
        self._queue = deque((code,) for code in alone)
        if alone:
            self._queue.append((*rest[True], *rest[False]))
        else:
            self._queue.extend((*_by_key(rest[True]), tuple(rest[False])))

    def next(self) -> tuple[int, ...] | None:
        return self._queue[0] if self._queue else None

    @property
    def done(self) -> bool:
        return self._queue is not None and not self._queue

    @property
    def trustworthy(self) -> bool:
        return bool(self.refused)

    def settle(self, trial: tuple[int, ...], accepted: bool) -> None:
        if self._queue is None or self.next() != trial:
            return
        self._queue.popleft()
        if not accepted:
            self.refused += trial
        elif len(trial) == 1:
            self.accepted += trial
        else:
            usual = sum(map(_usual_code, trial))
            half = usual if 0 < usual < len(trial) else len(trial) // 2
            self._queue.extendleft((trial[half:], trial[:half]))


def _usual_code(code: int) -> bool:
    one = signature_scheme(code)
    return one is not None and is_usual(one)


def _by_key(codes: list[int]) -> tuple[tuple[int, ...], ...]:
    families: dict[str, tuple[int, ...]] = {}
    for code in codes:
        one = signature_scheme(code)
        family = key_of(one) if one is not None else ""
        families[family] = (*families.get(family, ()), code)
    return tuple(families.values())
