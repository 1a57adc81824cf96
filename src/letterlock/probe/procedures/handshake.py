"""Full handshakes with what is chosen: what they agree on, what they are resumed by."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.unknown import Unknown
from letterlock.probe.ask import EarlyData, HandshakeResult, Resumed, Session, TlsOptions
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.inside import begin_tls, settle_if_possible
from letterlock.probe.procedures.openssl import ChosenSession
from letterlock.probe.tls import AlertReceived


async def handshake(ground: Ground, options: TlsOptions) -> HandshakeResult:
    """One full handshake; an alert is a result. Timestamps are not asked for: raw hellos do."""
    async with ground.connect() as conversation:
        session = ChosenSession(options)
        try:
            await begin_tls(ground, conversation, session)
        except AlertReceived as alert:
            return HandshakeResult(alert=alert.name)
        agreed = _agreed(session)
        await settle_if_possible(ground, conversation)
    return replace(agreed, ticket=bool(session.tickets), max_early_data_size=_early_data(session))


def _agreed(session: ChosenSession) -> HandshakeResult:
    negotiated = session.negotiated()
    group = negotiated.named_group
    return HandshakeResult(
        version=session.version,
        cipher_suite=negotiated.cipher_suite,
        named_group=None if isinstance(group, Unknown) else group,
        signature_scheme=session.signature_scheme,
        chain=negotiated.chain,
        ocsp_response=session.ocsp_response,
        alpn=session.alpn,
        extended_master_secret=session.extended_master_secret,
    )


def kept(session: ChosenSession) -> Session | None:
    """The session, where it is one of TLS 1.3 that a ticket was given for."""
    if session.version != "TLSv1.3" or not session.tickets:
        return None
    return Session(session.serialised(), _lifetime(session), _early_data(session))


def _early_data(session: ChosenSession) -> int:
    return max((ticket.max_early_data_size for ticket in session.tickets), default=0)


async def early_data(ground: Ground, options: TlsOptions) -> EarlyData:
    """Whether TLS 1.3's tickets allow 0-RTT; none is sent."""
    return EarlyData(_early_data(await _visit(ground, replace(options, minimum="TLSv1.3"))))


async def resume(ground: Ground, options: TlsOptions) -> Resumed:
    """Whether sessions are resumed: for a `maximum` of TLSv1.3 its tickets, over two connections;
    else by session id and by ticket, over three or four.

    A session without tickets; the same resumed by its id, a ticket asked for on the way (RFC 5077
    section 3.1); the session of that ticket resumed. A server that gives no ticket on the way, as
    GnuTLS does not, is asked for one by a session of its own."""
    if options.maximum == "TLSv1.3":
        return await _resume_tls13(ground, replace(options, minimum="TLSv1.3"))
    session = b""
    if options.session_ids:
        first = await _visit(ground, options, tickets=False)
        session = first.serialised() if first.session_id else b""
    second = await _visit(ground, options, resume=session)
    by_id = bool(session) and second.resumed
    if by_id and not second.tickets:
        second = await _visit(ground, options)
    if not second.tickets:
        return Resumed(session_id=by_id, ticket=False)
    third = await _visit(ground, options, resume=second.serialised())
    return Resumed(session_id=by_id, ticket=third.resumed, lifetime_hint=_lifetime(second))


async def _resume_tls13(ground: Ground, options: TlsOptions) -> Resumed:
    """Where an earlier session is not taken up, the handshake that came of it gives the next."""
    session = options.resume
    if session is None:
        first = await _visit(ground, options)
    else:
        first = await _visit(ground, options, resume=session.serialised)
        if first.resumed:
            return _resumed(session, taken_up=True)
    session = kept(first)
    if session is None:
        return Resumed(ticket_tls13=False, max_early_data_size=0)
    second = await _visit(ground, options, resume=session.serialised)
    return _resumed(session, taken_up=second.resumed)


def _resumed(session: Session, *, taken_up: bool) -> Resumed:
    return Resumed(
        ticket_tls13=taken_up,
        lifetime_hint=session.lifetime,
        max_early_data_size=session.max_early_data_size,
    )


def _lifetime(session: ChosenSession) -> int | None:
    """In seconds; None for 0, which leaves it open, as OpenSSL does in a session resumed (RFC 5077
    section 3.3)."""
    return session.tickets[-1].lifetime or None


async def _visit(
    ground: Ground, options: TlsOptions, *, tickets: bool = True, resume: bytes = b""
) -> ChosenSession:
    """A session that has been and gone."""
    async with ground.connect() as conversation:
        session = ChosenSession(options, tickets=tickets, resume=resume)
        await begin_tls(ground, conversation, session)
        await settle_if_possible(ground, conversation)
    return session
