"""Public values for key_share (RFC 8446 section 4.2.8) that a server accepts as valid though
nobody holds their private part: the answer shows its choice and cannot be decrypted."""

from __future__ import annotations

import secrets
from collections.abc import Callable

#: Prime and coefficients a, b of y² = x³ + ax + b (SEC 2 version 2, sections 2.4 to 2.6).
_CURVES: dict[int, tuple[int, int, int]] = {
    23: (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        -3,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    24: (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        -3,
        int(
            "B3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875A"
            "C656398D8A2ED19D2A85C8EDD3EC2AEF",
            16,
        ),
    ),
    25: (
        2**521 - 1,
        -3,
        int(
            "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF1"
            "09E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
            16,
        ),
    ),
}
#: Lengths of the ffdhe groups' values in bytes (RFC 7919 appendix A).
_FFDHE = {256: 256, 257: 384, 258: 512, 259: 768, 260: 1024}
#: Rank k of ML-KEM's parameter sets (FIPS 203 section 8): a public key is 384k + 32 bytes.
_ML_KEM = {512: 2, 513: 3, 514: 4}
_Q = 3329


def _point(group: int) -> bytes:
    """A random point, uncompressed (RFC 8446 section 4.2.8.2). All three primes are 3 mod 4, so a
    square root is one power."""
    prime, a, b = _CURVES[group]
    size = (prime.bit_length() + 7) // 8
    while True:
        x = secrets.randbelow(prime)
        square = (x**3 + a * x + b) % prime
        y = pow(square, (prime + 1) // 4, prime)
        if y * y % prime == square:
            return b"\x04" + x.to_bytes(size, "big") + y.to_bytes(size, "big")


def _ffdhe(size: int) -> bytes:
    """A square, so that it lies in the subgroup that RFC 7919 section 5.1 lets a peer check for.
    The root is short enough for the square to be below every such prime."""
    root = secrets.randbits(size * 4 - 1) | 2
    return (root * root).to_bytes(size, "big")


def _ml_kem(rank: int) -> bytes:
    """An encapsulation key that passes the modulus check (FIPS 203 section 7.2): 256k numbers
    below q, of twelve bits each with the lowest first, and a seed."""
    packed = bytearray()
    for _ in range(128 * rank):
        first, second = secrets.randbelow(_Q), secrets.randbelow(_Q)
        packed += (first | second << 12).to_bytes(3, "little")
    return bytes(packed) + secrets.token_bytes(32)


_MAKERS: dict[int, Callable[[], bytes]] = {
    29: lambda: secrets.token_bytes(32),
    30: lambda: secrets.token_bytes(56),
    # draft-ietf-tls-ecdhe-mlkem section 4.1: the order of the parts differs.
    0x11EB: lambda: _point(23) + _ml_kem(3),
    0x11EC: lambda: _ml_kem(3) + secrets.token_bytes(32),
    0x11ED: lambda: _point(24) + _ml_kem(4),
}

#: The groups for which a share can be made.
SHAREABLE = frozenset({*_CURVES, *_FFDHE, *_ML_KEM, *_MAKERS})


def random_share(group: int) -> bytes:
    """A share for `group`. Raises KeyError where none can be made (see SHAREABLE)."""
    if group in _CURVES:
        return _point(group)
    if group in _FFDHE:
        return _ffdhe(_FFDHE[group])
    if group in _ML_KEM:
        return _ml_kem(_ML_KEM[group])
    return _MAKERS[group]()
