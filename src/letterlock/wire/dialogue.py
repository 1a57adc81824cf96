"""The frame that the SMTP, IMAP and POP3 dialogues share. Sans-IO, in h11's habit."""

from __future__ import annotations

from abc import ABC, abstractmethod

from letterlock.wire.events import Event, TlsReady
from letterlock.wire.lines import MAX_TURN, LineBuffer


class Dialogue(ABC):
    """A client's side of a mail dialogue, up to TLS and, after `enter_tls`, inside it.

    `receive` takes bytes in whatever pieces they come and returns the events they complete; each
    `send_…` returns the bytes to send and may only be called while no answer is outstanding (one
    command at a time). `receive` raises WireError and nothing else, whatever the bytes."""

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        #: The command whose answer is awaited; the banner counts as one; None: ours to speak.
        self._awaiting: str | None = "banner"
        self._in_the_clear = True
        self._trailing = bytearray()

    @property
    def awaiting(self) -> str | None:
        """What the server owes us: `banner`, a command's name, or None."""
        return self._awaiting

    @property
    def our_turn(self) -> bool:
        """Whether a `send_…` may be called."""
        return self._awaiting is None and self._in_the_clear

    @property
    def trailing(self) -> bytes:
        """What the server sent in the clear after it agreed to TLS: nothing is allowed there, and
        a client that takes it for an answer inside TLS can be injected into (CVE-2011-0411)."""
        return bytes(self._trailing)

    def receive(self, data: bytes) -> tuple[Event, ...]:
        """Raises WireError for bytes that break the rules or the limits."""
        if not self._in_the_clear:
            self._keep_trailing(data)
            return ()
        self._buffer.feed(data)
        events: list[Event] = []
        while self._in_the_clear and (unit := self._next_unit()) is not None:
            event = self._interpret(unit)
            if event is None:
                continue
            events.append(event)
            if isinstance(event, TlsReady):
                self._in_the_clear = False
                self._keep_trailing(self._buffer.rest())
        return tuple(events)

    def enter_tls(self) -> None:
        """TLS is up: all knowledge from before is void (RFC 3207 section 4.2, RFC 3501 section
        6.2.1) and no banner comes."""
        if self._in_the_clear:
            raise RuntimeError("the server has not agreed to TLS")
        self._in_the_clear = True
        self._awaiting = None
        self._buffer = LineBuffer()

    @abstractmethod
    def send_capabilities(self) -> bytes:
        """Ask what the server offers: EHLO, CAPABILITY, CAPA."""

    def send_fallback(self) -> bytes | None:
        """What to say when that is refused (HELO); None: nothing."""
        return None

    @abstractmethod
    def send_starttls(self) -> bytes: ...

    @abstractmethod
    def send_farewell(self) -> bytes: ...

    @property
    @abstractmethod
    def early_capabilities(self) -> tuple[str, ...] | None:
        """What the banner itself said is offered, so that it need not be asked; else None."""

    @property
    def starttls_possible(self) -> bool:
        """Whether the session is in a state in which TLS may still be begun."""
        return True

    @staticmethod
    @abstractmethod
    def offers_starttls(capabilities: tuple[str, ...]) -> bool: ...

    @staticmethod
    @abstractmethod
    def cleartext_logins(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        """The ways to send a password or token readable by anyone on the path."""

    @abstractmethod
    def _next_unit(self) -> bytes | None: ...

    @abstractmethod
    def _interpret(self, unit: bytes) -> Event | None: ...

    def _say(self, command: str, line: str) -> bytes:
        if not self.our_turn:
            raise RuntimeError(f"{command} while {self._awaiting or 'TLS'} is awaited")
        self._awaiting = command
        self._buffer.new_turn()
        return line.encode("ascii") + b"\r\n"

    def _keep_trailing(self, data: bytes) -> None:
        self._trailing += data[: MAX_TURN - len(self._trailing)]


#: SASL mechanisms that send the password or a bearer token as it is: PLAIN (RFC 4616), LOGIN,
#: OAUTHBEARER (RFC 7628), XOAUTH2. The others prove knowledge of it.
CLEARTEXT_MECHANISMS = ("PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2")


def cleartext_mechanisms(mechanisms: list[str]) -> tuple[str, ...]:
    """Those of `mechanisms` that are in CLEARTEXT_MECHANISMS, each once, as `AUTH NAME`."""
    offered = {mechanism.upper() for mechanism in mechanisms}
    return tuple(f"AUTH {name}" for name in CLEARTEXT_MECHANISMS if name in offered)
