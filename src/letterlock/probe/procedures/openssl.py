"""OpenSSL's end of a handshake that offers just what is chosen, and all it tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from letterlock.model.cipher_suites import IANA_NAMES
from letterlock.model.signature_schemes import scheme_name
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.ask import TlsOptions
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.tls import TlsSession
from letterlock.wire.error import WireError
from letterlock.wire.tls.buffer import Reader
from letterlock.wire.tls.code_points import (
    TLS1_2,
    TLS1_3,
    VERSION_NAMES,
    ContentType,
    ExtensionType,
    HandshakeType,
)
from letterlock.wire.tls.extensions import pull_extension_list

_VERSIONS = {name: code for code, name in VERSION_NAMES.items()}
_OPENSSL_NAMES = {iana: openssl for openssl, iana in IANA_NAMES.items()}
#: Anonymous suites are left to the raw hellos: a handshake is for what is authenticated.
_ALL_SUITES = "DEFAULT:ALL:COMPLEMENTOFDEFAULT:!aNULL"
#: SSL_OP_LEGACY_SERVER_CONNECT and SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION: servers without RFC
#: 5746 are met, and tried, too.
_OP_LEGACY = 0x4 | 0x40000
#: Handshake messages that are looked at, decrypted where TLS 1.3 encrypts them.
_KEPT = (
    HandshakeType.SERVER_HELLO,
    HandshakeType.NEW_SESSION_TICKET,
    HandshakeType.SERVER_KEY_EXCHANGE,
    HandshakeType.CERTIFICATE_VERIFY,
)

#: ECCurveType (RFC 8422 section 5.4); a DHE prime, whose length comes first, is never that long.
_NAMED_CURVE = b"\x03"

# pyOpenSSL has no method for groups, signature schemes, messages or a session as bytes; the
# functions of OpenSSL that it is made of do.
_lib, _ffi = Binding.lib, Binding.ffi


@dataclass(frozen=True, slots=True)
class Ticket:
    """A NewSessionTicket: `lifetime` in seconds, `max_early_data_size` 0 where it allows none
    (RFC 5077 section 3.3, RFC 8446 section 4.6.1)."""

    lifetime: int
    ticket: bytes
    max_early_data_size: int = 0


class ChosenSession(TlsSession):
    """A session that offers what `options` say; `tickets` False leaves out the session_ticket
    extension, `resume` is an earlier session's `serialised()`.

    Raises Obstacle where the OpenSSL at hand can offer nothing of what is asked for."""

    def __init__(self, options: TlsOptions, *, tickets: bool = True, resume: bytes = b"") -> None:
        context = _context(options, tickets=tickets)
        self.ocsp_response = b""
        self._messages: list[tuple[int, bytes]] = []
        self._listen(context)
        super().__init__(options.sni or "", context)
        self._connection.request_ocsp()
        if options.alpn:
            self._connection.set_alpn_protos([name.encode("ascii") for name in options.alpn])
        if resume:
            self._resume(resume)

    @property
    def version(self) -> str:
        return self._connection.get_protocol_version_name()

    @property
    def alpn(self) -> str | None:
        return self._connection.get_alpn_proto_negotiated().decode("latin-1") or None

    @property
    def resumed(self) -> bool:
        """Whether the handshake took up the session that `resume` was."""
        return bool(_lib.SSL_session_reused(self._connection._ssl) == 1)

    @property
    def extended_master_secret(self) -> bool | None:
        """RFC 7627; None in TLS 1.3, which is always so."""
        if self.version == VERSION_NAMES[TLS1_3]:
            return None
        return bool(_lib.SSL_get_extms_support(self._connection._ssl) == 1)

    @property
    def session_id(self) -> bytes:
        """As the server's hello has it."""
        return next(
            (Reader(body[34:], "session_id").vector(1) for body in self._bodies(
                HandshakeType.SERVER_HELLO)), b"",
        )  # fmt: skip

    @property
    def signature_scheme(self) -> str | None:
        """What the server signed with; None where it did not say: below TLS 1.2
        and without a signature."""
        for body in self._bodies(HandshakeType.CERTIFICATE_VERIFY):
            return scheme_name(int.from_bytes(body[:2], "big"))
        if self.version == VERSION_NAMES[TLS1_2]:
            for body in self._bodies(HandshakeType.SERVER_KEY_EXCHANGE):
                return _scheme_of_key_exchange(body)
        return None

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """Those that have come so far; TLS 1.3's come with the first bytes after the handshake."""
        tls13 = self.version == VERSION_NAMES[TLS1_3]
        return tuple(
            _ticket(body, tls13=tls13) for body in self._bodies(HandshakeType.NEW_SESSION_TICKET)
        )

    def serialised(self) -> bytes:
        """The session, its secret with it, for `resume`; empty where there is none."""
        session = _lib.SSL_get1_session(self._connection._ssl)
        if session == _ffi.NULL:
            return b""
        try:
            size = max(_lib.i2d_SSL_SESSION(session, _ffi.NULL), 0)
            data = _ffi.new("unsigned char[]", size)
            _lib.i2d_SSL_SESSION(session, _ffi.new("unsigned char **", data))
            return bytes(_ffi.buffer(data))
        finally:
            _lib.SSL_SESSION_free(session)

    def begin_renegotiation(self) -> None:
        """The next `handshake` is a new one inside this one. Raises Obstacle where the server's
        side of RFC 5746, or the version, leaves no room for it."""
        try:
            self._connection.renegotiate()
        except SSL.Error as error:
            raise Obstacle(
                Wording("no renegotiation can be begun: {error}", error=error), Cause.TLS_ERROR
            ) from None

    def _bodies(self, message: HandshakeType) -> tuple[bytes, ...]:
        return tuple(body for kind, body in self._messages if kind == message)

    def _listen(self, context: SSL.Context) -> None:
        def status(_: SSL.Connection, response: bytes, __: object) -> bool:
            self.ocsp_response = response
            return True

        context.set_ocsp_client_callback(status)

        @_ffi.callback("void(int, int, int, const void *, size_t, SSL *, void *)")
        def message(  # type: ignore[no-untyped-def]
            sent, _version, content_type, data, size, _ssl, _argument
        ):
            if sent or content_type != ContentType.HANDSHAKE or size < 4:
                return
            octets = bytes(_ffi.buffer(data, size))
            if octets[0] in _KEPT:
                self._messages.append((octets[0], octets[4:]))

        self._message_callback = message  # OpenSSL holds no reference of its own
        _lib.SSL_CTX_set_msg_callback(context._context, message)

    def _resume(self, serialised: bytes) -> None:
        data = _ffi.new("unsigned char[]", serialised)
        session = _lib.d2i_SSL_SESSION(
            _ffi.NULL, _ffi.new("unsigned char const **", data), len(serialised)
        )
        if session == _ffi.NULL:
            raise ValueError("not a serialised session")
        try:
            _lib.SSL_set_session(self._connection._ssl, session)
            _lib.ERR_clear_error()
        finally:
            _lib.SSL_SESSION_free(session)


