"""Servers that misbehave, one script each, on loopback ports of their own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trustme

Script = Callable[[socket.socket], None]

CA = trustme.CA()
_LEAF = CA.issue_cert("mail.example.com")


@contextmanager
def serving(
    script: Script, family: int = socket.AF_INET, address: str | None = None
) -> Iterator[int]:
    """Runs `script` for each connection in a thread; gives the port. What the client leaves behind
    ends the script, as does the end of the test. `address` is 127.0.0.1 or ::1 unless told."""
    usual = "127.0.0.1" if family == socket.AF_INET else "::1"
    listener = socket.create_server((address or usual, 0), family=family)
    threads: list[threading.Thread] = []

    def converse(connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError, EOFError):
            script(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=converse, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def line(connection: socket.socket) -> bytes:
    """The client's next line."""
    data = b""
    while not data.endswith(b"\n"):
        octet = connection.recv(1)
        if not octet:
            raise EOFError
        data += octet
    return data


def wait_for_the_end(connection: socket.socket) -> None:
    """Until the client has closed."""
    while connection.recv(65536):
        pass


def answers(*turns: bytes) -> Script:
    """Says the first turn at once and each further one after a line of the client's; then waits."""

    def script(connection: socket.socket) -> None:
        connection.sendall(turns[0])
        for turn in turns[1:]:
            line(connection)
            connection.sendall(turn)
        wait_for_the_end(connection)

    return script


def silent(connection: socket.socket) -> None:
    wait_for_the_end(connection)


def resets_after(*turns: bytes) -> Script:
    """As `answers`, but the last turn is followed by a reset at the client's next line (at once
    where there is no turn)."""

    def script(connection: socket.socket) -> None:
        for turn in turns:
            connection.sendall(turn)
            line(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def closes_after(*turns: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        for turn in turns:
            connection.sendall(turn)
            line(connection)

    return script


def floods(*turns: bytes, with_: bytes) -> Script:
    """Says the turns, then repeats `with_` for as long as anybody listens."""

    def script(connection: socket.socket) -> None:
        for turn in turns:
            connection.sendall(turn)
            line(connection)
        while True:
            connection.sendall(with_ * 1000)

    return script


def trickles(text: bytes, seconds: float) -> Script:
    """One byte at a time, over and over."""

    def script(connection: socket.socket) -> None:
        while True:
            for octet in text:
                connection.sendall(bytes([octet]))
                time.sleep(seconds)

    return script


def late(seconds: float, script: Script) -> Script:
    def later(connection: socket.socket) -> None:
        time.sleep(seconds)
        script(connection)

    return later


def after_hello(answer: bytes, then: Script = silent) -> Script:
    """Reads the start of a ClientHello and answers it with `answer`."""

    def script(connection: socket.socket) -> None:
        connection.recv(5)
        connection.sendall(answer)
        then(connection)

    return script


def with_tls(inside: Script, *turns: bytes) -> Script:
    """Says the turns as `answers` does, then is a good TLS server that runs `inside`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _LEAF.configure_cert(context)

    def script(connection: socket.socket) -> None:
        for position, turn in enumerate(turns):
            if position:
                line(connection)
            connection.sendall(turn)
        with context.wrap_socket(connection, server_side=True) as secured:
            inside(secured)

    return script
