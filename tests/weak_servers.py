"""Servers that show a fault, and the same without it: context managers that give an Endpoint.

    with openssl("-client_renegotiation") as endpoint: …          # real, behind a STARTTLS front
    with openssl("-early_data", service=IMAPS) as endpoint: …      # from the first byte
    with mail(SMTP, Habits(keeps_injected=True)) as endpoint: …    # a small server of our own
    with heartbleed(vulnerable=True) as endpoint: …                # a scripted one

All listen on a loopback port of their own and end with the block."""

from __future__ import annotations

import contextlib
import functools
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tlslite.api import (
    HandshakeSettings,
    TLSConnection,
    X509CertChain,
    parsePEMKey,
)

from letterlock.model.service import IMAPS, SMTP, Endpoint, MailProtocol, Service, TlsMode
from letterlock.wire.tls.alert import FATAL, Alert
from letterlock.wire.tls.certificates import Certificate
from letterlock.wire.tls.client_hello import ClientHello
from letterlock.wire.tls.code_points import SSL2, TLS1_2, ContentType, ExtensionType, HandshakeType
from letterlock.wire.tls.extensions import Extensions, renegotiation_info
from letterlock.wire.tls.handshake import Message
from letterlock.wire.tls.records import Record, Sslv2Record
from letterlock.wire.tls.server_hello import ServerHello
from letterlock.wire.tls.sslv2 import Sslv2ClientHello, Sslv2Error, Sslv2ServerHello
from tests.probe.hostile import Script, serving, wait_for_the_end

HOSTNAME = "mail.example.com"
CA = trustme.CA()


def leaf(key: str = "RSA") -> trustme.LeafCert:
    """The certificate for HOSTNAME; `key` is RSA or ECDSA."""
    return _issued(key)


@functools.cache
def _issued(key: str) -> trustme.LeafCert:
    return CA.issue_cert(HOSTNAME, key_type=trustme.KeyType[key])


def rsa_key() -> RSAPrivateKey:
    loaded = serialization.load_pem_private_key(leaf().private_key_pem.bytes(), None)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded


def _der() -> bytes:
    pem = leaf().cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


# --- mail dialogues, as far as TLS needs them

_BANNER = {
    MailProtocol.SMTP: b"220 mail.example.com ESMTP\r\n",
    MailProtocol.IMAP: b"* OK ready\r\n",
    MailProtocol.POP3: b"+OK ready\r\n",
    MailProtocol.LMTP: b"220 mail.example.com LMTP\r\n",
}


@dataclass(frozen=True, slots=True)
class Habits:
    """What a small mail server does wrong; by default nothing.

    `keeps_injected`: commands that came together with STARTTLS are carried out inside TLS
    (CVE-2011-0411). `drops_injected`: it ends the session at them. `again`: STARTTLS inside TLS is
    agreed to. `takes_login`: AUTH is taken in the clear though not offered. `offers_login`: it is
    offered there."""

    keeps_injected: bool = False
    drops_injected: bool = False
    again: bool = False
    takes_login: bool = False
    offers_login: bool = False


