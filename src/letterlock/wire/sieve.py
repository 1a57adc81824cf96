"""ManageSieve up to and after STARTTLS (RFC 5804)."""

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

#: A literal that the server sends has no `+` (section 4, `literal-s2c`); one with it is understood.
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}$")
_STATUS = re.compile(rb"(OK|NO|BYE)(?: |$)", re.IGNORECASE)
#: A string, quoted or as it was sent in a literal (which `_next_unit` has put into quotes).
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_CODE = re.compile(r"\(([^)\s]*)[^)]*\)")
#: Response codes that promise better luck later (section 1.3).
_TEMPORARY = ("TRYLATER", "REFERRAL")


class SieveDialogue(Dialogue):
    """ManageSieve in its non-authenticated state. The greeting is an answer to CAPABILITY that
    nobody asked for, and so is what comes once TLS is up (sections 1.7 and 2.2)."""

    def __init__(self) -> None:
        super().__init__()
        self._listing: list[str] = []
        self._parts: list[bytes] = []
        self._literal: int | None = None
        self._capabilities: tuple[str, ...] | None = None

    @property
    def early_capabilities(self) -> tuple[str, ...] | None:
        return self._capabilities

    def enter_tls(self) -> None:
        """The server speaks first: its capabilities are awaited like a banner."""
        super().enter_tls()
        self._awaiting, self._capabilities = "banner", None

    def send_capabilities(self) -> bytes:
        return self._say("CAPABILITY", "CAPABILITY")

    def send_starttls(self) -> bytes:
        return self._say("STARTTLS", "STARTTLS")

    def send_farewell(self) -> bytes:
        return self._say("LOGOUT", "LOGOUT")

    @staticmethod
    def offers_starttls(capabilities: tuple[str, ...]) -> bool:
        return any(line.upper().split()[:1] == ["STARTTLS"] for line in capabilities)

    @staticmethod
    def cleartext_logins(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        """The arguments of `SASL` (section 1.7); there is no other way to log in."""
        lines = [line.split() for line in capabilities if line.strip()]
        return cleartext_mechanisms(
            [name for line in lines if line[0].upper() == "SASL" for name in line[1:]]
        )

    def _next_unit(self) -> bytes | None:
        """A whole response line, its literals as quoted strings."""
        while True:
            if self._literal is not None:
                octets = self._buffer.exactly(self._literal)
                if octets is None:
                    return None
                self._parts.append(_quoted(octets))
                self._literal = None
            line = self._buffer.line()
            if line is None:
                return None
            literal = _LITERAL.search(line)
            if literal is None:
                unit, self._parts = b"".join((*self._parts, line)), []
                return unit
            self._parts.append(line[: literal.start()])
            self._literal = int(literal[1])

    def _interpret(self, unit: bytes) -> Event | None:
        status = _STATUS.match(unit)
        word = status[1].decode("ascii").upper() if status else ""
        if self._awaiting is None and word != "BYE":
            raise WireError(f"an answer to no command: {readable(unit[:80])!r}")
        if word:
            return self._status(word, readable(unit))
        if self._awaiting not in ("banner", "CAPABILITY"):
            raise WireError(f"neither OK, NO nor BYE: {readable(unit[:80])!r}")
        self._listing.append(_capability(unit))
        return None

    def _status(self, status: str, text: str) -> Event:
        command, self._awaiting = self._awaiting, None
        listing, self._listing = tuple(self._listing), []
        if command == "LOGOUT":
            return Farewell()
        if status == "BYE" or (status == "NO" and command == "banner"):
            return Closing(text, _is_temporary(text))
        if status == "NO":
            return Refused(command or "", text, _is_temporary(text))
        if command == "STARTTLS":
            return TlsReady()
        self._capabilities = listing
        if command == "banner":
            return Greeted(_implementation(listing) or text)
        return Capabilities(listing)


def _quoted(octets: bytes) -> bytes:
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _is_temporary(text: str) -> bool:
    code = _CODE.search(text)
    return code is not None and code[1].upper() in _TEMPORARY


def _capability(unit: bytes) -> str:
    """A capability's name and value, as one line without quotes. Raises WireError for a line that
    does not begin with a string."""
    if _STRING.match(unit) is None:
        raise WireError(f"neither a capability nor OK, NO or BYE: {readable(unit[:80])!r}")
    values = [re.sub(rb"\\(.)", rb"\1", value, flags=re.DOTALL) for value in _STRING.findall(unit)]
    return " ".join(map(readable, values)).strip()


def _implementation(listing: tuple[str, ...]) -> str | None:
    """What the server calls itself."""
    for line in listing:
        name, _, value = line.partition(" ")
        if name.upper() == "IMPLEMENTATION":
            return value
    return None
