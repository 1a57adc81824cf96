"""One visit: what a stranger can say to us, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from OpenSSL import SSL

from letterlock.listen.connection import Connection, House
from letterlock.listen.seen import SeenTls, shown
from letterlock.listen.tls import TlsProtocol, TlsTransport
from letterlock.model.listening import Mail, Trap, Visit
from letterlock.model.wording import Wording


@dataclass(frozen=True, slots=True)
class Host:
    """What listens at an address: `trap` None where several share it. `context` None: no TLS."""

    name: str
    trap: Trap | None
    context: SSL.Context | None


class _Hooks:
    """aiosmtpd asks its handler what to say to MAIL and RCPT."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        return self._session.recipient(envelope, address)


class Session(Connection):
    """A connection's protocol; `transport` and reader are TLS's once it is up."""

    def __init__(self, house: House, host: Host, gone: Callable[[Connection], None]) -> None:
        """`gone` is called at the end, whether it was let in or not."""
        super().__init__(house, host.name, _Hooks(self), gone)
        self._host = host
        self._began = datetime.now(UTC)
        self._seen: SeenTls | None = None
        self._tls: TlsProtocol | None = None
        self._facts = _Facts()

    def over(self, address: str) -> None:
        self._house.tell(self._visit(address))

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
            await self.say(f"250 {self._host.name}")
            return
        offers = [f"SIZE {self._house.limits.size}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self._host.context is not None and self._tls is None:
            self._facts.starttls_offered = True
            offers.append("STARTTLS")
        lines = [f"250-{line}" for line in (self._host.name, *offers[:-1])]
        await self.say("\r\n".join((*lines, f"250 {offers[-1]}")))

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
            ended=self._ended,
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