def _context(options: TlsOptions, *, tickets: bool) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_options(_OP_LEGACY)
    if not tickets:
        context.set_options(SSL.OP_NO_TICKET)
    context.set_verify(SSL.VERIFY_NONE)
    minimum, maximum = (_version(name) for name in (options.minimum, options.maximum))
    if options.cipher_suites:
        minimum, maximum = _offer_suites(context, options.cipher_suites, minimum, maximum)
    else:
        context.set_cipher_list(f"{_ALL_SUITES}:@SECLEVEL=0".encode())
    context.set_min_proto_version(minimum)
    context.set_max_proto_version(maximum)
    _offer_list(context, _lib.SSL_CTX_set1_curves_list, options.groups, "groups")
    _offer_list(
        context, _lib.SSL_CTX_set1_sigalgs_list, options.signature_schemes, "signature schemes"
    )
    return context


def _version(name: str) -> int:
    code = _VERSIONS[name]
    if code < _VERSIONS["TLSv1"]:
        raise Obstacle(Wording("OpenSSL no longer speaks {version}", version=name), Cause.OTHER)
    return code


def _offer_suites(
    context: SSL.Context, suites: tuple[str, ...], minimum: int, maximum: int
) -> tuple[int, int]:
    """Offer the suites that OpenSSL has; gives the versions narrowed to those that have one."""
    newer = [name for name in suites if "_WITH_" not in name]
    older = [
        _OPENSSL_NAMES[name] for name in suites if name not in newer and name in _OPENSSL_NAMES
    ]
    try:
        context.set_tls13_ciphersuites(":".join(newer).encode("ascii"))
        context.set_cipher_list(":".join([*(older or [_ALL_SUITES]), "@SECLEVEL=0"]).encode())
    except SSL.Error:
        raise Obstacle(Wording("OpenSSL has none of these cipher suites"), Cause.OTHER) from None
    if not older:
        minimum = max(minimum, TLS1_3)
    if not newer:
        maximum = min(maximum, TLS1_2)
    if minimum > maximum:
        raise Obstacle(
            Wording("OpenSSL has none of these cipher suites in these versions"), Cause.OTHER
        )
    return minimum, maximum


def _offer_list(  # type: ignore[no-untyped-def]
    context: SSL.Context, setter, names: tuple[str, ...], what: str
) -> None:
    """Offer those of `names` that this OpenSSL knows: it takes a list as a whole or not at all."""
    if not names:
        return
    known = [name for name in names if setter(context._context, name.encode("ascii")) == 1]
    _lib.ERR_clear_error()
    if not known or setter(context._context, ":".join(known).encode("ascii")) != 1:
        raise Obstacle(Wording("OpenSSL has none of these {what}", what=what), Cause.OTHER)


def _scheme_of_key_exchange(body: bytes) -> str | None:
    """The scheme in an ECDHE ServerKeyExchange (RFC 8422 section 5.4) or a DHE one (RFC 5246
    section 7.4.3) of TLS 1.2; None where there is no signature."""
    reader = Reader(body, "ServerKeyExchange")
    try:
        if body[:1] == _NAMED_CURVE:
            reader.take(3)
            reader.vector(1)
        else:
            for _ in range(3):
                reader.vector(2)
        return scheme_name(reader.number(2))
    except WireError:
        return None


def _ticket(body: bytes, *, tls13: bool) -> Ticket:
    reader = Reader(body, "NewSessionTicket")
    lifetime = reader.number(4)
    if not tls13:
        return Ticket(lifetime, reader.vector(2))
    reader.number(4)
    reader.vector(1)
    ticket = reader.vector(2)
    extensions = pull_extension_list(reader.inner(2, "NewSessionTicket"))
    sizes = [
        int.from_bytes(each.data, "big")
        for each in extensions
        if each.type == ExtensionType.EARLY_DATA
    ]
    return Ticket(lifetime, ticket, max(sizes, default=0))
