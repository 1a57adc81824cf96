"""A stranger's connection: let in or not, bounded in every way, each reply with its code, let go.

aiosmtpd 1.4.6 is used for reading commands and addresses. Not used of it: STARTTLS (over private
asyncio classes, twice in one session, and goes on with a reader that had commands in it), DATA
(keeps the fragments of a line without an end, however long), replies without enhanced status codes
(RFC 2034), exceptions shown to the client, AUTH, VRFY, EXPN and HELP."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from aiosmtpd.smtp import SMTP

from letterlock.listen.addresses import Recipients
from letterlock.listen.limits import Gate, Limits
from letterlock.model.listening import Visit
from letterlock.model.wording import Wording

# Its log lines hold what clients say; what is worth keeping is in the Visit.
_log = logging.getLogger("mail.log")
_log.addHandler(logging.NullHandler())
_log.propagate = False

#: Enhanced status codes (RFC 3463) for the replies that aiosmtpd gives without one.
_ENHANCED = {
    "221": "2.0.0", "250": "2.0.0", "421": "4.3.2", "451": "4.3.0", "500": "5.5.2", "501": "5.5.4",
    "502": "5.5.1", "503": "5.5.1", "504": "5.5.4", "552": "5.3.4", "553": "5.1.3", "554": "5.5.0",
    "555": "5.5.4",
}  # fmt: skip
#: Replies after which aiosmtpd itself closes, and what it was.
_LET_GO = {
    "421 ": Wording("too many commands"),
    "502 5.5.1 Too many unrecognized": Wording("too many errors"),
}
_HAS_CODE = re.compile(r"[0-9]{3}[ -][245]\.[0-9]{1,3}\.[0-9]{1,3} ")
#: The commands that there are.
_COMMANDS = ("HELO", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
#: Those of other servers (RFC 5321 section 4.2.4 tells them from what nobody knows).
_NOT_HERE = ("VRFY", "EXPN", "HELP", "AUTH", "BDAT", "ETRN", "TURN")


@dataclass(frozen=True, slots=True)
class House:
    """What the sessions of a server have in common. `tell` is called once with each visit."""

    recipients: Recipients
    limits: Limits
    gate: Gate
    tell: Callable[[Visit], None]


class Connection(SMTP):
    """What the commands do is for who derives from it, and what comes of the connection."""

    line_length_limit = 1001
    command_size_limit = 512

    def __init__(
        self, house: House, name: str, hooks: object, gone: Callable[[Connection], None]
    ) -> None:
        """`name` is the host's; `gone` is called at the end, whether it was let in or not."""
        super().__init__(
            hooks,
            data_size_limit=house.limits.size,
            hostname=name,
            ident="ESMTP letterlock listen: a test, mail is not kept",
            timeout=house.limits.idle,
            command_call_limit=house.limits.commands,
            loop=asyncio.get_running_loop(),
        )
        # The class's own would be shared by all sessions, and grow with every EHLO. Commands that
        # there are not are looked up too.
        self.command_size_limits = defaultdict(lambda: 1000)
        self._smtp_methods = {
            name: method for name, method in self._smtp_methods.items() if name in _COMMANDS
        }
        self._house = house
        self._gone = gone
        self._raw: asyncio.Transport | None = None
        self._inside: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._errors = 0
        self._told = False
        self._ended = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a socket's transport is needed")
        self._raw = transport
        # Gone already: counted with others that are.
        address = str((transport.get_extra_info("peername") or ("::",))[0])
        refused = self._house.gate.enter(address)
        if refused:
            transport.write(f"421 4.7.0 {self.hostname} {refused}, try later\r\n".encode())
            transport.close()
            return
        self._inside = address
        # TLS's and SMTP's bounds hold for each step; this one for all together.
        self._deadline = self.loop.call_later(self._house.limits.session, self._too_long)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inside is not None:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._inside is not None else False

    def connection_lost(self, error: Exception | None) -> None:
        self._gone(self)
        if self._inside is None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(error)
        self._leave()

    def cut_short(self, why: str) -> None:
        """End it now."""
        self._end(why)
        if self._raw is not None:
            self._raw.abort()

    def _leave(self) -> None:
        if self._inside is None or self._told:
            return
        self._told = True
        self._house.gate.leave(self._inside)
        self.over(self._inside)

    def over(self, address: str) -> None:
        """Called once, at the end of a connection that was let in."""
        raise NotImplementedError

    def _too_long(self) -> None:
        self.cut_short(Wording("the session took too long"))

    def _timeout_cb(self) -> None:
        self._end(Wording("the client was silent for too long"))
        self._writer.write(b"421 4.4.2 nothing came for too long\r\n")
        self._writer.close()

    def _end(self, why: str) -> None:
        self._ended = self._ended or why

    async def push(self, status: Any) -> None:
        """With an enhanced status code; and a client whose every command is an error is let go."""
        text = status.decode("ascii", "replace") if isinstance(status, bytes) else str(status)
        for beginning, why in _LET_GO.items():
            if text.startswith(beginning):
                self._end(why)
        await self.say(_enhanced(text))
        if text[:1] == "5":
            self._errors += 1
            if self._errors >= self._house.limits.errors:
                await self._hang_up("421 4.7.0 too many errors", Wording("too many errors"))

    async def say(self, reply: str) -> None:
        """As it stands."""
        await super().push(reply)

    async def _hang_up(self, reply: str, why: str) -> NoReturn:
        """Say so, close, and end the command loop, which takes a cancellation for the end."""
        self._end(why)
        await self.say(reply)
        self._writer.close()
        raise asyncio.CancelledError

    async def handle_exception(self, _error: Exception) -> str:
        """An address that the parser trips over, for one: nobody outside is told more."""
        return "451 4.3.0 that could not be understood"


def _enhanced(reply: str) -> str:
    """RFC 2034: every reply but the greeting, EHLO's and the 3xx ones has a code."""
    if reply.startswith("500 Error: command"):  # with the client's words in it
        known = any(f'"{name}"' in reply for name in _NOT_HERE)
        return "502 5.5.1 not implemented" if known else "500 5.5.1 no such command"
    code = _ENHANCED.get(reply[:3])
    if code is None or _HAS_CODE.match(reply) or reply[3:4] != " ":
        return reply
    return f"{reply[:3]} {code} {reply[4:]}"
