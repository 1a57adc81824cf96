"""ServerHello and HelloRetryRequest (RFC 8446 sections 4.1.3 and 4.1.4, RFC 5246 section
7.4.1.3), EncryptedExtensions, and the extensions in them as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader, number_list, push, push_vector, vector_list
from letterlock.wire.tls.code_points import ExtensionType, HandshakeType
from letterlock.wire.tls.extensions import Extensions, pull_extensions, push_extensions

#: SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
HELLO_RETRY_RANDOM = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)
#: What ends the random of a server that speaks TLS 1.3 and agreed to less (same section): to TLS
#: 1.2, to 1.1 or below.
DOWNGRADE_TO_TLS12 = b"DOWNGRD\x01"
DOWNGRADE_TO_TLS11 = b"DOWNGRD\x00"


@dataclass(frozen=True, slots=True)
class ServerHello:
    """A ServerHello, field by field; `extensions` None: no block of them."""

    legacy_version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression: int = 0
    extensions: Extensions | None = None

    def __bytes__(self) -> bytes:
        """The handshake message with its header."""
        body = b"".join(
            (
                push(self.legacy_version, 2),
                self.random,
                push_vector(self.session_id, 1),
                push(self.cipher_suite, 2),
                push(self.compression, 1),
                push_extensions(self.extensions),
            )
        )
        return push(HandshakeType.SERVER_HELLO, 1) + push_vector(body, 3)

    @classmethod
    def parse(cls, body: bytes) -> ServerHello:
        """From the message without its header. Raises WireError."""
        reader = Reader(body, "ServerHello")
        hello = cls(
            legacy_version=reader.number(2),
            random=reader.take(32),
            session_id=reader.vector(1),
            cipher_suite=reader.number(2),
            compression=reader.number(1),
            extensions=pull_extensions(reader),
        )
        reader.finish()
        return hello

    @property
    def is_retry(self) -> bool:
        """Whether it is a HelloRetryRequest."""
        return self.random == HELLO_RETRY_RANDOM

    @property
    def downgraded_from_tls13(self) -> bool:
        """Whether the server says that it could have spoken TLS 1.3."""
        return self.random.endswith((DOWNGRADE_TO_TLS12, DOWNGRADE_TO_TLS11))

    @property
    def version(self) -> int:
        """The version agreed on: supported_versions', else legacy_version."""
        for each in self.extensions or ():
            if each.type == ExtensionType.SUPPORTED_VERSIONS and len(each.data) == 2:
                return int.from_bytes(each.data, "big")
        return self.legacy_version


@dataclass(frozen=True, slots=True)
class KeyShare:
    """The server's choice (RFC 8446 section 4.2.8); `key_exchange` None in a
    HelloRetryRequest."""

    group: int
    key_exchange: bytes | None = None


@dataclass(frozen=True, slots=True)
class ServerExtensions:
    """A server's extensions as values; None: not sent. Where a type comes twice the first counts.
    `types` has all, in order; `duplicates` those that came more than once, `malformed` those whose
    data broke their rules."""

    types: tuple[int, ...] = ()
    duplicates: tuple[int, ...] = ()
    malformed: tuple[int, ...] = ()
    selected_version: int | None = None
    key_share: KeyShare | None = None
    cookie: bytes | None = None
    alpn: bytes | None = None
    point_formats: tuple[int, ...] | None = None
    supported_groups: tuple[int, ...] | None = None
    renegotiation_info: bytes | None = None
    heartbeat_mode: int | None = None
    max_fragment_length: int | None = None
    record_size_limit: int | None = None
    #: Each a SignedCertificateTimestamp (RFC 6962 section 3.2).
    timestamps: tuple[bytes, ...] | None = None
    pre_shared_key: int | None = None
    next_protocols: tuple[bytes, ...] | None = None

    def has(self, type_: int) -> bool:
        """Whether it was sent, in whatever form: the test for extensions without data."""
        return type_ in self.types


