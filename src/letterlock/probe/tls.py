"""A full TLS handshake by OpenSSL over memory BIOs, which judges nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL, crypto

from letterlock.model.certificate import KeyType
from letterlock.model.cipher_suites import iana_name
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.obstacle import Obstacle
from letterlock.wire.lines import readable

#: All that OpenSSL can do, best first, weak and legacy too. Anonymous suites are left out: a server
#: that prefers them (Postfix with tls_preempt_cipherlist) would then show no certificate.
_CIPHERS = b"DEFAULT:ALL:COMPLEMENTOFDEFAULT:!aNULL:@SECLEVEL=0"
#: SSL_OP_LEGACY_SERVER_CONNECT: servers without RFC 5746 are met too.
_OP_LEGACY_SERVER_CONNECT = 0x4
#: What a client offers that speaks one key type alone: the suites of TLS 1.2 and below that are
#: authenticated by it (ciphers(1)), and the schemes that decide in TLS 1.3 (RFC 8446 section
#: 4.2.3), in which the suites say nothing of it.
_AUTHENTICATED = {KeyType.RSA: b"aRSA", KeyType.ECDSA: b"aECDSA"}
_SCHEMES = {
    KeyType.RSA: b"RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512"
    b":RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
    KeyType.ECDSA: b"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
}
_CHUNK = 65536
#: handshake and alert (RFC 8446 section 5.1): what may answer a ClientHello.
_RECORD_TYPES = (0x15, 0x16)


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A handshake's outcome; `chain` is DER, in the order served."""

    version: str
    cipher_suite: str
    named_group: str | Unknown
    chain: tuple[bytes, ...]


def client_context(key_type: KeyType | None = None) -> SSL.Context:
    """All that OpenSSL can do; with `key_type` as a client that can verify no other kind of
    signature."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_options(_OP_LEGACY_SERVER_CONNECT)
    context.set_min_proto_version(0)
    context.set_cipher_list(_CIPHERS)
    context.set_verify(SSL.VERIFY_NONE)
    if key_type is not None:
        context.set_cipher_list(_AUTHENTICATED[key_type] + b":@SECLEVEL=0")
        # pyOpenSSL has no method for it.
        done = Binding.lib.SSL_CTX_set1_sigalgs_list(context._context, _SCHEMES[key_type])
        if done != 1:
            raise ValueError(f"OpenSSL does not know the signature schemes of {key_type}")
    return context


def server_name(name: str) -> bytes | None:
    """What goes into server_name: a DNS name; an address literal is not allowed there (RFC 6066
    section 3)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.rstrip(".").encode("ascii")
    return None


class TlsSession:
    """The client's end of one TLS connection: bytes from the network in, bytes for it out.

    Every method raises Obstacle (`tls-alert`, `tls-error`) where the server's bytes fail TLS."""

    def __init__(self, name: str, context: SSL.Context | None = None) -> None:
        """`name` goes out as SNI where it is a DNS name; `context` says what is offered, by default
        all that OpenSSL can."""
        self._connection = SSL.Connection(context or client_context(), None)
        self._connection.set_connect_state()
        sni = server_name(name)
        if sni:
            self._connection.set_tlsext_host_name(sni)

    def handshake(self, data: bytes) -> bool:
        """Take `data` and go on; True once complete. `outgoing()` may have something each time."""
        self._take(data)
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise _obstacle(error, Wording("the handshake failed")) from None
        return True

    def outgoing(self) -> bytes:
        pieces = []
        while True:
            try:
                pieces.append(self._connection.bio_read(_CHUNK))
            except SSL.WantReadError:
                return b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        try:
            self._connection.sendall(data)
        except SSL.Error as error:
            raise _obstacle(error, Wording("TLS failed")) from None
        return self.outgoing()

    def decrypt(self, data: bytes) -> bytes | None:
        """What `data` completes; empty while there is nothing; None at the server's
        close_notify."""
        self._take(data)
        pieces = []
        while True:
            try:
                pieces.append(self._connection.recv(_CHUNK))
            except SSL.WantReadError:
                return b"".join(pieces)
            except SSL.ZeroReturnError:
                return b"".join(pieces) or None
            except SSL.Error as error:
                raise _obstacle(error, Wording("TLS failed")) from None

    def close(self) -> bytes:
        """Our close_notify, as far as it can be said."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self.outgoing()

    def negotiated(self) -> Negotiated:
        """What the completed handshake agreed on."""
        version = self._connection.get_protocol_version_name()
        return Negotiated(
            version="TLSv1.0" if version == "TLSv1" else version,
            cipher_suite=iana_name(self._connection.get_cipher_name() or ""),
            named_group=_group(self._connection),
            chain=tuple(
                crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
                for certificate in self._connection.get_peer_cert_chain() or ()
            ),
        )

    def _take(self, data: bytes) -> None:
        if data:
            self._connection.bio_write(data)


#: OpenSSL's names where they are not IANA's (TLS Supported Groups registry).
_GROUPS = {"prime256v1": "secp256r1", "X25519": "x25519", "X448": "x448"}


def _group(connection: SSL.Connection) -> str | Unknown:
    name = connection.get_group_name()
    if not name:
        return Unknown(Wording("OpenSSL names no group for this key exchange"))
    return _GROUPS.get(name, name)


class AlertReceived(Obstacle):
    """The server ended TLS with the alert `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Wording("the server sent the TLS alert {name}", name=name), Cause.TLS_ALERT
        )
        self.name = name


def _obstacle(error: SSL.Error, doing: str) -> Obstacle:
    """OpenSSL's error queue in words; an alert by the name RFC 8446 section 6 gives it."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [str(entry[-1]) for entry in queue if entry[-1]]
    for reason in reasons:
        _, alert, name = reason.partition("alert ")
        if alert and name:
            return AlertReceived(name.replace(" ", "_"))
    why = "; ".join(reasons) or str(error) or Wording("no reason")
    return Obstacle(Wording("{name}: {what}", name=doing, what=why), Cause.TLS_ERROR)


def looks_like_tls(head: bytes) -> bool:
    """Whether bytes that answer a ClientHello begin as a TLS record does."""
    return head[0] in _RECORD_TYPES


def not_tls(head: bytes, *, implicit: bool) -> Obstacle:
    """The obstacle of a first answer that is no TLS record."""
    line = head.split(b"\n", 1)[0].rstrip(b"\r")
    if line.isascii() and line.decode("ascii").isprintable():
        if implicit:
            return Obstacle(
                Wording("plain text where TLS was expected: {line}", line=repr(readable(line))),
                Cause.PLAIN_ON_TLS_PORT,
            )
        return Obstacle(
            Wording("the ClientHello was answered by {answer}", answer=repr(readable(line))),
            Cause.TLS_ERROR,
        )
    return Obstacle(
        Wording("not TLS: the answer begins with {bytes}", bytes=head[:8].hex(" ")),
        Cause.TLS_ERROR,
    )
