"""ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from letterlock.wire.tls import extensions as build
from letterlock.wire.tls.buffer import Reader, numbers, push, push_numbers, push_vector
from letterlock.wire.tls.code_points import (
    SSL3,
    TLS1_0,
    TLS1_2,
    TLS1_3,
    ContentType,
    ExtensionType,
    HandshakeType,
)
from letterlock.wire.tls.extensions import Extension, Extensions, pull_extensions, push_extensions
from letterlock.wire.tls.records import MAX_PLAINTEXT, fragmented


@dataclass(frozen=True, slots=True)
class ClientHello:
    """A ClientHello, field by field in the RFC's order; nothing in it need make sense.
    `extensions` None: no block of extensions at all, as SSLv3 has it."""

    legacy_version: int
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    compressions: tuple[int, ...] = (0,)
    extensions: Extensions | None = None

    def __bytes__(self) -> bytes:
        """The handshake message with its header of four bytes."""
        body = b"".join(
            (
                push(self.legacy_version, 2),
                self.random,
                push_vector(self.session_id, 1),
                push_vector(push_numbers(self.cipher_suites, 2), 2),
                push_vector(push_numbers(self.compressions, 1), 1),
                push_extensions(self.extensions),
            )
        )
        return push(HandshakeType.CLIENT_HELLO, 1) + push_vector(body, 3)

    @classmethod
    def parse(cls, body: bytes) -> ClientHello:
        """From the message without its header. Raises WireError."""
        reader = Reader(body, "ClientHello")
        hello = cls(
            legacy_version=reader.number(2),
            random=reader.take(32),
            session_id=reader.vector(1),
            cipher_suites=numbers(reader.vector(2), 2, "cipher_suites"),
            compressions=tuple(reader.vector(1)),
            extensions=pull_extensions(reader),
        )
        reader.finish()
        return hello

    def to_records(self, version: int | None = None, size: int = MAX_PLAINTEXT) -> bytes:
        """On the wire. The records' version is SSLv3's for an SSLv3 hello, else TLS 1.0's, as RFC
        8446 section 5.1 advises; `size` cuts it into fragments."""
        if version is None:
            version = SSL3 if self.legacy_version == SSL3 else TLS1_0
        return fragmented(ContentType.HANDSHAKE, version, bytes(self), size)

    def with_extension(self, extension: Extension) -> ClientHello:
        """With one more extension, or another one in place of those of the same type."""
        kept = list(self.extensions or ())
        places = [at for at, each in enumerate(kept) if each.type == extension.type]
        if not places:
            return replace(self, extensions=(*kept, extension))
        kept[places[0]] = extension
        return replace(
            self, extensions=tuple(each for at, each in enumerate(kept) if at not in places[1:])
        )

    def without_extension(self, type_: int) -> ClientHello:
        if self.extensions is None:
            return self
        return replace(self, extensions=tuple(e for e in self.extensions if e.type != type_))


def _needs_padding(size: int) -> bool:
    """Whether a hello of `size` bytes, its header included, meets a known fault of servers: 256 to
    511 bytes (RFC 7685 section 1), or a line feed as the low byte of a record's or message's
    length (testssl.sh pull request 1113)."""
    return 256 <= size < 512 or (size >= 512 and size % 256 in (0x0A, 0x0E))


def fitted(hello: ClientHello) -> ClientHello:
    """`hello` with a padding extension (RFC 7685) where its size would meet a fault, and where its
    last extension is empty, which WebSphere 7 refuses (Chromium issue 363583). One without
    extensions is given back as it is; pre_shared_key stays last."""
    if not hello.extensions:
        return hello
    plain = hello.without_extension(ExtensionType.PADDING)
    size = len(bytes(plain))
    last = plain.extensions[-1] if plain.extensions else None
    if not _needs_padding(size) and last is not None and last.data:
        return plain
    length = max(1, 512 - size - 4) if 256 <= size < 512 else 1
    while _needs_padding(size + 4 + length):
        length += 1
    return _padded(plain, length)


def _padded(hello: ClientHello, length: int) -> ClientHello:
    listed = list(hello.extensions or ())
    at_end = not listed or listed[-1].type != ExtensionType.PRE_SHARED_KEY
    listed.insert(len(listed) if at_end else len(listed) - 1, build.padding(length))
    return replace(hello, extensions=tuple(listed))


@dataclass(frozen=True, slots=True)
class Offer:
    """What to offer; `hello()` makes a ClientHello of it as a plain client would order it.

    `versions` are code points; those up to TLS 1.2 are offered by legacy_version, which claims all
    below it too (RFC 5246 appendix E.1), unless `supported_versions` goes out: it does when TLS 1.3
    is among them. `key_shares` is empty for a HelloRetryRequest. `session_id` None: none, but with
    TLS 1.3 32 random bytes (RFC 8446 appendix D.4). `extra` goes last, before the padding."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    server_name: bytes | None = None
    groups: tuple[int, ...] = ()
    signature_schemes: tuple[int, ...] = ()
    key_shares: tuple[tuple[int, bytes], ...] = ()
    alpn: tuple[bytes, ...] = ()
    compressions: tuple[int, ...] = (0,)
    session_id: bytes | None = None
    session_ticket: bytes | None = None
    ask_status: bool = False
    ask_timestamps: bool = False
    extended_master_secret: bool = True
    encrypt_then_mac: bool = True
    secure_renegotiation: bool = True
    extra: Extensions = ()
    random: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def hello(self) -> ClientHello:
        """The ClientHello, padded out of the sizes that some servers fail at (`fitted`)."""
        highest = max(self.versions)
        return fitted(
            ClientHello(
                legacy_version=min(highest, TLS1_2),
                random=self.random,
                session_id=self._session_id(highest),
                cipher_suites=self.cipher_suites,
                compressions=self.compressions,
                extensions=None if highest <= SSL3 else self._extensions(highest),
            )
        )

    def _session_id(self, highest: int) -> bytes:
        if self.session_id is not None:
            return self.session_id
        return secrets.token_bytes(32) if highest >= TLS1_3 else b""

    def _extensions(self, highest: int) -> Extensions:
        found = self._flags() + self._lists()
        if highest >= TLS1_3:
            found += [
                build.supported_versions(self.versions),
                build.psk_key_exchange_modes(),
                build.key_share(self.key_shares),
            ]
        return (*found, *self.extra)

    def _flags(self) -> list[Extension]:
        """Those that ask for a feature, whatever the version."""
        found = [build.server_name(self.server_name)] if self.server_name else []
        if self.secure_renegotiation:
            found.append(build.renegotiation_info())
        if self.extended_master_secret:
            found.append(build.extended_master_secret())
        if self.encrypt_then_mac:
            found.append(build.encrypt_then_mac())
        if self.session_ticket is not None:
            found.append(build.session_ticket(self.session_ticket))
        return found

    def _lists(self) -> list[Extension]:
        found = []
        if self.ask_status:
            found.append(build.status_request())
        if self.ask_timestamps:
            found.append(build.signed_certificate_timestamp())
        if self.alpn:
            found.append(build.alpn(self.alpn))
        if self.groups:
            found += [build.ec_point_formats(), build.supported_groups(self.groups)]
        if self.signature_schemes and max(self.versions) >= TLS1_2:
            found.append(build.signature_algorithms(self.signature_schemes))
        return found