class _MailSession:
    """One connection to a small mail server. `begin_tls` makes the connection a secured one; None:
    the bytes after STARTTLS are for somebody else, and `run` returns."""

    def __init__(
        self,
        protocol: MailProtocol,
        connection: socket.socket,
        habits: Habits,
        begin_tls: Callable[[socket.socket], socket.socket] | None,
        *,
        secured: bool = False,
        greets: bool = True,
    ) -> None:
        self._greets = greets
        self._protocol = protocol
        self._connection = connection
        self._habits = habits
        self._begin_tls = begin_tls
        self._secured = secured
        self._waiting = b""

    def run(self) -> None:
        if self._greets:
            self._say(_BANNER.get(self._protocol) or self._sieve_capabilities())
        while True:
            words = self._line().split()
            tag = words.pop(0) if self._protocol is MailProtocol.IMAP else b""
            verb = words[0].upper() if words else b""
            if verb in (b"STARTTLS", b"STLS"):
                if not self._starttls(tag):
                    return
            elif verb in (b"QUIT", b"LOGOUT"):
                self._say(self._farewell(tag))
                return
            elif verb in (b"AUTH", b"AUTHENTICATE"):
                self._login(tag)
            else:
                self._say(self._answer(verb, tag))

    def _say(self, data: bytes) -> None:
        self._connection.sendall(data)

    def _line(self) -> bytes:
        while b"\n" not in self._waiting:
            data = self._connection.recv(4096)
            if not data:
                raise EOFError
            self._waiting += data
        first, _, self._waiting = self._waiting.partition(b"\n")
        return first + b"\n"

    def _starttls(self, tag: bytes) -> bool:
        """Whether to go on with the dialogue."""
        if self._secured and not self._habits.again:
            self._say(self._no(tag, b"TLS already active"))
            return True
        if self._waiting and self._habits.drops_injected:
            self._say(self._no(tag, b"one command at a time"))
            return False
        self._say(self._yes(tag, b"begin TLS"))
        if self._secured or self._begin_tls is None:
            return False
        self._connection = self._begin_tls(self._connection)
        self._secured = True
        if self._protocol is MailProtocol.SIEVE:
            self._say(self._sieve_capabilities())
        if not self._habits.keeps_injected:
            self._waiting = b""
        return True

    def _login(self, tag: bytes) -> None:
        if not (self._secured or self._habits.takes_login or self._habits.offers_login):
            self._say(self._no(tag, b"not in the clear"))
            return
        sieve = self._protocol is MailProtocol.SIEVE
        smtp = self._protocol in (MailProtocol.SMTP, MailProtocol.LMTP)
        self._say(b"334 \r\n" if smtp else b'""\r\n' if sieve else b"+ \r\n")
        cancelled = b'"*"\r\n' if sieve else b"*\r\n"
        assert self._line() == cancelled, "credentials were sent"
        self._say(self._no(tag, b"cancelled"))

    def _yes(self, tag: bytes, text: bytes) -> bytes:
        match self._protocol:
            case MailProtocol.SMTP | MailProtocol.LMTP:
                return b"220 " + text + b"\r\n"
            case MailProtocol.SIEVE:
                return b'OK "' + text + b'"\r\n'
            case MailProtocol.IMAP:
                return tag + b" OK " + text + b"\r\n"
        return b"+OK " + text + b"\r\n"

    def _no(self, tag: bytes, text: bytes) -> bytes:
        match self._protocol:
            case MailProtocol.SMTP | MailProtocol.LMTP:
                return b"554 5.5.1 " + text + b"\r\n"
            case MailProtocol.SIEVE:
                return b'NO "' + text + b'"\r\n'
            case MailProtocol.IMAP:
                return tag + b" BAD " + text + b"\r\n"
        return b"-ERR " + text + b"\r\n"

    def _farewell(self, tag: bytes) -> bytes:
        match self._protocol:
            case MailProtocol.SMTP | MailProtocol.LMTP:
                return b"221 bye\r\n"
            case MailProtocol.SIEVE:
                return b"OK\r\n"
            case MailProtocol.IMAP:
                return b"* BYE\r\n" + tag + b" OK bye\r\n"
        return b"+OK bye\r\n"

    def _sieve_capabilities(self) -> bytes:
        sasl = b"PLAIN" if self._habits.offers_login else b""
        starttls = b"" if self._secured else b'"STARTTLS"\r\n'
        return b'"IMPLEMENTATION" "x"\r\n"SASL" "%b"\r\n%bOK "ready"\r\n' % (sasl, starttls)

    def _answer(self, verb: bytes, tag: bytes) -> bytes:
        offers = self._habits.offers_login
        match self._protocol, verb:
            case (MailProtocol.SMTP, b"EHLO") | (MailProtocol.LMTP, b"LHLO"):
                extra = b"AUTH PLAIN" if offers else b"8BITMIME"
                return b"250-%b\r\n250-%b\r\n250 STARTTLS\r\n" % (HOSTNAME.encode(), extra)
            case ((MailProtocol.SMTP | MailProtocol.LMTP), b"NOOP"):
                return b"250 2.0.0 Ok\r\n"
            case MailProtocol.SIEVE, b"NOOP":
                return b'OK (TAG "INJECTED") "Done"\r\n'
            case MailProtocol.SIEVE, b"CAPABILITY":
                return self._sieve_capabilities()
            case MailProtocol.IMAP, b"CAPABILITY":
                login = b"AUTH=PLAIN" if offers else b"LOGINDISABLED"
                return b"* CAPABILITY IMAP4rev1 STARTTLS %b\r\n%b OK done\r\n" % (login, tag)
            case MailProtocol.IMAP, b"NOOP":
                return tag + b" OK done\r\n"
            case MailProtocol.POP3, b"CAPA":
                return (
                    b"+OK\r\n" + (b"SASL PLAIN\r\n" if offers else b"UIDL\r\n") + b"STLS\r\n.\r\n"
                )
        return self._no(tag, b"unknown command")


