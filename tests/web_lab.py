"""Web servers in a machine of the tests: real HTTPS (or HTTP), each site at an address of its own,
with a certificate of the lab's CA; as well-behaved or as hostile as its answer.

    web = WebLab(machine)
    web.site("127.0.2.1", "mta-sts.good.example", page(b"version: STSv1\\r\\n…"))
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import trustme

from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from tests.machine import Machine

#: Writes what a server says, piece by piece, after it was asked for a path.
Answer = Callable[[str], Iterator[bytes]]


def page(body: bytes, kind: str = "text/plain", status: str = "200 OK", more: str = "") -> Answer:
    """A whole page, the same at every path."""

    def answer(_path: str) -> Iterator[bytes]:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
        yield head.encode() + b"\r\n" + body

    return answer


def pages(by_path: dict[str, Answer]) -> Answer:
    """Each at its path, without what follows a question mark; 404 elsewhere."""
    nothing = page(b"", status="404 Not Found")

    def answer(path: str) -> Iterator[bytes]:
        return by_path.get(path.partition("?")[0], nothing)(path)

    return answer


class WebLab:
    """`ca` signs; `trust` believes it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.ca = trustme.CA()
        self.strangers = trustme.CA()
        self._listening: list[socket.socket] = []
        self.asked: list[tuple[str, str]] = []

    @property
    def root(self) -> bytes:
        return self.ca.cert_pem.bytes()

    def trust(self) -> TrustStore:
        der = ssl.PEM_cert_to_DER_cert(self.root.decode())
        return TrustStore.of([facts(der)])

    def site(
        self,
        address: str,
        name: str,
        answer: Answer,
        *,
        certified: str | None = None,
        ca: trustme.CA | None = None,
    ) -> None:
        """Serve `name` at an address, with a certificate for it or for `certified` instead."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (ca or self.ca).issue_cert(certified or name).configure_cert(context)
        self._listen(address, 443, context, answer)

    def plain_site(self, address: str, answer: Answer) -> None:
        self._listen(address, 80, None, answer)

    def _listen(
        self, address: str, port: int, context: ssl.SSLContext | None, answer: Answer
    ) -> None:
        listener = self._machine.call(lambda: socket.create_server((address, port)))
        self._listening.append(listener)
        threading.Thread(target=self._serve, args=(listener, context, answer), daemon=True).start()

    def _serve(
        self, listener: socket.socket, context: ssl.SSLContext | None, answer: Answer
    ) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(
                target=self._accepted, args=(connected, context, answer), daemon=True
            )
            thread.start()

    def _accepted(
        self, connected: socket.socket, context: ssl.SSLContext | None, answer: Answer
    ) -> None:
        with contextlib.suppress(OSError), connected:
            if context is None:
                self._answer(connected, answer)
                return
            with context.wrap_socket(connected, server_side=True) as tls:
                self._answer(tls, answer)
                tls.unwrap()

    def _answer(self, connection: socket.socket, answer: Answer) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
            head += part
        lines = head.decode("ascii", "replace").split("\r\n")
        path = lines[0].split(" ")[1]
        host = next((line[6:] for line in lines if line.startswith("Host: ")), "")
        self.asked.append((host, path))
        for part in answer(path):
            connection.sendall(part)

    def close(self) -> None:
        for listener in self._listening:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
