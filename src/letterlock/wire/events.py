"""What the three dialogues report, in words that they share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greeted:
    """The server's banner is complete and welcomes us."""

    banner: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offers, a line each, as sent."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlsReady:
    """The server agreed to begin TLS: the next bytes are a ClientHello of ours. Whatever it sends
    in the clear from here on is in the dialogue's `trailing`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command was turned down; `answer` is the reply, `temporary` a 4yz one of SMTP's."""

    command: str
    answer: str
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """The server ends the session of its own accord: SMTP 421 or a banner other than 220, IMAP
    BYE, a POP3 banner of -ERR. `temporary` where it may answer later."""

    answer: str
    temporary: bool


@dataclass(frozen=True, slots=True)
class Farewell:
    """The answer to QUIT or LOGOUT."""


Event = Greeted | Capabilities | TlsReady | Refused | Closing | Farewell
