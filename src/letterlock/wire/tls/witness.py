"""A handshake watched by who stands at the server's socket: what the client offered, what the
server chose. Reads both directions as far as they go without keys."""

from __future__ import annotations

from letterlock.wire.error import WireError
from letterlock.wire.tls.alert import Alert
from letterlock.wire.tls.answer import Answer, Outcome, ServerAnswer
from letterlock.wire.tls.client_extensions import ClientOffer, offered
from letterlock.wire.tls.client_hello import ClientHello
from letterlock.wire.tls.code_points import ContentType, HandshakeType
from letterlock.wire.tls.handshake import Reassembler
from letterlock.wire.tls.records import PlainText, Record, RecordReader

#: What is read of a client; a hello with three post-quantum shares has under 8 kB.
MAX_CLIENT_BYTES = 2**17


class Witness:
    """Told of the bytes of each direction as they pass, in whatever pieces; never raises."""

    def __init__(self) -> None:
        self._records = RecordReader()
        self._messages = Reassembler()
        self._left = MAX_CLIENT_BYTES
        self._reading = True
        self._answer = ServerAnswer()
        self._second = RecordReader()
        #: What the first ClientHello offered; None until it was read.
        self.offer: ClientOffer | None = None
        #: What the client sent alerts for in the clear: only before its keys are in use.
        self.alerts: tuple[Alert, ...] = ()
        #: Whether the server asked for another hello (HelloRetryRequest).
        self.retried = False
        #: What is wrong with the client's bytes; empty: nothing was seen to be.
        self.fault = ""
        self._encrypted = False

    @property
    def answer(self) -> Answer:
        """What the server said, as far as it is known."""
        return self._answer.so_far

    def client(self, data: bytes) -> None:
        if not self._reading:
            return
        taken = data[: self._left]
        self._left -= len(taken)
        self._records.feed(taken)
        try:
            while self._reading and (unit := self._records.next()) is not None:
                self._unit(unit)
        except WireError as error:
            self._stop(str(error))
        if self._left <= 0:
            self._stop("")

    def server(self, data: bytes) -> None:
        if self._answer.done:
            return
        if self.retried:
            self._after_retry(data)
            return
        self._answer.receive(data)
        answer = self._answer.answer
        if answer is not None and answer.outcome is Outcome.HELLO_RETRY:
            self.retried = True
            rest = self._answer.leftover()
            self._answer = ServerAnswer()
            self._after_retry(rest)

    def _after_retry(self, data: bytes) -> None:
        """Between the two hellos stands a ChangeCipherSpec for the sake of middleboxes (RFC 8446
        appendix D.4)."""
        self._second.feed(data)
        try:
            while not self._answer.done and (unit := self._second.next()) is not None:
                if not isinstance(unit, Record):
                    return
                if unit.content_type != ContentType.CHANGE_CIPHER_SPEC:
                    self._answer.receive(bytes(unit))
        except WireError:
            self._second.rest()

    def _unit(self, unit: object) -> None:
        match unit:
            case PlainText(_, is_text):
                self._stop("text instead of TLS" if is_text else "neither TLS nor text")
            case Record(ContentType.HANDSHAKE, _, fragment) if not self._encrypted:
                self._messages.feed(fragment)
                while self._reading and (message := self._messages.next()) is not None:
                    if message.type == HandshakeType.CLIENT_HELLO and self.offer is None:
                        self.offer = offered(ClientHello.parse(message.body))
            case Record(ContentType.ALERT, _, fragment) if not self._encrypted:
                # Ciphertext is longer.
                if len(fragment) == 2:
                    self.alerts = (*self.alerts, Alert.parse(fragment))[:16]
            case Record(ContentType.CHANGE_CIPHER_SPEC):
                # Also TLS 1.3's for the sake of middleboxes, after which all is encrypted but a
                # second hello (RFC 8446 appendix D.4), which tells nothing new.
                self._encrypted = True

    def _stop(self, fault: str) -> None:
        self._reading = False
        self.fault = self.fault or fault
        self._records.rest()
