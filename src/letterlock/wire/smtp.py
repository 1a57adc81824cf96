"""SMTP up to and after STARTTLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from letterlock.wire.dialogue import Dialogue, cleartext_mechanisms
from letterlock.wire.error import WireError
from letterlock.wire.events import (
    Capabilities,
    Closing,
    Event,
    Farewell,
    Greeted,
    Refused,
    TlsReady,
)
from letterlock.wire.lines import readable

_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply (RFC 5321 section 4.2): its code, and the text of each line after the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 2034), such as `4.7.0`."""
        match = _ENHANCED.match(self.lines[0])
        return match[1] if match else None

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.lines)}".rstrip()


class SmtpDialogue(Dialogue):
    """`ehlo_name` is our own host name or address literal, in ASCII."""

    #: The command that asks for what is offered.
    hello = "EHLO"

    def __init__(self, ehlo_name: str) -> None:
        super().__init__()
        self._ehlo_name = ehlo_name
        self._lines: list[str] = []
        self._code: int | None = None

    @property
    def early_capabilities(self) -> tuple[str, ...] | None:
        return None

    def send_capabilities(self) -> bytes:
        return self._say(self.hello, f"{self.hello} {self._ehlo_name}")

    def send_fallback(self) -> bytes | None:
        """RFC 5321 section 3.2: a server that knows no EHLO is spoken to with HELO."""
        return self._say("HELO", f"HELO {self._ehlo_name}")

    def send_starttls(self) -> bytes:
        return self._say("STARTTLS", "STARTTLS")

    def send_farewell(self) -> bytes:
        return self._say("QUIT", "QUIT")

    @staticmethod
    def offers_starttls(capabilities: tuple[str, ...]) -> bool:
        return any(line.upper().split()[:1] == ["STARTTLS"] for line in capabilities)

    @staticmethod
    def cleartext_logins(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        """`AUTH=` is how clients from before RFC 2554 were told."""
        lines = [line.replace("=", " ", 1).split() for line in capabilities]
        mechanisms = [name for line in lines if line and line[0].upper() == "AUTH" for name in line]
        return cleartext_mechanisms(mechanisms)

    def _next_unit(self) -> bytes | None:
        return self._buffer.line()

    def _interpret(self, unit: bytes) -> Event | None:
        reply = self._reply(unit)
        return None if reply is None else self._answer(reply)

    def _reply(self, line: bytes) -> Reply | None:
        """The reply that this line completes, else None."""
        match = _REPLY_LINE.fullmatch(line)
        if match is None:
            raise WireError(f"not an SMTP reply: {readable(line[:80])!r}")
        code = int(match[1])
        if self._code is not None and code != self._code:
            raise WireError(f"a reply that begins with {self._code} and goes on with {code}")
        self._lines.append(readable(match[3] or b""))
        if match[2] == b"-":
            self._code = code
            return None
        reply = Reply(code, tuple(self._lines))
        self._lines, self._code = [], None
        return reply

    def _answer(self, reply: Reply) -> Event:
        command, self._awaiting = self._awaiting, None
        if command == "QUIT":
            return Farewell()
        if reply.code == 421:
            return Closing(str(reply), temporary=True)
        if command is None:
            raise WireError(f"a reply to no command: {reply}")
        if command == "banner":
            if reply.code != 220:
                return Closing(str(reply), temporary=reply.temporary)
            return Greeted(" ".join(reply.lines))
        if not reply.positive:
            return Refused(command, str(reply), reply.temporary)
        if command == "STARTTLS":
            return TlsReady()
        return Capabilities(reply.lines[1:] if command == self.hello else ())