@contextmanager
def mail(
    service: Service = SMTP,
    habits: Habits | None = None,
    *,
    key: str = "RSA",
    file: Path | None = None,
) -> Iterator[Endpoint]:
    """A small mail server with Python's own TLS; `file` holds its key and chain, by default it has
    `leaf(key)`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if file is None:
        leaf(key).configure_cert(context)
    else:
        context.load_cert_chain(file)
    secure = functools.partial(context.wrap_socket, server_side=True)
    implicit = service.tls is TlsMode.IMPLICIT

    def script(connection: socket.socket) -> None:
        ours = secure(connection) if implicit else connection
        _MailSession(service.protocol, ours, habits or Habits(), secure, secured=implicit).run()

    with serving(script) as port:
        yield Endpoint("127.0.0.1", port, service)


@contextmanager
def behind_starttls(backend: int, service: Service) -> Iterator[Endpoint]:
    """What speaks TLS on the loopback port `backend`, as a mail service: with STARTTLS in front of
    it, or on implicit TLS as it is."""
    if service.tls is TlsMode.IMPLICIT:
        yield Endpoint("127.0.0.1", backend, service)
        return

    def script(connection: socket.socket) -> None:
        _MailSession(service.protocol, connection, Habits(), None).run()
        with socket.create_connection(("127.0.0.1", backend), timeout=10) as behind:
            _relay(connection, behind)

    with serving(script) as port:
        yield Endpoint("127.0.0.1", port, service)


def _relay(ours: socket.socket, theirs: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(theirs, ours), daemon=True)
    back.start()
    _pump(ours, theirs)
    back.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _hang_up(source)
    _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


# --- real servers

#: Everything that OpenSSL's build knows, at no security level.
ALL_SUITES = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def openssl(
    *options: str,
    service: Service = SMTP,
    keys: tuple[str, ...] = ("RSA",),
    suites: str = ALL_SUITES,
) -> Iterator[Endpoint]:
    """This machine's `openssl s_server` with further `options`; `keys` RSA, ECDSA or both. Inside
    TLS it sends every line back reversed (so that QUIT is no word to it); with `-early_data`,
    which excludes that, it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        files = [_file(Path(folder), key) for key in keys]
        port = _free_port()
        argv = [
            "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cipher", suites,
            "-cert", str(files[0]), "-key", str(files[0]),
            *(("-dcert", str(files[1]), "-dkey", str(files[1])) if len(files) > 1 else ()),
            *(() if "-early_data" in options else ("-rev",)), *options,
        ]  # fmt: skip
        with _process(argv, b"ACCEPT"), behind_starttls(port, service) as endpoint:
            yield endpoint


def _file(folder: Path, key: str) -> Path:
    """Key and certificate in one file, readable by its owner alone."""
    path = folder / f"{key}.pem"
    path.touch(0o600)
    path.write_bytes(leaf(key).private_key_and_cert_chain_pem.bytes())
    return path


