"""Heartbleed and CCS injection: provocations in the middle of a handshake, harmless to the server.

Each asks for something that a sound server answers at once, so that silence is the rare case.
Alerts are not relied upon to tell the sound: Dovecot hangs up without sending them."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.ask import TlsOptions, Tried
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.raw import RawTls, offer
from letterlock.wire.tls.code_points import TLS1_2, ContentType
from letterlock.wire.tls.extensions import heartbeat
from letterlock.wire.tls.fault_messages import (
    change_cipher_spec,
    heartbeat_request,
    honest_heartbeat_request,
    sham_finished,
)

#: Payload claimed by the empty heartbeat; the honest one's answer has 35 bytes in all.
_CLAIMED = 64
#: bad_record_mac, decryption_failed (RFC 5246 section 7.2.2): the record was decrypted.
_DECRYPTED = (20, 21)


async def heartbleed(ground: Ground, options: TlsOptions) -> Tried:
    """CVE-2014-0160: a heartbeat request that claims 64 bytes and carries none is answered (RFC
    6520 section 4 has it discarded). An honest one follows, so that a sound server answers too.
    What an answer holds is neither kept nor shown."""
    async with ground.connect() as conversation:
        tls = RawTls(ground, conversation)
        answer = await tls.ask(replace(offer(options), extra=(heartbeat(),)))
        if isinstance(answer, str):
            return _out_of_reach(answer)
        version = answer.version or TLS1_2
        if answer.extensions.heartbeat_mode is None:
            await tls.call_off(version)
            return Tried(present=False, evidence=Wording("the heartbeat extension is not answered"))
        reaction = await tls.provoke(
            heartbeat_request(version, _CLAIMED) + honest_heartbeat_request(version),
            until=ContentType.HEARTBEAT,
        )
        await tls.call_off(version)
    if reaction.heartbeat_bytes > _CLAIMED:
        return Tried(
            present=True,
            evidence=Wording(
                "an empty heartbeat was answered by {bytes} bytes", bytes=reaction.heartbeat_bytes
            ),
        )
    return Tried(
        present=False, evidence=Wording("a heartbeat that claims too much is not answered")
    )


async def ccs_injection(ground: Ground, options: TlsOptions) -> Tried:
    """CVE-2014-0224: ChangeCipherSpec before any key exchange is taken in silence, and the record
    after it is decrypted; it has to be refused at once (RFC 5246 section 7.1)."""
    async with ground.connect() as conversation:
        tls = RawTls(ground, conversation)
        answer = await tls.ask(offer(options))
        if isinstance(answer, str):
            return _out_of_reach(answer)
        version = answer.version or TLS1_2
        first = await tls.provoke(change_cipher_spec(version))
        if not first.silent:
            return Tried(
                present=False,
                evidence=Wording(
                    "an early ChangeCipherSpec was answered by {answer}", answer=first.told()
                ),
            )
        second = await tls.provoke(sham_finished(version, 48))
    if any(alert.description in _DECRYPTED for alert in second.alerts):
        return Tried(
            present=True,
            evidence=Wording(
                "after an early ChangeCipherSpec a record was answered by {answer}",
                answer=second.told(),
            ),
        )
    raise Obstacle(
        Wording(
            "an early ChangeCipherSpec was met with silence, a record after it by {answer}",
            answer=second.told(),
        ),
        Cause.TIMEOUT if second.silent else Cause.TLS_ERROR,
    )


def _out_of_reach(refusal: str) -> Tried:
    return Tried(
        present=False,
        evidence=Wording("no handshake below TLS 1.3 to try it in: {answer}", answer=refusal),
    )
