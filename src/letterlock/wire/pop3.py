"""POP3 up to and after STLS (RFC 1939, RFC 2449, RFC 2595)."""

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

#: The APOP challenge in a banner: a msg-id (RFC 1939 section 7).
_CHALLENGE = re.compile(r"<[^<>\s]+@[^<>\s]+>")
#: Response codes that promise better luck later (RFC 2449 section 8.1.2, RFC 3206).
_TEMPORARY = ("[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]")


class Pop3Dialogue(Dialogue):
    """POP3 in its AUTHORIZATION state."""

    def __init__(self) -> None:
        super().__init__()
        self._listing: list[str] | None = None
        self._challenge: str | None = None

    @property
    def apop_challenge(self) -> str | None:
        """The banner's timestamp where the server offers APOP, else None."""
        return self._challenge

    @property
    def early_capabilities(self) -> tuple[str, ...] | None:
        return None

    def send_capabilities(self) -> bytes:
        return self._say("CAPA", "CAPA")

    def send_starttls(self) -> bytes:
        return self._say("STLS", "STLS")

    def send_farewell(self) -> bytes:
        return self._say("QUIT", "QUIT")

    @staticmethod
    def offers_starttls(capabilities: tuple[str, ...]) -> bool:
        return any(line.upper().split()[:1] == ["STLS"] for line in capabilities)

    @staticmethod
    def cleartext_logins(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        """RFC 2449 sections 6.3 and 6.4: `USER`, and the arguments of `SASL`."""
        lines = [line.split() for line in capabilities if line.strip()]
        user = ("USER",) if any(line[0].upper() == "USER" for line in lines) else ()
        mechanisms = [name for line in lines if line[0].upper() == "SASL" for name in line[1:]]
        return user + cleartext_mechanisms(mechanisms)

    def _next_unit(self) -> bytes | None:
        return self._buffer.line()

    def _interpret(self, unit: bytes) -> Event | None:
        if self._listing is not None:
            return self._list(self._listing, unit)
        command, self._awaiting = self._awaiting, None
        if command is None:
            raise WireError(f"an answer to no command: {readable(unit[:80])!r}")
        status, _, rest = unit.partition(b" ")
        if status.upper() not in (b"+OK", b"-ERR"):
            raise WireError(f"neither +OK nor -ERR: {readable(unit[:80])!r}")
        return self._status(command, status.upper() == b"+OK", readable(rest))

    def _status(self, command: str, positive: bool, text: str) -> Event | None:
        if command == "QUIT":
            return Farewell()
        if not positive:
            return self._negative(command, text)
        match command:
            case "banner":
                match = _CHALLENGE.search(text)
                self._challenge = match[0] if match else None
                return Greeted(text)
            case "STLS":
                return TlsReady()
        self._awaiting, self._listing = command, []
        return None

    @staticmethod
    def _negative(command: str, text: str) -> Event:
        answer = f"-ERR {text}".rstrip()
        temporary = text.upper().startswith(_TEMPORARY)
        if command == "banner":
            return Closing(answer, temporary)
        return Refused(command, answer, temporary)

    def _list(self, listing: list[str], line: bytes) -> Event | None:
        """A line of a multi-line answer; a dot alone ends it, a leading dot is doubled (RFC 1939
        section 3)."""
        if line != b".":
            listing.append(readable(line[1:] if line.startswith(b".") else line))
            return None
        self._listing, self._awaiting = None, None
        return Capabilities(tuple(listing))
