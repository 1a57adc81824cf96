"""The numbers of the protocol that the codec itself turns on. The registries of suites, groups,
signature schemes, extensions and alerts are in `model`."""

from __future__ import annotations

from enum import IntEnum

#: ProtocolVersion (RFC 8446 section 4.1.2; SSLv2 by its draft, RFC 6101 for SSLv3).
SSL2 = 0x0002
SSL3 = 0x0300
TLS1_0 = 0x0301
TLS1_1 = 0x0302
TLS1_2 = 0x0303
TLS1_3 = 0x0304

#: As `model.tls_facts.ProtocolFacts.name` spells them.
VERSION_NAMES = {
    SSL2: "SSLv2",
    SSL3: "SSLv3",
    TLS1_0: "TLSv1",
    TLS1_1: "TLSv1.1",
    TLS1_2: "TLSv1.2",
    TLS1_3: "TLSv1.3",
}

#: Signalling values among the cipher suites (RFC 5746 section 3.3, RFC 7507).
EMPTY_RENEGOTIATION_INFO_SCSV = 0x00FF
FALLBACK_SCSV = 0x5600


def version_name(version: int) -> str:
    """A version that does not exist reads `0x` and four digits."""
    return VERSION_NAMES.get(version, f"0x{version:04x}")


class ContentType(IntEnum):
    """RFC 8446 section 5.1, RFC 6520."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24


class HandshakeType(IntEnum):
    """RFC 5246 section 7.4, RFC 8446 section 4, RFC 6066 section 8, RFC 5077."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    NEW_SESSION_TICKET = 4
    ENCRYPTED_EXTENSIONS = 8
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20
    CERTIFICATE_STATUS = 22


class ExtensionType(IntEnum):
    """The extensions that the codec reads or writes (IANA TLS ExtensionType Values)."""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    HEARTBEAT = 15
    ALPN = 16
    SIGNED_CERTIFICATE_TIMESTAMP = 18
    PADDING = 21
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    COMPRESS_CERTIFICATE = 27
    RECORD_SIZE_LIMIT = 28
    SESSION_TICKET = 35
    PRE_SHARED_KEY = 41
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    SIGNATURE_ALGORITHMS_CERT = 50
    KEY_SHARE = 51
    NEXT_PROTOCOL_NEGOTIATION = 13172
    RENEGOTIATION_INFO = 0xFF01


def grease(index: int) -> int:
    """The GREASE value of two bytes for `index` 0 to 15 (RFC 8701 section 2)."""
    return 0x0A0A + 0x1010 * (index % 16)


def is_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF
