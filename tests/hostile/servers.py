"""The hostile servers: how each behaves, and what may be said of it.

Those that are meant for the deep check let the first visit pass as far as they can, so that the
many small hellos after it meet the hostility."""

from __future__ import annotations

import itertools
import os
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from letterlock.model.service import IMAP, IMAPS, POP3, SMTP, Service
from letterlock.wire.tls.certificates import Certificate
from letterlock.wire.tls.code_points import TLS1_2, ContentType, HandshakeType
from letterlock.wire.tls.extensions import Extension, Extensions, renegotiation_info
from letterlock.wire.tls.handshake import Message
from letterlock.wire.tls.records import Record, fragmented
from letterlock.wire.tls.server_hello import HELLO_RETRY_RANDOM, ServerHello
from tests.hostile import certificates
from tests.probe.hostile import (
    Script,
    answers,
    closes_after,
    floods,
    late,
    line,
    silent,
    trickles,
    wait_for_the_end,
)

BANNER = b"220 mail.example.com ESMTP\r\n"
EHLO = b"250-mail.example.com\r\n250 STARTTLS\r\n"
READY = b"220 2.0.0 Ready to start TLS\r\n"
SUITE = 0xC02F  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256


@dataclass(frozen=True, slots=True)
class Hostile:
    """`says` is a pattern that the endpoint's part of the JSON, its findings among it, must match:
    the reason of an Unknown, or what was found out in spite of it all."""

    service: Service
    script: Script
    says: str
    family: int = socket.AF_INET


# --- how far a server is good

Secure = Callable[[socket.socket], socket.socket]


def tls(context: Callable[[], ssl.SSLContext] = certificates.good) -> Secure:
    return lambda connection: context().wrap_socket(connection, server_side=True)


def polite(secure: Secure, *, closes: bool = True, banner: bytes = BANNER) -> Script:
    """A small mail server that is good as long as `secure` is."""

    def script(connection: socket.socket) -> None:
        connection.sendall(banner)
        if not to_starttls(connection):
            return
        secured = secure(connection)
        while to_starttls(secured, inside=True):
            secured.sendall(b"503 5.5.1 TLS already active\r\n")
        if not closes:
            wait_for_the_end(secured)
            time.sleep(0.5)

    return script


def to_starttls(connection: socket.socket, *, inside: bool = False) -> bool:
    """Up to its READY; False where the client said QUIT."""
    while True:
        verb = line(connection).strip().upper()
        if verb == b"STARTTLS":
            if not inside:
                connection.sendall(READY)
            return True
        if verb == b"QUIT":
            connection.sendall(b"221 2.0.0 Bye\r\n")
            return False
        known = b"250 mail.example.com\r\n" if inside else EHLO
        connection.sendall(known if verb.startswith(b"EHLO") else b"500 5.5.2 what?\r\n")


def at_tls(hostility: Script, good: Callable[[int], bool] = lambda visit: visit == 0) -> Script:
    """Polite up to STARTTLS. Then good TLS for those of its visits, numbered from 0, that `good`
    says, the first alone as a rule; `hostility` for the others."""
    count, lock = itertools.count(), threading.Lock()
    secure = tls()

    def script(connection: socket.socket) -> None:
        with lock:
            visit = next(count)
        polite(secure if good(visit) else _given_over(hostility))(connection)

    return script


def _given_over(hostility: Script) -> Secure:
    def secure(connection: socket.socket) -> socket.socket:
        hostility(connection)
        raise EOFError

    return secure


def from_visit(number: int, good: Script, then: Script) -> Script:
    """`good` for the visits before `number`, from 0; `then` for all others."""
    count, lock = itertools.count(), threading.Lock()

    def script(connection: socket.socket) -> None:
        with lock:
            visit = next(count)
        (good if visit < number else then)(connection)

    return script


# --- what it does with a ClientHello


def hello(connection: socket.socket) -> bytes:
    """The client's first record, whole."""
    head = _exactly(connection, 5)
    return head + _exactly(connection, int.from_bytes(head[3:5], "big"))


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(*records: bytes, then: Script = wait_for_the_end) -> Script:
    """To any hello the same records."""

    def script(connection: socket.socket) -> None:
        hello(connection)
        connection.sendall(b"".join(records))
        then(connection)

    return script


