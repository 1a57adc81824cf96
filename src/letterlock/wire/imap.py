"""IMAP up to and after STARTTLS (RFC 3501, RFC 9051)."""

from __future__ import annotations

import re

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

_LITERAL = re.compile(rb"~?\{([0-9]{1,19})\+?\}$")
#: resp-cond-state and resp-cond-bye end in free text, where braces mean nothing.
_STATUS = re.compile(rb"\S+ (?:OK|NO|BAD|BYE|PREAUTH)(?: |$)", re.IGNORECASE)
_CAPABILITY_CODE = re.compile(r"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)


class ImapDialogue(Dialogue):
    """IMAP in its not-authenticated state."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._literal: int | None = None
        self._tag = 0
        self._capabilities: tuple[str, ...] | None = None
        self._preauthenticated = False

    @property
    def starttls_possible(self) -> bool:
        """Not after a PREAUTH greeting: STARTTLS belongs to the not-authenticated state (RFC 3501
        section 6.2.1). It is also what an attacker on the path would pretend."""
        return not self._preauthenticated

    def enter_tls(self) -> None:
        super().enter_tls()
        self._capabilities = None

    @property
    def early_capabilities(self) -> tuple[str, ...] | None:
        """From the response code of the greeting (RFC 3501 section 7.1)."""
        return self._capabilities

    def send_capabilities(self) -> bytes:
        self._capabilities = None
        return self._command("CAPABILITY")

    def send_starttls(self) -> bytes:
        return self._command("STARTTLS")

    def send_farewell(self) -> bytes:
        return self._command("LOGOUT")

    @staticmethod
    def offers_starttls(capabilities: tuple[str, ...]) -> bool:
        return any(name.upper() == "STARTTLS" for name in capabilities)

    @staticmethod
    def cleartext_logins(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        """LOGIN is open unless LOGINDISABLED says otherwise (RFC 3501 section 6.2.3)."""
        names = [name.upper() for name in capabilities]
        login = () if "LOGINDISABLED" in names else ("LOGIN",)
        mechanisms = [name.removeprefix("AUTH=") for name in names if name.startswith("AUTH=")]
        return login + cleartext_mechanisms(mechanisms)

    def _command(self, command: str) -> bytes:
        line = self._say(command, f"A{self._tag + 1} {command}")
        self._tag += 1
        return line

    def _next_unit(self) -> bytes | None:
        """A whole response: its lines with the literals between them."""
        while True:
            if self._literal is not None:
                octets = self._buffer.exactly(self._literal)
                if octets is None:
                    return None
                self._parts.append(octets)
                self._literal = None
            line = self._buffer.line()
            if line is None:
                return None
            literal = None if self._is_status(line) else _LITERAL.search(line)
            self._parts.append(line)
            if literal is None:
                unit, self._parts = b"".join(self._parts), []
                return unit
            self._literal = int(literal[1])

    def _is_status(self, line: bytes) -> bool:
        return not self._parts and _STATUS.match(line) is not None

    def _interpret(self, unit: bytes) -> Event | None:
        text = readable(unit)
        tag, _, rest = text.partition(" ")
        word, _, tail = rest.partition(" ")
        if tag == "*":
            return self._untagged(word.upper(), tail, text)
        if self._awaiting in (None, "banner") or tag != f"A{self._tag}":
            raise WireError(f"not an IMAP response to what was asked: {text[:80]!r}")
        return self._tagged(word.upper(), tail, rest)

    def _untagged(self, word: str, tail: str, text: str) -> Event | None:
        if word == "BYE":
            return self._bye(text)
        if self._awaiting == "banner":
            return self._banner(word, tail, text)
        if word == "CAPABILITY":
            self._capabilities = tuple(tail.split())
        return None

    def _bye(self, text: str) -> Event | None:
        if self._awaiting == "LOGOUT":
            return None
        self._awaiting = None
        temporary = any(code in text.upper() for code in ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]"))
        return Closing(text.removeprefix("* "), temporary or "too many" in text.lower())

    def _banner(self, word: str, tail: str, text: str) -> Event:
        if word not in ("OK", "PREAUTH"):
            raise WireError(f"not an IMAP greeting: {text[:80]!r}")
        self._awaiting = None
        self._preauthenticated = word == "PREAUTH"
        self._note_code(tail)
        return Greeted(text.removeprefix("* "))

    def _tagged(self, status: str, tail: str, rest: str) -> Event:
        command, self._awaiting = self._awaiting or "", None
        if command == "LOGOUT":
            return Farewell()
        if status in ("NO", "BAD"):
            return Refused(command, rest)
        if status != "OK":
            raise WireError(f"a tagged response that is neither OK, NO nor BAD: {rest[:80]!r}")
        if command == "STARTTLS":
            return TlsReady()
        self._note_code(tail)
        if self._capabilities is None:
            raise WireError("CAPABILITY was answered without a capability")
        return Capabilities(self._capabilities)

    def _note_code(self, tail: str) -> None:
        match = _CAPABILITY_CODE.match(tail)
        if match:
            self._capabilities = tuple(match[1].split())
