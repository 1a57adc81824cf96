"""Ticketbleed (CVE-2016-9244): a short session id beside a valid ticket comes back as 32 bytes,
filled up from the server's memory."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.wording import Wording
from letterlock.probe.ask import TlsOptions, Tried
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.inside import begin_tls, settle_if_possible
from letterlock.probe.procedures.openssl import ChosenSession
from letterlock.probe.procedures.raw import RawTls, offer

#: One byte is what shows the fault most clearly; a server that takes the ticket up echoes just it
#: (RFC 5077 section 3.4).
_SESSION_ID = b"\x5a"


async def ticketbleed(ground: Ground, options: TlsOptions) -> Tried:
    """A ticket by one handshake, then a hello with it. Of the answer only the length of its
    session id is kept."""
    older = replace(options, maximum="TLSv1.2") if options.maximum == "TLSv1.3" else options
    async with ground.connect() as conversation:
        session = ChosenSession(older)
        await begin_tls(ground, conversation, session)
        tickets = session.tickets
        await settle_if_possible(ground, conversation)
    if not tickets:
        return Tried(present=False, evidence=Wording("no session tickets below TLS 1.3"))
    return await _present(ground, older, tickets[-1].ticket)


async def _present(ground: Ground, options: TlsOptions, ticket: bytes) -> Tried:
    async with ground.connect() as conversation:
        tls = RawTls(ground, conversation)
        hello = replace(offer(options), session_id=_SESSION_ID, session_ticket=ticket)
        answer = await tls.ask(hello)
        if isinstance(answer, str) or answer.hello is None:
            text = Wording("a hello with a ticket is refused: {answer}", answer=answer)
            return Tried(present=False, evidence=text)
        await tls.call_off(answer.hello.version)
    echoed = answer.hello.session_id
    if echoed.startswith(_SESSION_ID) and len(echoed) > len(_SESSION_ID):
        return Tried(
            present=True,
            evidence=Wording(
                "a session id of 1 byte was echoed as {bytes} bytes", bytes=len(echoed)
            ),
        )
    text = Wording("a session id of 1 byte is echoed as such, or not at all")
    return Tried(present=False, evidence=text)
