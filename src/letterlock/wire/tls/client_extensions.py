"""A ClientHello's extensions as values: what a client offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader, number_list, vector_list
from letterlock.wire.tls.client_hello import ClientHello
from letterlock.wire.tls.code_points import (
    SSL3,
    TLS1_2,
    VERSION_NAMES,
    ExtensionType,
)


@dataclass(frozen=True, slots=True)
class ClientOffer:
    """What a hello offers, code points in the order sent; `malformed` has the extensions whose
    data broke their rules. `server_name` and `alpn` are raw. `groups` None: not sent."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    groups: tuple[int, ...] = ()
    key_shares: tuple[int, ...] = ()
    signature_schemes: tuple[int, ...] = ()
    server_name: bytes | None = None
    alpn: tuple[bytes, ...] = ()
    malformed: tuple[int, ...] = ()


def _server_name(data: bytes) -> bytes | None:
    """The first host_name (RFC 6066 section 3)."""
    reader = Reader(data, "server_name")
    names = reader.inner(2, "server_name")
    reader.finish()
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name
    return None


def _key_shares(data: bytes) -> tuple[int, ...]:
    reader = Reader(data, "key_share")
    shares = reader.inner(2, "key_share")
    reader.finish()
    groups = []
    while shares.left:
        groups.append(shares.number(2))
        shares.vector(2)
    return tuple(groups)


def _numbers(prefix: int) -> Callable[[bytes], tuple[int, ...]]:
    return lambda data: number_list(data, prefix=prefix, size=2, what="extension")


_PULLS: dict[int, tuple[str, Callable[[bytes], object]]] = {
    ExtensionType.SERVER_NAME: ("server_name", _server_name),
    ExtensionType.SUPPORTED_GROUPS: ("groups", _numbers(2)),
    ExtensionType.SIGNATURE_ALGORITHMS: ("signature_schemes", _numbers(2)),
    ExtensionType.ALPN: ("alpn", lambda data: vector_list(data, prefix=2, size=1, what="ALPN")),
    ExtensionType.SUPPORTED_VERSIONS: ("versions", _numbers(1)),
    ExtensionType.KEY_SHARE: ("key_shares", _key_shares),
}


def offered(hello: ClientHello) -> ClientOffer:
    """Never raises: what is malformed is named, not refused. Where an extension comes twice the
    first counts. Without supported_versions legacy_version is the highest offered, and claims all
    below it (RFC 5246 appendix E.1)."""
    values: dict[str, object] = {}
    malformed: list[int] = []
    seen: set[int] = set()
    for each in hello.extensions or ():
        if each.type in _PULLS and each.type not in seen:
            name, pull = _PULLS[each.type]
            try:
                values[name] = pull(each.data)
            except WireError:
                malformed.append(each.type)
        seen.add(each.type)
    values.setdefault("versions", _up_to(hello.legacy_version))
    return ClientOffer(
        cipher_suites=hello.cipher_suites,
        malformed=tuple(malformed),
        **values,  # type: ignore[arg-type]
    )


def _up_to(version: int) -> tuple[int, ...]:
    known = [each for each in VERSION_NAMES if SSL3 <= each <= min(version, TLS1_2)]
    return tuple(sorted(known, reverse=True)) or (version,)
