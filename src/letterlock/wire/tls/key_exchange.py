"""ServerKeyExchange (RFC 5246 section 7.4.3, RFC 8422 section 5.4, RFC 4279, RFC 5054) and
ClientKeyExchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader, push, push_vector
from letterlock.wire.tls.code_points import SSL3, TLS1_2, HandshakeType

#: ECCurveType (RFC 8422 section 5.4); the explicit forms are deprecated.
EXPLICIT_PRIME = 1
EXPLICIT_CHAR2 = 2
NAMED_CURVE = 3


class Shape(StrEnum):
    """What the parameters are made of; it follows from the cipher suite's key exchange."""

    ECDHE = "ecdhe"
    DHE = "dhe"
    #: An ephemeral RSA key of the export suites.
    RSA = "rsa"
    PSK = "psk"
    SRP = "srp"


@dataclass(frozen=True, slots=True)
class DhParams:
    """Prime, generator and public value as sent, big-endian; leading zeros kept."""

    prime: bytes
    generator: bytes
    public: bytes


@dataclass(frozen=True, slots=True)
class EcdhParams:
    """`group` is None where the curve is spelled out instead of named; `public` is the point."""

    group: int | None
    public: bytes


@dataclass(frozen=True, slots=True)
class RsaParams:
    modulus: bytes
    exponent: bytes


@dataclass(frozen=True, slots=True)
class SrpParams:
    prime: bytes
    generator: bytes
    salt: bytes
    public: bytes


Params = DhParams | EcdhParams | RsaParams | SrpParams


@dataclass(frozen=True, slots=True)
class ServerKeyExchange:
    """`params` is None for plain PSK; `identity_hint` None where the suite has none;
    `signature_scheme` None before TLS 1.2 and where nothing is signed; `signature` None where
    nothing is (anonymous and PSK suites)."""

    params: Params | None
    signature_scheme: int | None = None
    signature: bytes | None = None
    identity_hint: bytes | None = None

    def __bytes__(self) -> bytes:
        """The message with its header; curves are written as named ones."""
        body = b"" if self.identity_hint is None else push_vector(self.identity_hint, 2)
        if self.params is not None:
            body += push_params(self.params)
        if self.signature_scheme is not None:
            body += push(self.signature_scheme, 2)
        if self.signature is not None:
            body += push_vector(self.signature, 2)
        return push(HandshakeType.SERVER_KEY_EXCHANGE, 1) + push_vector(body, 3)

    @classmethod
    def parse(
        cls, body: bytes, *, shape: Shape, version: int, signed: bool, hinted: bool = False
    ) -> ServerKeyExchange:
        """`signed` is False for anonymous, PSK and unsigned SRP suites, `hinted` True for every
        PSK suite. Raises WireError."""
        reader = Reader(body, "ServerKeyExchange")
        hint = reader.vector(2) if hinted else None
        params = _PULLS[shape](reader)
        scheme = reader.number(2) if signed and version >= TLS1_2 else None
        signature = reader.vector(2) if signed else None
        reader.finish()
        return cls(params, scheme, signature, hint)


def _pull_dhe(reader: Reader) -> DhParams:
    return DhParams(reader.vector(2), reader.vector(2), reader.vector(2))


def _pull_ecdhe(reader: Reader) -> EcdhParams:
    match reader.number(1):
        case 3:
            return EcdhParams(reader.number(2), reader.vector(1))
        case 1:
            reader.vector(1)
        case 2:
            _skip_char2(reader)
        case other:
            raise WireError(f"ServerKeyExchange: curve type {other}")
    for _ in range(5):  # a, b, base, order, cofactor (RFC 4492 section 5.4)
        reader.vector(1)
    return EcdhParams(None, reader.vector(1))


def _skip_char2(reader: Reader) -> None:
    """m, and the exponents of a trinomial's or pentanomial's terms (RFC 4492 section 5.4)."""
    reader.number(2)
    basis = reader.number(1)
    if basis not in (1, 2):
        raise WireError(f"ServerKeyExchange: basis type {basis}")
    for _ in range(1 if basis == 1 else 3):
        reader.vector(1)


def _pull_rsa(reader: Reader) -> RsaParams:
    return RsaParams(reader.vector(2), reader.vector(2))


def _pull_srp(reader: Reader) -> SrpParams:
    return SrpParams(reader.vector(2), reader.vector(2), reader.vector(1), reader.vector(2))


def _pull_psk(_: Reader) -> None:
    return None


_PULLS: dict[Shape, Callable[[Reader], Params | None]] = {
    Shape.DHE: _pull_dhe,
    Shape.ECDHE: _pull_ecdhe,
    Shape.RSA: _pull_rsa,
    Shape.SRP: _pull_srp,
    Shape.PSK: _pull_psk,
}


def push_params(params: Params) -> bytes:
    """Raises ValueError for a curve that is not named."""
    match params:
        case DhParams(prime, generator, public):
            return b"".join(push_vector(each, 2) for each in (prime, generator, public))
        case EcdhParams(None, _):
            raise ValueError("a curve that is not named is not written")
        case EcdhParams(group, public):
            return push(NAMED_CURVE, 1) + push(group or 0, 2) + push_vector(public, 1)
        case RsaParams(modulus, exponent):
            return push_vector(modulus, 2) + push_vector(exponent, 2)
        case SrpParams(prime, generator, salt, public):
            return b"".join(
                (
                    push_vector(prime, 2),
                    push_vector(generator, 2),
                    push_vector(salt, 1),
                    push_vector(public, 2),
                )
            )


def client_key_exchange_rsa(encrypted: bytes, version: int) -> bytes:
    """The message with its header; SSLv3 has no length before the encrypted secret (RFC 5246
    section 7.4.7.1)."""
    body = encrypted if version == SSL3 else push_vector(encrypted, 2)
    return push(HandshakeType.CLIENT_KEY_EXCHANGE, 1) + push_vector(body, 3)


def client_key_exchange_ecdhe(point: bytes) -> bytes:
    """RFC 8422 section 5.7."""
    return push(HandshakeType.CLIENT_KEY_EXCHANGE, 1) + push_vector(push_vector(point, 1), 3)


def client_key_exchange_dhe(public: bytes) -> bytes:
    """RFC 5246 section 7.4.7.2."""
    return push(HandshakeType.CLIENT_KEY_EXCHANGE, 1) + push_vector(push_vector(public, 2), 3)
