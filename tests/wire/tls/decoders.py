"""Every decoder of the room as a function of bytes; the fuzz target in `fuzz/` takes these too."""

from __future__ import annotations

from collections.abc import Callable

from letterlock.wire.tls.alert import Alert
from letterlock.wire.tls.answer import ServerAnswer
from letterlock.wire.tls.certificates import (
    Certificate,
    Certificate13,
    CertificateRequest,
    CertificateStatus,
)
from letterlock.wire.tls.client_extensions import offered
from letterlock.wire.tls.client_hello import ClientHello
from letterlock.wire.tls.code_points import TLS1_0, TLS1_2
from letterlock.wire.tls.handshake import NewSessionTicket, Reassembler
from letterlock.wire.tls.key_exchange import ServerKeyExchange, Shape
from letterlock.wire.tls.records import PlainText, RecordReader
from letterlock.wire.tls.server_hello import EncryptedExtensions, ServerHello, read_extensions
from letterlock.wire.tls.signed_params import pull_server_key_exchange
from letterlock.wire.tls.sslv2 import Sslv2ClientHello, pull_server_message
from letterlock.wire.tls.witness import Witness


def _records(sslv2: bool) -> Callable[[bytes], object]:
    def decode(data: bytes) -> object:
        reader = RecordReader(sslv2=sslv2)
        reader.feed(data)
        while (unit := reader.next()) is not None and not isinstance(unit, PlainText):
            pass
        return reader.end()

    return decode


def _messages(data: bytes) -> object:
    reassembler = Reassembler()
    reassembler.feed(data)
    while reassembler.next() is not None:
        pass
    return reassembler.pending


def _answer(sslv2: bool) -> Callable[[bytes], object]:
    def decode(data: bytes) -> object:
        reader = ServerAnswer(sslv2=sslv2)
        reader.receive(data)
        return reader.end()

    return decode


def _witness(data: bytes) -> object:
    witness = Witness()
    witness.client(data)
    witness.server(data)
    return witness.offer, witness.answer


def _server_hello(data: bytes) -> object:
    hello = ServerHello.parse(data)
    return hello.version, read_extensions(hello.extensions)


def _certificate13(data: bytes) -> object:
    return [(each.stapled, each.timestamps) for each in Certificate13.parse(data).entries]


def _key_exchange(shape: Shape) -> Callable[[bytes], object]:
    return lambda data: ServerKeyExchange.parse(
        data, shape=shape, version=TLS1_2, signed=True, hinted=shape is Shape.PSK
    )


DECODERS: dict[str, Callable[[bytes], object]] = {
    "records": _records(sslv2=False),
    "sslv2-records": _records(sslv2=True),
    "messages": _messages,
    "answer": _answer(sslv2=False),
    "sslv2-answer": _answer(sslv2=True),
    "client-hello": lambda data: offered(ClientHello.parse(data)),
    "witness": _witness,
    "server-hello": _server_hello,
    "encrypted-extensions": EncryptedExtensions.parse,
    "certificate": Certificate.parse,
    "certificate-1.3": _certificate13,
    "certificate-status": CertificateStatus.parse,
    "certificate-request": lambda data: CertificateRequest.parse(data, TLS1_2),
    "certificate-request-1.0": lambda data: CertificateRequest.parse(data, TLS1_0),
    "new-session-ticket": NewSessionTicket.parse,
    "alert": Alert.parse,
    "sslv2-client-hello": Sslv2ClientHello.parse,
    "sslv2-server-message": pull_server_message,
    "unknown-suite": lambda data: pull_server_key_exchange(data, 0xEEEE, TLS1_2),
    **{f"key-exchange-{shape}": _key_exchange(shape) for shape in Shape},
}
