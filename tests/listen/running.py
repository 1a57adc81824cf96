"""A Listener of the tests on loopback, in a thread with a loop of its own, and a client by hand."""

from __future__ import annotations

import asyncio
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache, partial
from types import TracebackType
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from letterlock.listen.addresses import Names, Recipients
from letterlock.listen.certificates import Identity
from letterlock.listen.limits import Limits
from letterlock.listen.places import Listening, Role, Whose
from letterlock.listen.server import Listener, Test, Told
from letterlock.listen.zone import policy_host
from letterlock.model.listening import PolicyFetch, Trap, Visit
from tests.machine import Machine

TOKEN = "test-token"
NAMES = Names("traps.example")
_PATIENCE = Limits().handshake / 2


@cache
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def good() -> Identity:
    hosts = (NAMES.host(Trap.GOOD), NAMES.host(Trap.TLSA_MISMATCH), policy_host(NAMES))
    return issue(*hosts)


def issue(*hosts: str, not_after: datetime | None = None) -> Identity:
    """Of the tests' authority."""
    issued = authority().issue_cert(*hosts, key_type=trustme.KeyType.ECDSA, not_after=not_after)
    chain = tuple(x509.load_pem_x509_certificate(each.bytes()) for each in issued.cert_chain_pems)
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Identity(chain, key)


class Running:
    """`port(trap)` is where a trap listens, `port(None)` the shared one. `create` makes a listening
    socket, by default on this machine's loopback."""

    def __init__(
        self,
        limits: Limits | None = None,
        expired: Identity | None = None,
        create: Callable[[], socket.socket] = lambda: socket.create_server(("127.0.0.1", 0)),
    ) -> None:
        self.visits: queue.Queue[Visit] = queue.Queue()
        recipients = Recipients(NAMES, [TOKEN])
        test = Test(NAMES, recipients, good(), expired, limits or Limits())
        self.fetches: queue.Queue[PolicyFetch] = queue.Queue()
        self.listener = Listener(test, Told(self.visits.put, self.fetches.put))
        self._sockets: dict[Whose, socket.socket] = {}
        for trap in (None, *Trap, Role.POLICY):
            self._sockets[trap] = create()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        places = [Listening(trap, each) for trap, each in self._sockets.items()]
        self._loop.run_until_complete(self.listener.serve(places, self._ended))

    def port(self, trap: Whose) -> int:
        return int(self._sockets[trap].getsockname()[1])

    def visit(self) -> Visit:
        """The next visit that is over."""
        return self.visits.get(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(60)
        self._loop.close()
        assert not self.listener._sessions, "who has gone is let go"


@contextmanager
def running(limits: Limits | None = None, expired: Identity | None = None) -> Iterator[Running]:
    with closing(Running(limits, expired)) as server:
        yield server


@contextmanager
def running_inside(machine: Machine) -> Iterator[Running]:
    """On the loopback of a machine of the tests."""
    create = partial(machine.call, lambda: socket.create_server(("127.0.0.1", 0)))
    with closing(Running(create=create)) as server:
        yield server


def trusting() -> ssl.SSLContext:
    """A client that believes the tests' authority, and takes no end that was not said for one:
    Python would (OP_IGNORE_UNEXPECTED_EOF, which it sets)."""
    context = ssl.create_default_context()
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    authority().configure_trust(context)
    return context


def careless() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Speaks SMTP by hand; `recv` is one reply, all its lines."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout=60)
        self._file = self.socket.makefile("rb")

    def reply(self) -> str:
        lines = []
        while True:
            line = self._file.readline().decode()
            lines.append(line)
            if line[3:4] != "-":
                return "".join(lines)

    def say(self, line: str) -> str:
        self.socket.sendall(f"{line}\r\n".encode())
        return self.reply()

    def open(self, helo: str = "mx.sender.example") -> Self:
        assert self.reply().startswith("220 ")
        assert self.say(f"EHLO {helo}").startswith("250")
        return self

    def starttls(self, context: ssl.SSLContext, name: str | None = None) -> None:
        assert self.say("STARTTLS").startswith("220 ")
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self._file = self.socket.makefile("rb")
        assert self.say("EHLO mx.sender.example").startswith("250")

    def deliver(self, recipient: str, text: str = "hello") -> str:
        for line, code in (
            ("MAIL FROM:<me@sender.example>", "250 2."),
            (f"RCPT TO:<{recipient}>", "250 2.1.5"),
            ("DATA", "354 "),
        ):
            answer = self.say(line)
            assert answer.startswith(code), (line, answer)
        self.socket.sendall(f"{text}\r\n.\r\n".encode())
        return self.reply()

    def is_closed(self) -> bool:
        """Whether the server closes, all it said before read. Waited for less than until its own
        bounds on silence and handshakes (Limits) would have it closed."""
        self.socket.settimeout(_PATIENCE)
        try:
            while self.socket.recv(4096):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def address(trap: Trap, token: str = TOKEN) -> str:
    return f"{token}@{NAMES.mail_domain(trap)}"
