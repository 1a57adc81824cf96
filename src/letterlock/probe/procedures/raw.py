"""TLS by hand over an open channel: a hello of one's own, then single records."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from letterlock.model.cipher_suites import cipher_suite_named
from letterlock.model.tls_names import alert_name
from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording, joined
from letterlock.probe.ask import TlsOptions
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, network_obstacle
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.tls import server_name
from letterlock.wire.error import WireError
from letterlock.wire.tls.alert import CLOSE_NOTIFY, USER_CANCELED, WARNING, Alert
from letterlock.wire.tls.answer import Answer, Outcome, ServerAnswer
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import TLS1_0, TLS1_2, VERSION_NAMES, ContentType
from letterlock.wire.tls.records import Record, RecordReader

_VERSIONS = {name: code for code, name in VERSION_NAMES.items()}
#: Static RSA key exchange: AES-GCM, AES-CBC with SHA-256 and SHA-1, Camellia, 3DES, RC4.
RSA_SUITES = (
    0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x0084, 0x0041, 0x000A, 0x0005, 0x0004,
)  # fmt: skip
#: What servers of all ages have one of: ECDHE and DHE with AEAD, CBC, 3DES, RC4, then static RSA.
USUAL_SUITES = (
    0xC02C, 0xC02B, 0xCCA9, 0xC030, 0xC02F, 0xCCA8, 0x009F, 0x009E, 0xCCAA,
    0xC024, 0xC023, 0xC028, 0xC027, 0x006B, 0x0067, 0xC00A, 0xC009, 0xC014, 0xC013, 0x0039, 0x0033,
    0xC008, 0xC012, 0x0016, 0xC007, 0xC011, *RSA_SUITES,
)  # fmt: skip
#: secp256r1, secp384r1, secp521r1, x25519.
_GROUPS = (0x0017, 0x0018, 0x0019, 0x001D)
#: ECDSA, RSA-PSS and RSA with SHA-2, then with SHA-1 (RFC 8446 section 4.2.3).
_SCHEMES = (
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
)  # fmt: skip

#: Seconds for a reaction, which takes the server one round trip and no thought.
_PATIENCE = 4.0


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of a provocation: the alerts, the types of other records, whether the server kept
    silent to the end of our patience. A close and a reset count the same: which of them it is
    depends on what was left unread. Of heartbeats only the length is kept."""

    alerts: tuple[Alert, ...] = ()
    others: tuple[int, ...] = ()
    silent: bool = False
    heartbeat_bytes: int = 0

    def told(self) -> str:
        said = [_alert(alert.description) for alert in self.alerts]
        said += [Wording("a record of type {number}", number=kind) for kind in self.others]
        if not self.alerts:
            said.append(Wording("silence") if self.silent else Wording("the connection closed"))
        return joined(", ", said)


def _alert(description: int) -> Wording:
    return Wording("the alert {name}", name=alert_name(description))


def alert_record(version: int, alert: Alert) -> bytes:
    return bytes(Record(ContentType.ALERT, version, bytes(alert)))


def goodbye(version: int) -> bytes:
    """close_notify in the clear: what has not been answered before it will not be."""
    return alert_record(version, Alert(WARNING, CLOSE_NOTIFY))


def offer(options: TlsOptions, usual: tuple[int, ...] = USUAL_SUITES) -> Offer:
    """A client's offer up to the lower of `options.maximum` and TLS 1.2, of the suites in `options`
    or, where there are none, `usual`."""
    highest = min(_VERSIONS[options.maximum], TLS1_2)
    named = map(cipher_suite_named, options.cipher_suites)
    return Offer(
        versions=(min(highest, TLS1_0), highest),
        cipher_suites=tuple(suite.code for suite in named if suite) or usual,
        server_name=server_name(options.sni) if options.sni else None,
        groups=_GROUPS,
        signature_schemes=_SCHEMES,
    )


class RawTls:
    """One connection; `ask` comes first, `provoke` may follow."""

    def __init__(self, ground: Ground, conversation: Conversation) -> None:
        self._limits = ground.limits
        self._channel = conversation.channel
        self._rest = b""

    async def ask(self, offered: Offer) -> Answer | str:
        """Send the hello and read the flight that answers it; how it was refused, in words, where
        it was: by an alert, or without one, as Dovecot does. Raises Obstacle for anything else."""
        reader = ServerAnswer()
        try:
            async with asyncio.timeout(self._limits.handshake):
                await self._channel.send(offered.hello().to_records())
                while not reader.done:
                    reader.receive(await self._channel.receive())
        except TimeoutError:
            raise Obstacle(
                Wording("timed out waiting for the ServerHello"), Cause.TIMEOUT
            ) from None
        except EOFError:
            reader.end()
        except OSError as error:
            raise network_obstacle(
                error, Wording("waiting for {awaited}", awaited=Wording("the ServerHello"))
            ) from None
        self._rest = reader.leftover()
        return _usable(reader.end())

    async def call_off(self, version: int) -> None:
        """Say that the handshake is not gone on with (RFC 8446 section 6.1)."""
        canceled = alert_record(version, Alert(WARNING, USER_CANCELED))
        with suppress(OSError):  # a time-out too
            async with asyncio.timeout(self._limits.farewell):
                await self._channel.send(canceled + goodbye(version))

    async def provoke(self, data: bytes, until: int | None = None) -> Reaction:
        """Send `data`; what comes of it up to a record of the type `until`, a fatal alert, the
        connection's end or the end of our patience."""
        records = RecordReader()
        records.feed(self._rest)
        self._rest = b""
        notes = _Notes(until)
        try:
            async with asyncio.timeout(min(_PATIENCE, self._limits.reply)):
                await self._channel.send(data)
                while not notes.take(records):
                    records.feed(await self._channel.receive())
        except TimeoutError:
            return notes.reaction(silent=True)
        except (EOFError, OSError, WireError):
            return notes.reaction()
        return notes.reaction()


def _usable(answer: Answer) -> Answer | str:
    match answer.outcome:
        case Outcome.FLIGHT | Outcome.RESUMED:
            return answer
        case Outcome.ALERT if answer.alert:
            return _alert(answer.alert.description)
        case Outcome.CLOSED:
            return Wording("the connection closed")
        case Outcome.TRUNCATED:
            raise Obstacle(
                Wording("the server closed the connection in the handshake"), Cause.DISCONNECTED
            )
    raise Obstacle(
        Wording("the ClientHello was answered by {answer}", answer=answer.outcome),
        Cause.TLS_ERROR,
    )


@dataclass(slots=True)
class _Notes:
    until: int | None
    alerts: list[Alert] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    heartbeat_bytes: int = 0

    def take(self, records: RecordReader) -> bool:
        """Note the records there are; whether the last word is said."""
        while (unit := records.next()) is not None:
            if not isinstance(unit, Record):
                return True
            if self._note(unit):
                return True
        return False

    def _note(self, record: Record) -> bool:
        if record.content_type == ContentType.ALERT:
            return self._alert(record.fragment)
        if record.content_type == ContentType.HEARTBEAT:
            self.heartbeat_bytes += len(record.fragment)
        self.others.append(record.content_type)
        return record.content_type == self.until or len(self.others) >= _MOST

    def _alert(self, fragment: bytes) -> bool:
        alert = Alert.parse(fragment)
        self.alerts.append(alert)
        return alert.ends or len(self.alerts) >= _MOST

    def reaction(self, *, silent: bool = False) -> Reaction:
        return Reaction(tuple(self.alerts), tuple(self.others), silent, self.heartbeat_bytes)


#: Alerts, and other records, noted of one reaction; more than these make no difference.
_MOST = 16
