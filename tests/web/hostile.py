"""What strangers' servers may say to do something to who reads a report, and one that says it."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.machine import Machine

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "</title><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    '"><script>window.pwned=1</script>',
    "'><img src=x onerror=window.pwned=1>",
    '" onfocus=window.pwned=1 autofocus x="',
    "</td></tr></table><iframe src=javascript:window.pwned=1>",
    "<a href=javascript:window.pwned=1>x</a>",
    "{{7*7}}{{config}}",
    "{% raw %}${7*7}#{7*7}",
    "<details open ontoggle=window.pwned=1>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input name=x>",
    "<object data=javascript:window.pwned=1>",
    "<embed src=javascript:window.pwned=1>",
    "<math><mtext><script>window.pwned=1</script>",
    "<video><source onerror=window.pwned=1>",
    "<marquee onstart=window.pwned=1>x</marquee>",
    "<!--<script>-->window.pwned=1<!--</script>-->",
    "]]><script>window.pwned=1</script>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&#60;script&#62;window.pwned=1",
    "</script><script>window.pwned=1</script>",
    "</textarea><svg/onload=window.pwned=1>",
    "<body onload=window.pwned=1>",
    '<IMG SRC="jav\tascript:window.pwned=1">',
    "\u202e<script>window.pwned=1</script>\u202c",
    "\x1b]0;title\x07<b>bold</b>",
    "\u2028<script>window.pwned=1</script>",
    "<scr\x00ipt>window.pwned=1</scr\x00ipt>",
    "javascript:window.pwned=1//",
)


class HostileServer:
    """LMTP, on port 24 of an address of a machine, while it is entered: payloads in its banner, its
    capabilities and its certificate."""

    def __init__(self, machine: Machine, address: str) -> None:
        self._server = machine.call(lambda: socket.create_server((address, 24)))
        self._context = _context()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            connection.settimeout(60)
            self._speak(connection)

    def _speak(self, connection: socket.socket) -> None:
        connection.sendall(f"220 {PAYLOADS[0]} {PAYLOADS[2]} LMTP\r\n".encode())
        while line := _line(connection):
            if line.upper().startswith(b"LHLO"):
                said = [f"250-{each}" for each in PAYLOADS[:10]]
                connection.sendall("\r\n".join(["250-evil", *said, "250 STARTTLS", ""]).encode())
            elif line.upper().startswith(b"STARTTLS"):
                connection.sendall(b"220 go\r\n")
                inside = self._context.wrap_socket(connection, server_side=True)
                self._inside(inside)
                return
            else:
                connection.sendall(b"221 bye\r\n")
                return

    def _inside(self, connection: ssl.SSLSocket) -> None:
        while line := _line(connection):
            connection.sendall(
                b"250 fine\r\n" if line.upper().startswith(b"LHLO") else b"221 x\r\n"
            )


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        data = connection.recv(1)
        if not data:
            return b""
        line += data
    return line


def _context() -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PAYLOADS[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, PAYLOADS[2])]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in PAYLOADS[:10]]), False
        )
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        Path(file.name).write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(file.name)
    return context
