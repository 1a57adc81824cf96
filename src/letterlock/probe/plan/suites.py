"""Which cipher suites to offer for a version, in which order, and which stand for one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from letterlock.model.cipher_suites import CipherSuite, cipher_kinds, cipher_suite, cipher_suites
from letterlock.wire.tls.code_points import TLS1_2, TLS1_3

#: TLS_NULL_WITH_NULL_NULL is the state before a handshake and must not be negotiated (RFC 5246
#: appendix A.5).
_NO_SUITE = 0x0000
_MODERN = ("AES", "CHACHA20", "CAMELLIA", "ARIA")
_USUAL_KEY_EXCHANGES = ("RSA", "DHE", "ECDHE")


def suite(code: int) -> CipherSuite:
    """The registry's entry. Raises LookupError where there is none."""
    found = cipher_suite(code)
    if found is None:
        raise LookupError(f"no suite 0x{code:04x}")
    return found


@cache
def universe(version: int) -> tuple[int, ...]:
    """All suites that a hello of `version` offers, those first that a server is best known by: with
    forward secrecy and authenticated encryption, then the others in use, then the rest."""
    codes = [
        each.code
        for each in cipher_suites()
        if each.is_tls13 is (version == TLS1_3) and each.code != _NO_SUITE
    ]
    return tuple(sorted(codes, key=lambda code: _best_first(suite(code), version)))


def _best_first(one: CipherSuite, version: int) -> tuple[bool | int, ...]:
    return (not _usual(one, version), *(-each for each in _strength(one)), one.code)


def _usual(one: CipherSuite, version: int) -> bool:
    """What a server of today has, as OpenSSL's HIGH and MEDIUM name it."""
    if version == TLS1_3:
        return one.mode in ("GCM", "POLY1305") and one.cipher in ("AES", "CHACHA20")
    return (
        one.registered
        and one.openssl_name is not None
        and one.key_exchange in _USUAL_KEY_EXCHANGES
        and one.authentication in ("RSA", "ECDSA", "anon")
        and one.cipher in _MODERN
        and (version >= TLS1_2 or one.mac == "SHA1")
    )


def _strength(one: CipherSuite) -> tuple[int, ...]:
    exchange = {"ECDHE": 2, "DHE": 1, "any": 1}.get(one.key_exchange, 0)
    return (0 if one.is_anonymous else 1, exchange, int(one.is_aead), one.key_bits)


def unlikely_first(version: int, authentications: Iterable[str]) -> Callable[[int], object]:
    """A sorting key: what is probably refused, then the weak, then the strong; so that one pick
    refutes the most, and a run cut short knows the worst. `authentications` are those of suites
    seen."""
    known = {"anon", *authentications}

    def key(code: int) -> object:
        one = suite(code)
        likely = _usual(one, version) and (version == TLS1_3 or one.authentication in known)
        return (likely, *_strength(one), code)

    return key


def class_of(one: CipherSuite) -> tuple[object, ...]:
    """What `standard` asks for once instead of suite by suite: everything that findings turn on
    tells classes apart."""
    if one.is_tls13:
        return (one.code,)
    if one.is_null or one.is_export or one.needs_shared_secret:
        return ("null",) if one.is_null else ("export", one.key_exchange, one.is_anonymous)
    if one.is_anonymous:
        return ("anonymous",)
    bulk = one.cipher if one.cipher not in _MODERN else "AEAD" if one.is_aead else one.mode
    return (one.key_exchange, one.authentication, bulk)


@cache
def _classes(version: int) -> dict[tuple[object, ...], tuple[int, ...]]:
    found: dict[tuple[object, ...], tuple[int, ...]] = {}
    for code in universe(version):
        key = class_of(suite(code))
        found[key] = (*found.get(key, ()), code)
    return found


def classmates(version: int) -> Callable[[int], tuple[int, ...]]:
    """For a Ladder: the suites of the same class."""
    return lambda code: _classes(version)[class_of(suite(code))]


def kinds() -> tuple[int, ...]:
    """SSLv2's."""
    return tuple(kind.code for kind in cipher_kinds())


def is_cbc(one: CipherSuite) -> bool:
    return one.mode == "CBC"


def signs(one: CipherSuite) -> bool:
    """Whether the server signs its key exchange."""
    signed = one.authentication in ("RSA", "ECDSA", "DSS")
    return signed and one.key_exchange in ("DHE", "ECDHE")


def with_curve(one: CipherSuite) -> bool:
    return one.key_exchange == "ECDHE" and not one.needs_shared_secret


def is_static_rsa(code: int) -> bool:
    one = suite(code)
    return one.key_exchange == "RSA" and one.authentication == "RSA" and not one.is_export