def _number(size: int) -> Callable[[bytes], int]:
    def pull(data: bytes) -> int:
        if len(data) != size:
            raise WireError(f"{len(data)} bytes where {size} belong")
        return int.from_bytes(data, "big")

    return pull


def _vector(size: int) -> Callable[[bytes], bytes]:
    def pull(data: bytes) -> bytes:
        reader = Reader(data, "extension")
        value = reader.vector(size)
        reader.finish()
        return value

    return pull


def _alpn(data: bytes) -> bytes:
    names = vector_list(data, prefix=2, size=1, what="application_layer_protocol_negotiation")
    if len(names) != 1:
        raise WireError(f"{len(names)} protocols selected")
    return names[0]


def _key_share(data: bytes) -> KeyShare:
    reader = Reader(data, "key_share")
    group = reader.number(2)
    share = KeyShare(group, reader.vector(2) if reader.left else None)
    reader.finish()
    return share


def _next_protocols(data: bytes) -> tuple[bytes, ...]:
    reader = Reader(data, "next_protocol_negotiation")
    names = []
    while reader.left:
        names.append(reader.vector(1))
    return tuple(names)


def _numbers(prefix: int, size: int) -> Callable[[bytes], tuple[int, ...]]:
    return lambda data: number_list(data, prefix=prefix, size=size, what="extension")


def _timestamps(data: bytes) -> tuple[bytes, ...]:
    return vector_list(data, prefix=2, size=2, what="signed_certificate_timestamp")


_PULLS: dict[int, tuple[str, Callable[[bytes], object]]] = {
    ExtensionType.SUPPORTED_VERSIONS: ("selected_version", _number(2)),
    ExtensionType.KEY_SHARE: ("key_share", _key_share),
    ExtensionType.COOKIE: ("cookie", _vector(2)),
    ExtensionType.ALPN: ("alpn", _alpn),
    ExtensionType.EC_POINT_FORMATS: ("point_formats", _numbers(1, 1)),
    ExtensionType.SUPPORTED_GROUPS: ("supported_groups", _numbers(2, 2)),
    ExtensionType.RENEGOTIATION_INFO: ("renegotiation_info", _vector(1)),
    ExtensionType.HEARTBEAT: ("heartbeat_mode", _number(1)),
    ExtensionType.MAX_FRAGMENT_LENGTH: ("max_fragment_length", _number(1)),
    ExtensionType.RECORD_SIZE_LIMIT: ("record_size_limit", _number(2)),
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: ("timestamps", _timestamps),
    ExtensionType.PRE_SHARED_KEY: ("pre_shared_key", _number(2)),
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: ("next_protocols", _next_protocols),
}


def read_extensions(extensions: Extensions | None) -> ServerExtensions:
    """Never raises: what is malformed is named, not refused."""
    seen: set[int] = set()
    duplicates: list[int] = []
    malformed: list[int] = []
    values: dict[str, object] = {}
    for each in extensions or ():
        if each.type in seen:
            duplicates.append(each.type)
        elif each.type in _PULLS:
            name, pull = _PULLS[each.type]
            try:
                values[name] = pull(each.data)
            except WireError:
                malformed.append(each.type)
        seen.add(each.type)
    return ServerExtensions(
        tuple(each.type for each in extensions or ()),
        tuple(dict.fromkeys(duplicates)),
        tuple(malformed),
        **values,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True)
class EncryptedExtensions:
    """RFC 8446 section 4.3.1; only who has the keys comes to see one."""

    extensions: Extensions = ()

    def __bytes__(self) -> bytes:
        block = push_extensions(self.extensions)
        return push(HandshakeType.ENCRYPTED_EXTENSIONS, 1) + push_vector(block, 3)

    @classmethod
    def parse(cls, body: bytes) -> EncryptedExtensions:
        """Raises WireError."""
        reader = Reader(body, "EncryptedExtensions")
        extensions = pull_extensions(reader)
        reader.finish()
        if extensions is None:
            raise WireError("EncryptedExtensions: no block of extensions")
        return cls(extensions)
