"""Extensions (RFC 8446 section 4.2, RFC 6066 and others): one builder for each that a client
sends here. All return an Extension; none checks what the peer will say to it."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.wire.tls.buffer import Reader, push, push_numbers, push_vector
from letterlock.wire.tls.code_points import ExtensionType


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension as sent: `type` may be unknown, `data` malformed."""

    type: int
    data: bytes = b""

    def __bytes__(self) -> bytes:
        return push(self.type, 2) + push_vector(self.data, 2)


Extensions = tuple[Extension, ...]


def pull_extensions(reader: Reader) -> Extensions | None:
    """The block of extensions that ends a hello, duplicates kept; None where there is none.
    Raises WireError."""
    if not reader.left:
        return None
    return pull_extension_list(reader.inner(2, "extensions"))


def pull_extension_list(reader: Reader) -> Extensions:
    """Extensions up to the reader's end."""
    found = []
    while reader.left:
        found.append(Extension(reader.number(2), reader.vector(2)))
    return tuple(found)


def push_extensions(extensions: Extensions | None) -> bytes:
    if extensions is None:
        return b""
    return push_vector(b"".join(map(bytes, extensions)), 2)


def server_name(name: bytes) -> Extension:
    """RFC 6066 section 3; `name` is an A-label host name without a trailing dot."""
    entry = push(0, 1) + push_vector(name, 2)
    return Extension(ExtensionType.SERVER_NAME, push_vector(entry, 2))


def max_fragment_length(code: int) -> Extension:
    """RFC 6066 section 4; 1 is 512 bytes, 2 1024, 3 2048, 4 4096."""
    return Extension(ExtensionType.MAX_FRAGMENT_LENGTH, push(code, 1))


def status_request() -> Extension:
    """An OCSP response is asked for, from any responder (RFC 6066 section 8)."""
    return Extension(ExtensionType.STATUS_REQUEST, b"\x01\x00\x00\x00\x00")


def supported_groups(groups: tuple[int, ...]) -> Extension:
    """RFC 8446 section 4.2.7, RFC 8422 section 5.1.1, RFC 7919."""
    return Extension(ExtensionType.SUPPORTED_GROUPS, push_vector(push_numbers(groups, 2), 2))


def ec_point_formats(formats: tuple[int, ...] = (0,)) -> Extension:
    """RFC 8422 section 5.1.2; 0 is uncompressed, 1 and 2 the deprecated compressed forms."""
    return Extension(ExtensionType.EC_POINT_FORMATS, push_vector(push_numbers(formats, 1), 1))


def signature_algorithms(schemes: tuple[int, ...]) -> Extension:
    """RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1."""
    data = push_vector(push_numbers(schemes, 2), 2)
    return Extension(ExtensionType.SIGNATURE_ALGORITHMS, data)


def signature_algorithms_cert(schemes: tuple[int, ...]) -> Extension:
    """RFC 8446 section 4.2.3: for the certificates' own signatures."""
    data = push_vector(push_numbers(schemes, 2), 2)
    return Extension(ExtensionType.SIGNATURE_ALGORITHMS_CERT, data)


def heartbeat(mode: int = 1) -> Extension:
    """RFC 6520 section 2; 1 is peer_allowed_to_send, 2 peer_not_allowed_to_send."""
    return Extension(ExtensionType.HEARTBEAT, push(mode, 1))


def alpn(protocols: tuple[bytes, ...]) -> Extension:
    """RFC 7301 section 3.1; `smtp`, `imap`, `pop3`, … by IANA's ALPN registry."""
    names = b"".join(push_vector(name, 1) for name in protocols)
    return Extension(ExtensionType.ALPN, push_vector(names, 2))


def signed_certificate_timestamp() -> Extension:
    """RFC 6962 section 3.3.1."""
    return Extension(ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP)


def padding(length: int) -> Extension:
    """RFC 7685; `length` bytes of zero, on the wire four more."""
    return Extension(ExtensionType.PADDING, bytes(length))


def encrypt_then_mac() -> Extension:
    """RFC 7366 section 2."""
    return Extension(ExtensionType.ENCRYPT_THEN_MAC)


def extended_master_secret() -> Extension:
    """RFC 7627 section 5.1."""
    return Extension(ExtensionType.EXTENDED_MASTER_SECRET)


def compress_certificate(algorithms: tuple[int, ...] = (1, 2, 3)) -> Extension:
    """RFC 8879 section 3; 1 is zlib, 2 brotli, 3 zstd."""
    data = push_vector(push_numbers(algorithms, 2), 1)
    return Extension(ExtensionType.COMPRESS_CERTIFICATE, data)


def record_size_limit(limit: int) -> Extension:
    """RFC 8449 section 4; at least 64."""
    return Extension(ExtensionType.RECORD_SIZE_LIMIT, push(limit, 2))


def session_ticket(ticket: bytes = b"") -> Extension:
    """RFC 5077 section 3.2; empty: a ticket is asked for."""
    return Extension(ExtensionType.SESSION_TICKET, ticket)


def early_data() -> Extension:
    """RFC 8446 section 4.2.10."""
    return Extension(ExtensionType.EARLY_DATA)


def supported_versions(versions: tuple[int, ...]) -> Extension:
    """RFC 8446 section 4.2.1."""
    return Extension(ExtensionType.SUPPORTED_VERSIONS, push_vector(push_numbers(versions, 2), 1))


def cookie(value: bytes) -> Extension:
    """RFC 8446 section 4.2.2: the cookie of a HelloRetryRequest sent back."""
    return Extension(ExtensionType.COOKIE, push_vector(value, 2))


def psk_key_exchange_modes(modes: tuple[int, ...] = (1,)) -> Extension:
    """RFC 8446 section 4.2.9; 0 is psk_ke, 1 psk_dhe_ke."""
    data = push_vector(push_numbers(modes, 1), 1)
    return Extension(ExtensionType.PSK_KEY_EXCHANGE_MODES, data)


def key_share(shares: tuple[tuple[int, bytes], ...] = ()) -> Extension:
    """RFC 8446 section 4.2.8; (group, key_exchange) each. Empty, which the section allows, asks
    for a HelloRetryRequest that names the group which the server prefers."""
    entries = b"".join(push(group, 2) + push_vector(share, 2) for group, share in shares)
    return Extension(ExtensionType.KEY_SHARE, push_vector(entries, 2))


def renegotiation_info(verify_data: bytes = b"") -> Extension:
    """RFC 5746 section 3.2; empty in the first handshake."""
    return Extension(ExtensionType.RENEGOTIATION_INFO, push_vector(verify_data, 1))
