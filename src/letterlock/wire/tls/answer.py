"""A server's answer to one raw hello, read as far as it goes without keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from letterlock.wire.error import WireError
from letterlock.wire.tls.alert import Alert
from letterlock.wire.tls.certificates import Certificate, CertificateRequest, CertificateStatus
from letterlock.wire.tls.code_points import TLS1_3, ContentType, HandshakeType
from letterlock.wire.tls.handshake import Message, NewSessionTicket, Reassembler
from letterlock.wire.tls.key_exchange import EcdhParams, ServerKeyExchange
from letterlock.wire.tls.records import MAX_HEAD, PlainText, Record, RecordReader, Sslv2Record, Unit
from letterlock.wire.tls.server_hello import ServerExtensions, ServerHello, read_extensions
from letterlock.wire.tls.signed_params import pull_server_key_exchange
from letterlock.wire.tls.sslv2 import Sslv2Error, Sslv2ServerHello, pull_server_message

#: What is read of one answer, all records together.
MAX_ANSWER = 2**20
#: Handshake messages of an answer; a whole flight has seven.
_MAX_MESSAGES = 64
#: Alerts of warning level that do not end an answer.
_MAX_WARNINGS = 16
#: Records without a byte in them, which RFC 8446 section 5.1 forbids.
_MAX_EMPTY = 32


class Outcome(StrEnum):
    """How an answer ended."""

    #: TLS 1.2 or below, up to ServerHelloDone.
    FLIGHT = "flight"
    #: A ServerHello of TLS 1.3; the rest is encrypted.
    TLS13_HELLO = "tls13-hello"
    #: A HelloRetryRequest.
    HELLO_RETRY = "hello-retry"
    #: A ServerHello, then ChangeCipherSpec: the session offered is taken up again.
    RESUMED = "resumed"
    ALERT = "alert"
    SSLV2_HELLO = "sslv2-hello"
    SSLV2_ERROR = "sslv2-error"
    #: The stream ended before anything came.
    CLOSED = "closed"
    #: The stream ended in the middle.
    TRUNCATED = "truncated"
    #: Printable text instead of a record.
    PLAIN_TEXT = "plain-text"
    #: Bytes that break the rules or the limits; `reason` says which.
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Answer:
    """All that one answer told. What had come before the end is there whatever the outcome.

    `version`, `cipher_suite` and `compression` are None until a ServerHello was read (SSLv2: the
    version of its SERVER-HELLO). `chain` is DER, as sent, None without a Certificate message.
    `oddities` are breaches that did not keep it from being read, a phrase each."""

    outcome: Outcome
    version: int | None = None
    cipher_suite: int | None = None
    compression: int | None = None
    #: The version field of the first record.
    record_version: int | None = None
    hello: ServerHello | None = None
    extensions: ServerExtensions = field(default_factory=ServerExtensions)
    chain: tuple[bytes, ...] | None = None
    #: The stapled OCSP response (RFC 6066 section 8), DER.
    stapled: bytes | None = None
    key_exchange: ServerKeyExchange | None = None
    certificate_request: CertificateRequest | None = None
    ticket: NewSessionTicket | None = None
    #: Every alert, warnings too, in the order sent.
    alerts: tuple[Alert, ...] = ()
    #: SSLv2's cipher kinds that both sides have.
    cipher_kinds: tuple[int, ...] = ()
    sslv2_error: int | None = None
    #: The first line of a plain-text answer, or the first bytes of one that cannot be read.
    raw: bytes = b""
    reason: str = ""
    oddities: tuple[str, ...] = ()

    @property
    def alert(self) -> Alert | None:
        """The last alert."""
        return self.alerts[-1] if self.alerts else None

    @property
    def agreed(self) -> bool:
        """Whether the server chose something from the offer."""
        return self.cipher_suite is not None or bool(self.cipher_kinds)

    @property
    def group(self) -> int | None:
        """The named group of the key exchange: of TLS 1.3's key_share, or of ECDHE's
        parameters."""
        if self.extensions.key_share is not None:
            return self.extensions.key_share.group
        params = self.key_exchange.params if self.key_exchange else None
        return params.group if isinstance(params, EcdhParams) else None


def _few(types: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, types[:8]))
    return shown if len(types) <= 8 else f"{shown}, …"


#: What `receive` reports: each thing as it is read, the Answer last.
Event = (
    ServerHello
    | Certificate
    | CertificateStatus
    | ServerKeyExchange
    | CertificateRequest
    | NewSessionTicket
    | Alert
    | Message
    | PlainText
    | Sslv2ServerHello
    | Sslv2Error
    | Answer
)


class ServerAnswer:
    """Reads a server's answer to one hello. `sslv2` says that the hello was SSLv2's.

    `receive` takes bytes in whatever pieces they come and never raises; what the server does wrong
    is an Answer like any other. Bytes after the Answer wait in `leftover`, for whoever goes on."""

    def __init__(self, *, sslv2: bool = False, max_bytes: int = MAX_ANSWER) -> None:
        self._reader = RecordReader(sslv2=sslv2)
        self._messages = Reassembler()
        self._alert_bytes = bytearray()
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._count = 0
        self._empty = 0
        self._so_far = Answer(Outcome.CLOSED)
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer | None:
        """The Answer, None while there is more to come."""
        return self._answer

    @property
    def done(self) -> bool:
        return self._answer is not None

    @property
    def so_far(self) -> Answer:
        """What is known while there is more to come; its outcome means nothing yet."""
        return self._answer or self._so_far

    def receive(self, data: bytes) -> tuple[Event, ...]:
        """The events that `data` completes. Once `done`, what comes is only kept."""
        taken = data[: self._left]
        self._left -= len(taken)
        self._reader.feed(taken)
        if self.done:
            return ()
        events: list[Event] = []
        try:
            while not self.done and (unit := self._reader.next()) is not None:
                self._unit(unit, events)
        except WireError as error:
            self._finish(Outcome.MALFORMED, str(error), self._reader.head)
        if not self.done and len(taken) < len(data):
            reason = f"more than {self._max_bytes} bytes in one answer"
            self._finish(Outcome.MALFORMED, reason, self._reader.head)
        if self._answer is not None:
            events.append(self._answer)
        return tuple(events)

    def end(self, reason: str = "the connection was closed") -> Answer:
        """Nothing more comes: closed, reset, or waited for long enough, as `reason` says."""
        if self._answer is not None:
            return self._answer
        text = self._reader.end()
        if text is not None:
            return self._plain(text)
        rest = self._reader.rest()
        pending = rest or self._alert_bytes or self._messages.pending
        if pending or self._so_far.hello is not None:
            raw = (self._reader.head + rest)[:MAX_HEAD]
            return self._finish(Outcome.TRUNCATED, reason, raw)
        if self._so_far.alerts:
            return self._finish(Outcome.ALERT, reason)
        return self._finish(Outcome.CLOSED, reason)

    def leftover(self) -> bytes:
        """What came after the Answer and has not been taken yet, within the limit."""
        return self._reader.rest() if self.done else b""

    def _unit(self, unit: Unit, events: list[Event]) -> None:
        match unit:
            case PlainText():
                events.append(unit)
                self._plain(unit)
            case Sslv2Record(payload):
                events.append(self._sslv2(pull_server_message(payload)))
            case Record():
                self._record(unit, events)

    def _record(self, record: Record, events: list[Event]) -> None:
        if self._so_far.record_version is None:
            self._know(record_version=record.version)
        if record.version >> 8 != 3:
            self._odd("a record of a version that does not exist")
        if not record.fragment:
            self._empty += 1
            self._odd("an empty record")
        if self._empty > _MAX_EMPTY:
            raise WireError(f"more than {_MAX_EMPTY} empty records")
        match record.content_type:
            case ContentType.HANDSHAKE:
                self._handshake(record.fragment, events)
            case ContentType.ALERT:
                self._alerts(record.fragment, events)
            case ContentType.CHANGE_CIPHER_SPEC if self._resumable:
                self._finish(Outcome.RESUMED)
            case other:
                raise WireError(f"a record of the type {other} in answer to a hello")

    @property
    def _resumable(self) -> bool:
        """A ServerHello was the last thing but for a ticket (RFC 5246 section 7.3)."""
        return self._so_far.hello is not None and self._so_far.chain is None

    def _handshake(self, fragment: bytes, events: list[Event]) -> None:
        self._messages.feed(fragment)
        while not self.done and (message := self._messages.next()) is not None:
            self._count += 1
            if self._count > _MAX_MESSAGES:
                raise WireError(f"more than {_MAX_MESSAGES} handshake messages")
            events.append(self._message(message))

    def _alerts(self, fragment: bytes, events: list[Event]) -> None:
        """They may be cut, and share a record, before TLS 1.3 (RFC 5246 section 6.2.1)."""
        self._alert_bytes += fragment
        while not self.done and len(self._alert_bytes) >= 2:
            alert = Alert.parse(bytes(self._alert_bytes[:2]))
            del self._alert_bytes[:2]
            events.append(self._alert(alert))

    def _message(self, message: Message) -> Event:
        hello = self._so_far.hello
        if message.type == HandshakeType.HELLO_REQUEST:
            return message
        if message.type == HandshakeType.SERVER_HELLO and hello is None:
            return self._server_hello(ServerHello.parse(message.body))
        if hello is None or message.type == HandshakeType.SERVER_HELLO:
            raise WireError(f"a handshake message of the type {message.type} out of order")
        return self._after_hello(message, hello)

    def _server_hello(self, hello: ServerHello) -> ServerHello:
        extensions = read_extensions(hello.extensions)
        self._know(
            hello=hello,
            extensions=extensions,
            version=hello.version,
            cipher_suite=hello.cipher_suite,
            compression=hello.compression,
        )
        if extensions.duplicates:
            self._odd(f"extensions that come twice: {_few(extensions.duplicates)}")
        if extensions.malformed:
            self._odd(f"malformed extensions: {_few(extensions.malformed)}")
        if hello.version >= TLS1_3 and extensions.selected_version is None:
            self._odd("TLS 1.3 or above without supported_versions")
        if hello.is_retry:
            self._finish(Outcome.HELLO_RETRY)
        elif (extensions.selected_version or 0) >= TLS1_3:
            self._finish(Outcome.TLS13_HELLO)
        return hello

    def _after_hello(self, message: Message, hello: ServerHello) -> Event:
        match message.type:
            case HandshakeType.CERTIFICATE:
                certificate = Certificate.parse(message.body)
                self._know(chain=certificate.chain)
                return certificate
            case HandshakeType.CERTIFICATE_STATUS:
                return self._status(message)
            case HandshakeType.SERVER_KEY_EXCHANGE:
                return self._key_exchange(message, hello)
            case HandshakeType.CERTIFICATE_REQUEST:
                return self._certificate_request(message, hello)
            case HandshakeType.NEW_SESSION_TICKET:
                ticket = NewSessionTicket.parse(message.body)
                self._know(ticket=ticket)
                return ticket
            case HandshakeType.SERVER_HELLO_DONE:
                if message.body:
                    self._odd("a ServerHelloDone with a body")
                self._finish(Outcome.FLIGHT)
                return message
        self._odd(f"a handshake message of the type {message.type}")
        return message

    def _status(self, message: Message) -> Event:
        try:
            status = CertificateStatus.parse(message.body)
        except WireError as error:
            self._odd(str(error))
            return message
        self._know(stapled=status.response)
        return status

    def _key_exchange(self, message: Message, hello: ServerHello) -> Event:
        try:
            exchange = pull_server_key_exchange(message.body, hello.cipher_suite, hello.version)
        except WireError as error:
            self._odd(str(error))
            return message
        self._know(key_exchange=exchange)
        return exchange

    def _certificate_request(self, message: Message, hello: ServerHello) -> Event:
        try:
            request = CertificateRequest.parse(message.body, hello.version)
        except WireError as error:
            self._odd(str(error))
            return message
        self._know(certificate_request=request)
        return request

    def _alert(self, alert: Alert) -> Alert:
        self._know(alerts=(*self._so_far.alerts, alert))
        if alert.ends:
            self._finish(Outcome.ALERT)
        elif len(self._so_far.alerts) > _MAX_WARNINGS:
            raise WireError(f"more than {_MAX_WARNINGS} alerts")
        return alert

    def _sslv2(self, message: Sslv2ServerHello | Sslv2Error) -> Event:
        match message:
            case Sslv2Error(code):
                self._know(sslv2_error=code)
                self._finish(Outcome.SSLV2_ERROR)
            case Sslv2ServerHello():
                chain = (message.certificate,) if message.certificate else None
                kinds = message.cipher_kinds
                self._know(version=message.version, chain=chain, cipher_kinds=kinds)
                self._finish(Outcome.SSLV2_HELLO)
        return message

    def _plain(self, text: PlainText) -> Answer:
        if text.is_text:
            return self._finish(Outcome.PLAIN_TEXT, "text instead of TLS", raw=text.data)
        return self._finish(Outcome.MALFORMED, "neither TLS nor text", raw=text.data[:MAX_HEAD])

    def _know(self, **facts: object) -> None:
        self._so_far = replace(self._so_far, **facts)  # type: ignore[arg-type]

    def _odd(self, oddity: str) -> None:
        if oddity not in self._so_far.oddities:
            self._know(oddities=(*self._so_far.oddities, oddity))

    def _finish(self, outcome: Outcome, reason: str = "", raw: bytes = b"") -> Answer:
        self._answer = replace(self._so_far, outcome=outcome, reason=reason, raw=raw)
        return self._answer
