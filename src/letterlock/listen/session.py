"""One visit: aiosmtpd's command loop, and of our own whatever decides what a stranger can do to
us.

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
from datetime import UTC, datetime
from typing import Any, NoReturn

from aiosmtpd.smtp import SMTP
from OpenSSL import SSL

from letterlock.listen.addresses import Recipients
from letterlock.listen.limits import Gate, Limits
from letterlock.listen.seen import SeenTls, shown
from letterlock.listen.tls import TlsProtocol, TlsTransport
from letterlock.model.listening import Mail, Trap, Visit
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
class Host:
    """What listens at an address: `trap` None where several share it. `context` None: no TLS."""

    name: str
    trap: Trap | None
    context: SSL.Context | None


@dataclass(frozen=True, slots=True)
class House:
    """What the sessions of a server have in common. `tell` is called once with each visit."""

    recipients: Recipients
    limits: Limits
    gate: Gate
    tell: Callable[[Visit], None]


class _Hooks:
    """aiosmtpd asks its handler what to say to MAIL and RCPT."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        return self._session.recipient(envelope, address)


class Session(SMTP):
    """A connection's protocol; `transport` and reader are TLS's once it is up."""

    line_length_limit = 1001
    command_size_limit = 512

    def __init__(self, house: House, host: Host, gone: Callable[[Session], None]) -> None:
        """`gone` is called at the end, whether it was let in or not."""
        super().__init__(
            _Hooks(self),
            data_size_limit=house.limits.size,
            hostname=host.name,
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
        self._host = host
        self._gone = gone
        self._began = datetime.now(UTC)
        self._raw: asyncio.Transport | None = None
        self._inside: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._seen: SeenTls | None = None
        self._tls: TlsProtocol | None = None
        self._errors = 0
        self._told = False
        self._facts = _Facts()

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a socket's transport is needed")
        self._raw = transport
        # Gone already: counted with others that are.
        address = str((transport.get_extra_info("peername") or ("::",))[0])
        refused = self._house.gate.enter(address)
        if refused:
            transport.write(f"421 4.7.0 {self._host.name} {refused}, try later\r\n".encode())
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
        self._house.tell(self._visit(self._inside))

    def _too_long(self) -> None:
        self.cut_short(Wording("the session took too long"))

    def _timeout_cb(self) -> None:
        self._end(Wording("the client was silent for too long"))
        self._writer.write(b"421 4.4.2 nothing came for too long\r\n")
        self._writer.close()

    def _end(self, why: str) -> None:
        self._facts.ended = self._facts.ended or why

    async def push(self, status: Any) -> None:
        """With an enhanced status code; and a client whose every command is an error is let go."""
        text = status.decode("ascii", "replace") if isinstance(status, bytes) else str(status)
        for beginning, why in _LET_GO.items():
            if text.startswith(beginning):
                self._end(why)
        await super().push(_enhanced(text))
        if text[:1] == "5":
            self._errors += 1
            if self._errors >= self._house.limits.errors:
                await self._hang_up("421 4.7.0 too many errors", Wording("too many errors"))

    async def _hang_up(self, reply: str, why: str) -> NoReturn:
        """Say so, close, and end the command loop, which takes a cancellation for the end."""
        self._end(why)
        await super().push(reply)
        self._writer.close()
        raise asyncio.CancelledError

    async def handle_exception(self, _error: Exception) -> str:
        """An address that the parser trips over, for one: nobody outside is told more."""
        return "451 4.3.0 that could not be understood"

    # --- its commands

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        await self._greet(hostname, "HELO")

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        await self._greet(hostname, "EHLO")

    async def _greet(self, hostname: str, command: str) -> None:
        if not hostname:
            await self.push(f"501 5.5.4 {command} needs a host name")
            return
        self.envelope = self._create_envelope()
        session: Any = self.session
        session.host_name = hostname
        session.extended_smtp = command == "EHLO"
        self._facts.helo = shown(hostname.encode())
        if command == "HELO":
            await super().push(f"250 {self._host.name}")
            return
        offers = [f"SIZE {self._house.limits.size}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self._host.context is not None and self._tls is None:
            self._facts.starttls_offered = True
            offers.append("STARTTLS")
        lines = [f"250-{line}" for line in (self._host.name, *offers[:-1])]
        await super().push("\r\n".join((*lines, f"250 {offers[-1]}")))

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if self._host.context is None:
            await self.push("502 5.5.1 there is no TLS here")
        elif self._tls is not None:
            await self.push("503 5.5.1 TLS is up already")
        elif arg:
            await self.push("501 5.5.4 STARTTLS takes nothing")
        elif self._reader._buffer:  # type: ignore[attr-defined]
            # RFC 3207 section 4.2 would have it thrown away; who sends it is not to be believed.
            self._facts.injected = True
            await self._hang_up(
                "554 5.5.0 nothing may follow STARTTLS before the handshake",
                Wording("commands in the clear came after STARTTLS"),
            )
        elif self._raw is not None:
            await self._start_tls(self._raw, self._host.context)

    async def _start_tls(self, raw: asyncio.Transport, context: SSL.Context) -> None:
        self._facts.starttls_asked = True
        # What it would say in the clear is for nobody now; the handshake has a bound of its own.
        self._reset_timeout(self._house.limits.session)
        reader = asyncio.StreamReader(limit=self.line_length_limit, loop=self.loop)
        self._seen = seen = SeenTls()
        self._tls = TlsProtocol(raw, self, context, reader, seen)
        # In one step, without the loop in between: what comes next is the handshake's.
        raw.write(b"220 2.0.0 go ahead\r\n")
        raw.set_protocol(self._tls)
        waited = self._house.limits.handshake
        done, _ = await asyncio.wait({self._tls.handshake}, timeout=waited)
        if not done:
            seen.timed_out()
            raw.abort()
        if not done or not self._tls.handshake.result():
            raise asyncio.CancelledError
        self._enter(self._tls.transport, reader)

    def _enter(self, transport: TlsTransport, reader: asyncio.StreamReader) -> None:
        """Nothing that was said before is known any more (RFC 3207 section 4.2)."""
        peer = transport.get_extra_info("peername")
        reader.set_transport(transport)
        self.transport = transport
        self._reader = reader
        # Forgotten, it would close the socket.
        self._clear_writer = self._writer
        self._writer = asyncio.StreamWriter(transport, self, reader, self.loop)
        self.session = self._create_session()
        self.session.peer = peer
        self.envelope = self._create_envelope()
        self._reset_timeout()

    def recipient(self, envelope: Any, address: str) -> str:
        """The answer to RCPT: our own tokens only, nothing is ever passed on."""
        found = self._house.recipients.read(address)
        if found is None:
            self._facts.turned_away += 1
            return "550 5.1.1 no such test: only its own TOKEN@TRAP addresses are taken"
        if found not in self._facts.recipients:
            self._facts.recipients.append(found)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        envelope: Any = self.envelope
        if arg:
            await self.push("501 5.5.4 DATA takes nothing")
            return
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT comes first")
            return
        await self.push("354 end with <CRLF>.<CRLF>")
        size = await self._swallow()
        self.envelope = self._create_envelope()
        if size > self._house.limits.size:
            await self.push("552 5.3.4 too large")
            return
        self._keep(envelope, size)
        await self.push("250 2.0.0 seen, and not kept")

    async def _swallow(self) -> int:
        """Read to the end of the message, keeping the line at hand; its size in bytes, more than
        the limit where it is too large. Who sends four times as much is let go."""
        size = 0
        at_line_start = True
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
                ends_line = True
            except asyncio.LimitOverrunError as error:
                piece = await self._reader.read(error.consumed)
                ends_line = False
            if at_line_start and piece == b".\r\n":
                return size
            size += len(piece)
            at_line_start = ends_line
            self._reset_timeout()
            if size > 4 * self._house.limits.size:
                await self._hang_up("421 4.3.4 too large", Wording("the message did not end"))

    def _keep(self, envelope: Any, size: int) -> None:
        domain = str(envelope.mail_from or "").strip("<>").rpartition("@")[2]
        read = (self._house.recipients.read(each) for each in envelope.rcpt_tos)
        for trap, token in dict.fromkeys(each for each in read if each is not None):
            mail = Mail(
                at=datetime.now(UTC),
                trap=trap,
                token=token,
                sender_domain=shown(domain.encode()),
                size=size,
                encrypted=self._tls is not None,
            )
            self._facts.mails.append(mail)

    def _visit(self, address: str) -> Visit:
        facts = self._facts
        by_sni = self._seen.trap if self._seen is not None else None
        return Visit(
            at=self._began,
            seconds=(datetime.now(UTC) - self._began).total_seconds(),
            address=address,
            trap=self._host.trap or by_sni,
            helo=facts.helo,
            starttls_offered=facts.starttls_offered,
            starttls_asked=facts.starttls_asked,
            tls=self._seen.facts() if self._seen is not None else None,
            recipients=tuple(facts.recipients),
            turned_away=facts.turned_away,
            mails=tuple(facts.mails),
            injected=facts.injected,
            ended=facts.ended,
        )


class _Facts:
    """What is collected while the visit lasts."""

    def __init__(self) -> None:
        self.helo = ""
        self.starttls_offered = False
        self.starttls_asked = False
        self.recipients: list[tuple[Trap, str]] = []
        self.turned_away = 0
        self.mails: list[Mail] = []
        self.injected = False
        self.ended = ""


def _enhanced(reply: str) -> str:
    """RFC 2034: every reply but the greeting, EHLO's and the 3xx ones has a code."""
    if reply.startswith("500 Error: command"):  # with the client's words in it
        known = any(f'"{name}"' in reply for name in _NOT_HERE)
        return "502 5.5.1 not implemented" if known else "500 5.5.1 no such command"
    code = _ENHANCED.get(reply[:3])
    if code is None or _HAS_CODE.match(reply) or reply[3:4] != " ":
        return reply
    return f"{reply[:3]} {code} {reply[4:]}"
