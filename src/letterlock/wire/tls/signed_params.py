"""Which shape a ServerKeyExchange has, by its cipher suite."""

from __future__ import annotations

from letterlock.model.cipher_suites import CipherSuite, cipher_suite
from letterlock.wire.error import WireError
from letterlock.wire.tls.key_exchange import ServerKeyExchange, Shape

_SHAPES = {
    "ECDHE": Shape.ECDHE,
    "DHE": Shape.DHE,
    "RSA": Shape.RSA,
    "PSK": Shape.PSK,
    "SRP": Shape.SRP,
}
#: Authentications under which nothing is signed.
_UNSIGNED = ("anon", "PSK", "SRP")


def _shape(suite: CipherSuite) -> Shape | None:
    """RSA_PSK sends only the hint (RFC 4279 section 4)."""
    if suite.key_exchange == "RSA" and suite.authentication == "PSK":
        return Shape.PSK
    return _SHAPES.get(suite.key_exchange)


def pull_server_key_exchange(body: bytes, code: int, version: int) -> ServerKeyExchange:
    """The message's body as the suite `code` has it. A suite that is in no registry is tried as
    signed ECDHE, then as signed DHE. Raises WireError."""
    suite = cipher_suite(code)
    if suite is None:
        return _guess(body, version)
    shape = _shape(suite)
    if shape is None:
        raise WireError(f"a ServerKeyExchange with {suite.name}")
    return ServerKeyExchange.parse(
        body,
        shape=shape,
        version=version,
        signed=suite.authentication not in _UNSIGNED,
        hinted=suite.authentication == "PSK",
    )


def _guess(body: bytes, version: int) -> ServerKeyExchange:
    try:
        return ServerKeyExchange.parse(body, shape=Shape.ECDHE, version=version, signed=True)
    except WireError:
        return ServerKeyExchange.parse(body, shape=Shape.DHE, version=version, signed=True)