def endlessly(*records: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        hello(connection)
        while True:
            connection.sendall(b"".join(records) * 100)

    return script


def handshake(*messages: bytes) -> bytes:
    return fragmented(ContentType.HANDSHAKE, TLS1_2, b"".join(messages))


def server_hello(
    version: int = TLS1_2,
    suite: int = SUITE,
    extensions: Extensions = (),
    random: bytes = b"r" * 32,
) -> bytes:
    return bytes(ServerHello(version, random, b"", suite, 0, (renegotiation_info(), *extensions)))


def flight(certificate: bytes, suite: int = 0x002F) -> bytes:
    """Of static RSA, which needs no signature."""
    done = Message(HandshakeType.SERVER_HELLO_DONE, b"")
    return handshake(server_hello(suite=suite), certificate, bytes(done))


def random_suites(connection: socket.socket) -> None:
    """Something else each time, offered or not."""
    hello(connection)
    suite = random.randrange(0x10000)  # noqa: S311
    connection.sendall(flight(bytes(Certificate((b"\x30\x00",))), suite))
    wait_for_the_end(connection)


def random_bytes(connection: socket.socket) -> None:
    hello(connection)
    connection.sendall(os.urandom(2000))


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def half_close(connection: socket.socket) -> None:
    hello(connection)
    connection.sendall(handshake(server_hello())[:20])
    connection.shutdown(socket.SHUT_WR)
    wait_for_the_end(connection)


def byte_by_byte(connection: socket.socket) -> None:
    """A flight in records of one byte, slowly."""
    hello(connection)
    whole = flight(bytes(Certificate((b"\x30\x00",))))[5:]
    for octet in whole:
        connection.sendall(bytes(Record(ContentType.HANDSHAKE, TLS1_2, bytes([octet]))))
        time.sleep(1)


def in_step(step: int, then: Script) -> Script:
    """As `polite` with good TLS, but from the second visit on `then` at step 0: the accept, 1: the
    banner, 2: EHLO answered, 3: STARTTLS answered, 4: the hello read, 5: half a flight said."""

    def script(connection: socket.socket) -> None:
        for turn in (BANNER, EHLO, READY)[:step]:
            connection.sendall(turn)
            if step < 4 or turn is not READY:
                line(connection)
        if step >= 4:
            hello(connection)
        if step >= 5:
            connection.sendall(handshake(server_hello())[:30])
        then(connection)

    return from_visit(1, polite(tls()), script)


_RETRY = server_hello(TLS1_2, 0x1301, (Extension(43, b"\x03\x04"),), HELLO_RETRY_RANDOM)
_TWICE = (Extension(35, b""), Extension(35, b""), Extension(0xFF01, b"\x00"))
_HUGE = bytes([HandshakeType.CERTIFICATE]) + b"\xff\xff\xff"
_REFUSED = b"454 4.7.0 TLS not available due to local problem\r\n"

HOSTILE: dict[str, Hostile] = {
    # time
    "one byte a second": Hostile(SMTP, trickles(b"220-patience\r\n", 1), "waiting for the banner"),
    "one byte a second in TLS": Hostile(SMTP, at_tls(byte_by_byte), "seconds|waiting|cut off"),
    "silent": Hostile(SMTP, silent, "waiting for the banner"),
    "silent on a TLS port": Hostile(IMAPS, silent, "waiting for the TLS handshake"),
    "greet delay": Hostile(SMTP, late(0.4, polite(tls())), '"TLSv1.3"'),
    "EHLO hangs": Hostile(SMTP, answers(BANNER), "waiting for the answer to EHLO"),
    "STARTTLS hangs": Hostile(SMTP, answers(BANNER, EHLO), "waiting for the answer to STARTTLS"),
    "STARTTLS hangs later": Hostile(SMTP, in_step(3, silent), "waiting for|stay away"),
    "ClientHello hangs": Hostile(SMTP, at_tls(silent), "waiting for"),
    "never closes": Hostile(SMTP, polite(tls(), closes=False), '"TLSv1.3"'),
    # floods
    "endless banner": Hostile(SMTP, floods(with_=b"220-more\r\n"), "more than 65536 bytes"),
    "endless line": Hostile(SMTP, floods(with_=b"220 more"), "a line of more than 8192 bytes"),
    "endless EHLO lines": Hostile(
        SMTP, floods(BANNER, with_=b"250-X\r\n"), "more than 65536 bytes"
    ),
    "endless CAPA": Hostile(POP3, floods(b"+OK hi\r\n", with_=b"+OK\r\nX\r\n"), "65536 bytes"),
    "endless IMAP responses": Hostile(
        IMAP, floods(b"* OK hi\r\n", with_=b"* 1 EXISTS\r\n"), "more than 65536 bytes"
    ),
    "huge IMAP literal": Hostile(
        IMAP, answers(b"* OK hi\r\n", b"* X {4294967296}\r\n"), "a literal of 4294967296 bytes"
    ),
    "gigabyte message": Hostile(
        SMTP, at_tls(endlessly(handshake(server_hello(), _HUGE + bytes(4000)))), "contradicts"
    ),
    "record over its length": Hostile(
        SMTP, at_tls(says(b"\x16\x03\x03\xff\xff", then=floods(with_=b"\0"))), "cannot be read"
    ),
    "endless empty records": Hostile(
        SMTP, at_tls(endlessly(b"\x16\x03\x03\x00\x00")), "cannot be read"
    ),
    "endless warnings": Hostile(
        SMTP, at_tls(endlessly(b"\x15\x03\x03\x00\x02\x01\x70")), "cannot be read"
    ),
    "endless HelloRequests": Hostile(
        SMTP, at_tls(endlessly(handshake(b"\0\0\0\0"))), "cannot be read"
    ),
    "1 MB chain": Hostile(SMTP, polite(tls(certificates.megabyte)), "TLSv1.3|TLSv1.2|failed"),
    # turned away
    "421 at once": Hostile(SMTP, answers(b"421 4.7.0 too many connections\r\n"), "421 4.7.0"),
    "421 from the 4th visit on": Hostile(
        SMTP, from_visit(3, polite(tls()), closes_after(b"421 4.7.0 too many\r\n")), "stay away"
    ),
    "554": Hostile(SMTP, answers(b"554 go away\r\n"), "554 go away"),
    "BYE": Hostile(IMAP, answers(b"* BYE [UNAVAILABLE] later\r\n"), "UNAVAILABLE"),
    "STARTTLS refused": Hostile(SMTP, answers(BANNER, EHLO, _REFUSED), "refused: 454 4.7.0"),
    "STARTTLS refused later": Hostile(
        SMTP, from_visit(1, polite(tls()), answers(BANNER, EHLO, _REFUSED)), "stay away|454 4.7.0"
    ),
    # the wrong protocol
    "TLS on a plain port": Hostile(SMTP, lambda c: echo(tls()(c)), "tls-on-plain-port|TLS"),
    "plain on a TLS port": Hostile(IMAPS, answers(BANNER), "plain"),
    "SSH": Hostile(SMTP, answers(b"SSH-2.0-OpenSSH_9.2\r\n"), "not an SMTP reply"),
    "binary noise": Hostile(IMAP, answers(bytes(range(256)) * 4 + b"\n"), "not an IMAP"),
    "echo": Hostile(IMAPS, echo, "handshake"),
    "echo in TLS": Hostile(SMTP, at_tls(echo), "cannot be read"),
    "random bytes": Hostile(SMTP, at_tls(random_bytes), "cannot be read"),
    "plain text in TLS": Hostile(SMTP, at_tls(says(b"500 what?\r\n")), "cannot be read"),
    "escape sequences": Hostile(
        SMTP, polite(tls(), banner=b"220 \x1b]0;owned\x07\x1b[2J\xff hi\r\n"), '"TLSv1.3"'
    ),
    # ends
    "reset at accept": Hostile(SMTP, in_step(0, reset), "reset"),
    "reset at the banner": Hostile(SMTP, in_step(1, reset), "reset"),
    "reset at EHLO": Hostile(SMTP, in_step(2, reset), "reset"),
    "reset at STARTTLS": Hostile(SMTP, in_step(3, reset), "reset"),
    "reset at the hello": Hostile(SMTP, in_step(4, reset), "reset|closed"),
    "reset in the flight": Hostile(SMTP, in_step(5, reset), "cannot be read|reset"),
    "half-close": Hostile(SMTP, at_tls(half_close), "cannot be read|closed"),
    "every other visit reset": Hostile(
        SMTP, at_tls(reset, good=lambda visit: visit % 2 == 0), '"TLSv1.3"|reset'
    ),
    # TLS as nobody wrote it down
    "a version of the future": Hostile(
        SMTP, at_tls(says(handshake(server_hello(0x0307)))), "protocols"
    ),
    "a version of nowhere": Hostile(
        SMTP, at_tls(says(handshake(server_hello(0x7F7F)))), "protocols"
    ),
    "duplicate extensions": Hostile(
        SMTP, at_tls(says(handshake(server_hello(extensions=_TWICE)))), "protocols"
    ),
    "always the same suite": Hostile(
        SMTP, at_tls(says(flight(bytes(Certificate((b"\x30\x00",)))))), "contradicts|cannot be"
    ),
    "random suites": Hostile(SMTP, at_tls(random_suites), "contradicts|cannot be|higher"),
    "TLS 1.3 whatever was offered": Hostile(
        SMTP,
        at_tls(says(handshake(server_hello(TLS1_2, 0x1301, (Extension(43, b"\x03\x04"),))))),
        "contradicts|higher|cannot be",
    ),
    "HelloRetryRequest for ever": Hostile(SMTP, at_tls(says(handshake(_RETRY))), "protocols"),
    "no certificates": Hostile(SMTP, at_tls(says(flight(bytes(Certificate(()))))), "protocols"),
    "certificates of noise": Hostile(
        SMTP, at_tls(says(flight(bytes(Certificate((os.urandom(900), b"")))))), "protocols"
    ),
    "an alert of another world": Hostile(
        SMTP, at_tls(says(b"\x15\x7f\x7f\x00\x02\xff\xff")), "protocols"
    ),
    "SSLv2's answer": Hostile(
        SMTP, at_tls(says(b"\x80\x0b\x04\x00\x01\x00\x02" + bytes(6))), "protocols"
    ),
    # certificates
    "expired": Hostile(SMTP, polite(tls(certificates.expired)), "certificate-expired|expired"),
    "wrong name": Hostile(SMTP, polite(tls(certificates.wrong_name)), "name-mismatch"),
    "NUL in a name": Hostile(SMTP, polite(tls(certificates.nul_in_name)), "name-mismatch"),
    # addresses
    "IPv6 only": Hostile(SMTP, polite(tls()), '"TLSv1.3"', socket.AF_INET6),
}