@contextmanager
def _process(argv: list[str], ready: bytes) -> Iterator[None]:
    """A server's process, once it has said that it is `ready`."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        said = b""
        while ready not in said:
            text = process.stdout.readline()
            assert text, f"{argv}: {said.decode()}"
            said += text
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def gnutls(*options: str, service: Service = SMTP, priority: str = "NORMAL") -> Iterator[Endpoint]:
    """`gnutls-serv` (Debian's gnutls-bin), which sends every line back; skips the test where it is
    not installed. It can only be told to listen on every address."""
    if shutil.which("gnutls-serv") is None:
        pytest.skip("no gnutls-serv here: scripts/setup installs it")
    with tempfile.TemporaryDirectory() as folder:
        file = _file(Path(folder), "RSA")
        port = _free_port()
        argv = [
            "gnutls-serv", "--echo", "--disable-client-cert", "--port", str(port),
            "--x509certfile", str(file), "--x509keyfile", str(file),
            "--priority", priority, *options,
        ]  # fmt: skip
        with _process(argv, b"listening on IPv4"), behind_starttls(port, service) as endpoint:
            yield endpoint


def tlslite_settings(
    *,
    versions: tuple[tuple[int, int], tuple[int, int]] = ((3, 0), (3, 3)),
    ciphers: tuple[str, ...] = ("aes128", "aes256", "3des", "rc4"),
    key_exchanges: tuple[str, ...] = ("rsa", "dhe_rsa", "ecdhe_rsa"),
    heartbeat: bool = False,
) -> HandshakeSettings:
    """`versions` are the lowest and the highest, (3, 0) for SSLv3 to (3, 4) for TLS 1.3; names are
    tlslite's (`null`, `rc4`, `3des`, `aes128`, …; `rsa`, `dh_anon`, `ecdh_anon`, …)."""
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = versions
    settings.cipherNames = list(ciphers)
    settings.macNames = ["sha", "sha256", "sha384", "aead", "md5"]
    settings.keyExchangeNames = list(key_exchanges)
    settings.use_heartbeat_extension = heartbeat
    return settings


@contextmanager
def tlslite(
    settings: HandshakeSettings | None = None,
    *,
    service: Service = SMTP,
    anonymous: bool = False,
    greets: bool = True,
) -> Iterator[Endpoint]:
    """tlslite-ng, which still speaks SSLv3, RC4, NULL and anonymous suites. `greets` False is for
    what stands behind a STARTTLS front."""
    chain = X509CertChain()
    chain.parsePemList(leaf().cert_chain_pems[0].bytes().decode("ascii"))
    key = parsePEMKey(leaf().private_key_pem.bytes().decode("ascii"), private=True)
    settings = settings or tlslite_settings()

    def secure(connection: socket.socket) -> socket.socket:
        secured = TLSConnection(connection)
        with contextlib.suppress(Exception):  # its own, for every client that leaves early
            if anonymous:
                secured.handshakeServer(anon=True, settings=settings)
            else:
                secured.handshakeServer(certChain=chain, privateKey=key, settings=settings)
            return secured  # type: ignore[no-any-return]
        raise EOFError

    implicit = service.tls is TlsMode.IMPLICIT

    def script(connection: socket.socket) -> None:
        ours = secure(connection) if implicit else connection
        with contextlib.suppress(Exception):  # the same, later
            _MailSession(
                service.protocol, ours, Habits(), secure, secured=implicit, greets=greets
            ).run()

    with serving(script) as port:
        yield Endpoint("127.0.0.1", port, service)


# --- scripted servers: a flight of TLS 1.2 with static RSA, and what they make of what follows

Reaction = Callable[[socket.socket], None]
_RSA_AES128_CBC_SHA = 0x002F


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def record(connection: socket.socket) -> Record:
    """The client's next record. Raises EOFError for an SSLv2 one, to hang up on it."""
    head = _exactly(connection, 5)
    if head[0] & 0x80:
        raise EOFError
    fragment = _exactly(connection, int.from_bytes(head[3:5], "big"))
    return Record(head[0], int.from_bytes(head[1:3], "big"), fragment)


def say(connection: socket.socket, kind: int, fragment: bytes) -> None:
    connection.sendall(bytes(Record(kind, TLS1_2, fragment)))


def fail(connection: socket.socket, description: int) -> None:
    say(connection, ContentType.ALERT, bytes(Alert(FATAL, description)))


@contextmanager
def scripted(
    reaction: Reaction,
    *,
    extensions: Extensions = (),
    service: Service = SMTP,
    suite: int = _RSA_AES128_CBC_SHA,
    compression: int = 0,
) -> Iterator[Endpoint]:
    """Answers a ClientHello that has `suite` and `compression` with the flight of static RSA key
    exchange, `extensions` in its hello, then hands over to `reaction`. So it is a server with an
    export suite (0x0003), with NULL (0x0001), with compression (1) …"""

    def script(connection: socket.socket) -> None:
        theirs = ClientHello.parse(record(connection).fragment[4:])
        if theirs.legacy_version < TLS1_2:
            fail(connection, 70)
            return
        if suite not in theirs.cipher_suites or compression not in theirs.compressions:
            fail(connection, 40)
            return
        hello = ServerHello(
            TLS1_2, bytes(32), b"", suite, compression, (renegotiation_info(), *extensions)
        )
        flight = (hello, Certificate((_der(),)), Message(HandshakeType.SERVER_HELLO_DONE, b""))
        for message in flight:
            say(connection, ContentType.HANDSHAKE, bytes(message))
        reaction(connection)

    with _after_dialogue(script, service) as endpoint:
        yield endpoint


@contextmanager
def _after_dialogue(script: Script, service: Service) -> Iterator[Endpoint]:
    """`script` from the point where TLS begins."""

    def whole(connection: socket.socket) -> None:
        if service.tls is TlsMode.STARTTLS:
            _MailSession(service.protocol, connection, Habits(), None).run()
        script(connection)

    with serving(whole) as port:
        yield Endpoint("127.0.0.1", port, service)


#: Looks at each record of the client's before it is passed on; True: it has been seen to.
Meddle = Callable[[socket.socket, Record, list[Record]], bool]


@contextmanager
def meddling(
    meddle: Callable[[], Meddle], backend: AbstractContextManager[Endpoint], service: Service
) -> Iterator[Endpoint]:
    """A real server on implicit TLS, `backend`, whose fault is done by `meddle` (one for each
    connection), which is told the connection, the record, and those before it."""

    def script(connection: socket.socket) -> None:
        sees_to = meddle()
        before: list[Record] = []
        with socket.create_connection((real.address, real.port), timeout=10) as behind:
            back = threading.Thread(target=_pump, args=(behind, connection), daemon=True)
            back.start()
            with contextlib.suppress(OSError, EOFError):
                while True:
                    got = record(connection)
                    if not sees_to(connection, got, before):
                        behind.sendall(bytes(got))
                    before.append(got)
            _hang_up(behind)
            back.join(10)

    with backend as real, _after_dialogue(script, service) as endpoint:
        yield endpoint


def _pass_on() -> Meddle:
    return lambda *_: False


@contextmanager
def heartbleed(*, vulnerable: bool, service: Service = SMTP) -> Iterator[Endpoint]:
    """tlslite-ng, which checks heartbeats, or answers them by the length that they claim."""

    def meddle() -> Meddle:
        def answer(connection: socket.socket, got: Record, _: list[Record]) -> bool:
            if got.content_type != ContentType.HEARTBEAT:
                return False
            claimed = int.from_bytes(got.fragment[1:3], "big")
            body = b"\x02" + got.fragment[1:3] + bytes(claimed) + bytes(16)
            say(connection, ContentType.HEARTBEAT, body)
            return True

        return answer

    backend = tlslite(
        tlslite_settings(heartbeat=True),
        service=replace(service, tls=TlsMode.IMPLICIT),
        greets=service.tls is TlsMode.IMPLICIT,
    )
    with meddling(meddle if vulnerable else _pass_on, backend, service) as endpoint:
        yield endpoint


@contextmanager
def ccs_injection(
    *, vulnerable: bool, mute: bool = False, service: Service = SMTP
) -> Iterator[Endpoint]:
    """OpenSSL up to TLS 1.2, which refuses an early ChangeCipherSpec; or takes it and decrypts what
    follows. `mute` hangs up as Dovecot does, without an alert."""

    def meddle() -> Meddle:
        def take(connection: socket.socket, got: Record, before: list[Record]) -> bool:
            early = got.content_type == ContentType.CHANGE_CIPHER_SPEC and len(before) == 1
            if not early:
                return False
            if vulnerable:
                record(connection)
            if not mute:
                fail(connection, 20 if vulnerable else 10)
            raise EOFError

        return take

    faulty = meddle if vulnerable or mute else _pass_on
    with meddling(faulty, openssl("-no_tls1_3", service=IMAPS), service) as endpoint:
        yield endpoint


#: For an Oracle: to say nothing.
HANG = -1
#: What a server says to a premaster secret: of the decrypted block, an alert's number, HANG, or
#: None to hang up.
Oracle = Callable[[bytes], int | None]
_BAD_RECORD_MAC = 20


def steadfast(block: bytes) -> int | None:
    """RFC 5246 section 7.4.7.1: go on with a random secret, and fail at Finished."""
    return _BAD_RECORD_MAC


def weak_oracle(block: bytes) -> int | None:
    """Tells only a wholly right padding, its zero where 48 bytes are left, from all others."""
    return _BAD_RECORD_MAC if block.startswith(b"\x00\x02") and block[-49] == 0 else 40


def strong_oracle(block: bytes) -> int | None:
    """Tells the first two bytes too."""
    if not block.startswith(b"\x00\x02"):
        return None
    return weak_oracle(block)


@contextmanager
def robot(oracle: Oracle, service: Service = SMTP, suites: str = "kRSA") -> Iterator[Endpoint]:
    """OpenSSL up to TLS 1.2 with static RSA (`suites` in its words), which fails at Finished with
    bad_record_mac; whatever else `oracle` says is said instead."""
    numbers = rsa_key().private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8

    def meddle() -> Meddle:
        said: list[int | None] = []

        def answer(connection: socket.socket, got: Record, before: list[Record]) -> bool:
            if len(before) == 1 and got.fragment[:1] == b"\x10":
                secret = pow(int.from_bytes(got.fragment[6:], "big"), numbers.d, modulus)
                said.append(oracle(secret.to_bytes(size, "big")))
            if not said or said[0] == _BAD_RECORD_MAC:
                return False
            if len(before) == _UP_TO_FINISHED:
                _instead(connection, said[0])
            return True

        return answer

    backend = openssl("-no_tls1_3", service=IMAPS, suites=f"{suites}:@SECLEVEL=0")
    with meddling(meddle, backend, service) as endpoint:
        yield endpoint


#: Records before Finished: ClientHello, ClientKeyExchange, ChangeCipherSpec.
_UP_TO_FINISHED = 3


def _instead(connection: socket.socket, description: int | None) -> None:
    if description is None:
        raise EOFError
    if description == HANG:
        wait_for_the_end(connection)
        raise EOFError
    fail(connection, description)


@contextmanager
def ticketbleed(*, vulnerable: bool, service: Service = SMTP) -> Iterator[Endpoint]:
    """OpenSSL up to TLS 1.2; vulnerable, it echoes 32 bytes to a ticket with a short session id."""

    def meddle() -> Meddle:
        def answer(connection: socket.socket, got: Record, before: list[Record]) -> bool:
            if before:
                return False
            hello = ClientHello.parse(got.fragment[4:])
            extensions = hello.extensions or ()
            ticket = any(e.type == ExtensionType.SESSION_TICKET and e.data for e in extensions)
            if not ticket or not 0 < len(hello.session_id) < 32:
                return False
            echoed = hello.session_id.ljust(32, b"\x00")
            suite = hello.cipher_suites[0]
            said = ServerHello(TLS1_2, bytes(32), echoed, suite, 0, (renegotiation_info(),))
            say(connection, ContentType.HANDSHAKE, bytes(said))
            say(connection, ContentType.CHANGE_CIPHER_SPEC, b"\x01")
            return True

        return answer

    backend = openssl("-no_tls1_3", service=IMAPS)
    with meddling(meddle if vulnerable else _pass_on, backend, service) as endpoint:
        yield endpoint


@contextmanager
def sslv2(*kinds: int, service: Service = SMTP) -> Iterator[Endpoint]:
    """A server of SSLv2 with these cipher kinds of three bytes; DROWN's precondition. Every other
    hello is refused."""

    def script(connection: socket.socket) -> None:
        head = _exactly(connection, 2)
        if not head[0] & 0x80:
            fail(connection, 70)
            return
        hello = Sslv2ClientHello.parse(_exactly(connection, int.from_bytes(head, "big") & 0x7FFF))
        both = tuple(kind for kind in kinds if kind in hello.cipher_kinds)
        answer = Sslv2ServerHello(SSL2, _der(), both, bytes(16)) if both else Sslv2Error(1)
        connection.sendall(bytes(Sslv2Record(bytes(answer))))
        wait_for_the_end(connection)

    with _after_dialogue(script, service) as endpoint:
        yield endpoint
