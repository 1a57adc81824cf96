"""A server's answer, right and wrong: one Answer, whatever comes and however it is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from letterlock.wire.tls.alert import Alert
from letterlock.wire.tls.answer import MAX_ANSWER, Answer, Outcome, ServerAnswer
from letterlock.wire.tls.certificates import Certificate, CertificateRequest, CertificateStatus
from letterlock.wire.tls.code_points import SSL2, TLS1_2, TLS1_3
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.handshake import MAX_MESSAGE, Message, NewSessionTicket
from letterlock.wire.tls.key_exchange import EcdhParams, ServerKeyExchange
from letterlock.wire.tls.records import PlainText, Record, Sslv2Record, fragmented
from letterlock.wire.tls.server_hello import HELLO_RETRY_RANDOM, ServerHello
from letterlock.wire.tls.sslv2 import Sslv2Error, Sslv2ServerHello

Feed = Callable[[bytes, bool], Answer]


def whole(data: bytes, sslv2: bool) -> Answer:
    reader = ServerAnswer(sslv2=sslv2)
    reader.receive(data)
    return reader.end()


def byte_by_byte(data: bytes, sslv2: bool) -> Answer:
    reader = ServerAnswer(sslv2=sslv2)
    for at in range(len(data)):
        reader.receive(data[at : at + 1])
    return reader.end()


@pytest.fixture(params=[whole, byte_by_byte], ids=lambda way: way.__name__)
def read(request: pytest.FixtureRequest) -> Callable[..., Answer]:
    way: Feed = request.param
    return lambda data, sslv2=False: way(data, sslv2)


Read = Callable[..., Answer]

HELLO = ServerHello(TLS1_2, bytes(32), b"id", 0xC02F, 0, (Extension(0xFF01, b"\x00"),))
CHAIN = Certificate((b"leaf", b"issuer"))
EXCHANGE = ServerKeyExchange(EcdhParams(29, b"point"), 0x0804, b"signature")
REQUEST = CertificateRequest((1, 64), (0x0401,), (b"name",))
DONE = Message(14, b"")


def handshake(*messages: object, size: int = 2**14) -> bytes:
    return fragmented(22, TLS1_2, b"".join(map(bytes, messages)), size)  # type: ignore[arg-type]


def alert(level: int, description: int) -> bytes:
    return bytes(Record(21, TLS1_2, bytes((level, description))))


@pytest.mark.parametrize("size", [1, 3, 5, 2**14])
def test_a_flight_in_fragments_of_any_size(read: Read, size: int) -> None:
    status, ticket = CertificateStatus(b"ocsp"), NewSessionTicket(300, b"ticket")
    flight = (HELLO, CHAIN, status, EXCHANGE, REQUEST, ticket, DONE)
    answer = read(handshake(*flight, size=size))
    assert answer.outcome is Outcome.FLIGHT
    assert answer.hello == HELLO
    assert (answer.version, answer.cipher_suite, answer.compression) == (TLS1_2, 0xC02F, 0)
    assert answer.chain == CHAIN.chain
    assert answer.stapled == b"ocsp"
    assert answer.key_exchange == EXCHANGE
    assert answer.group == 29
    assert answer.certificate_request == REQUEST
    assert answer.ticket == ticket
    assert answer.oddities == ()


def test_each_thing_is_an_event_and_the_answer_the_last() -> None:
    reader = ServerAnswer()
    events = reader.receive(handshake(HELLO, CHAIN, EXCHANGE, DONE))
    assert events == (HELLO, CHAIN, EXCHANGE, DONE, reader.answer)
    assert reader.receive(b"more") == ()
    assert reader.leftover() == b"more"


def test_known_before_the_end() -> None:
    reader = ServerAnswer()
    reader.receive(handshake(HELLO))
    assert not reader.done
    assert reader.so_far.cipher_suite == 0xC02F
    assert reader.leftover() == b""
    assert reader.end("waited 5 s").reason == "waited 5 s"


def test_tls13_ends_at_its_hello(read: Read) -> None:
    share = Extension(51, b"\x00\x1d\x00\x01x")
    hello = ServerHello(TLS1_2, bytes(32), b"", 0x1301, 0, (Extension(43, b"\x03\x04"), share))
    answer = read(handshake(hello) + b"\x17\x03\x03\xff\xff")
    assert answer.outcome is Outcome.TLS13_HELLO
    assert (answer.version, answer.group) == (TLS1_3, 29)


def test_a_draft_of_tls13_is_recorded(read: Read) -> None:
    hello = ServerHello(TLS1_2, bytes(32), b"", 0x1301, 0, (Extension(43, b"\x7f\x1c"),))
    answer = read(handshake(hello))
    assert answer.outcome is Outcome.TLS13_HELLO
    assert answer.version == 0x7F1C


def test_retry(read: Read) -> None:
    listed = (Extension(43, b"\x03\x04"), Extension(51, b"\x00\x18"))
    answer = read(handshake(ServerHello(TLS1_2, HELLO_RETRY_RANDOM, b"", 0x1302, 0, listed)))
    assert answer.outcome is Outcome.HELLO_RETRY
    assert answer.group == 24


def test_resumption(read: Read) -> None:
    answer = read(handshake(HELLO) + bytes(Record(20, TLS1_2, b"\x01")) + b"\x16encrypted")
    assert answer.outcome is Outcome.RESUMED


def test_change_cipher_spec_in_the_middle_is_no_resumption(read: Read) -> None:
    data = handshake(HELLO, CHAIN) + bytes(Record(20, TLS1_2, b"\x01"))
    assert read(data).outcome is Outcome.MALFORMED


def test_alerts(read: Read) -> None:
    answer = read(alert(2, 40))
    assert answer.outcome is Outcome.ALERT
    assert answer.alert == Alert(2, 40)
    assert not answer.agreed


def test_a_warning_does_not_end_it(read: Read) -> None:
    """unrecognized_name as a warning (RFC 6066 section 3)."""
    answer = read(alert(1, 112) + handshake(HELLO, CHAIN, EXCHANGE, DONE))
    assert answer.outcome is Outcome.FLIGHT
    assert answer.alerts == (Alert(1, 112),)


def test_a_warning_and_then_nothing(read: Read) -> None:
    assert read(alert(1, 112)).outcome is Outcome.ALERT
    assert read(alert(1, 0)).outcome is Outcome.ALERT


def test_alerts_cut_and_together(read: Read) -> None:
    cut = bytes(Record(21, TLS1_2, b"\x02")) + bytes(Record(21, TLS1_2, b"\x28"))
    assert read(cut).alert == Alert(2, 40)
    together = bytes(Record(21, TLS1_2, b"\x01\x70\x02\x28"))
    assert read(together).alerts == (Alert(1, 112), Alert(2, 40))
    assert read(bytes(Record(21, TLS1_2, b"\x02"))).outcome is Outcome.TRUNCATED


def test_an_alert_after_a_hello_keeps_the_hello(read: Read) -> None:
    answer = read(handshake(HELLO, CHAIN) + alert(2, 80))
    assert answer.outcome is Outcome.ALERT
    assert answer.cipher_suite == 0xC02F
    assert answer.chain == CHAIN.chain


def test_too_many_warnings(read: Read) -> None:
    answer = read(alert(1, 112) * 100)
    assert answer.outcome is Outcome.MALFORMED
    assert len(answer.alerts) < 100


def test_hello_requests_are_passed_over_but_not_for_ever(read: Read) -> None:
    assert read(handshake(Message(0, b""), HELLO, DONE)).outcome is Outcome.FLIGHT
    answer = read(handshake(*[Message(0, b"")] * 1000))
    assert answer.outcome is Outcome.MALFORMED
    assert "handshake messages" in answer.reason


def test_empty_records_are_odd_but_not_for_ever(read: Read) -> None:
    empty = bytes(Record(22, TLS1_2, b""))
    few = read(empty * 5 + handshake(HELLO, DONE))
    assert few.outcome is Outcome.FLIGHT
    assert few.oddities == ("an empty record",)
    assert read(handshake(HELLO) + empty * 1000).outcome is Outcome.MALFORMED


def test_closed_and_truncated(read: Read) -> None:
    assert read(b"").outcome is Outcome.CLOSED
    for cut in (1, 4, 20, len(handshake(HELLO, CHAIN)) - 1):
        answer = read(handshake(HELLO, CHAIN)[:cut])
        assert answer.outcome is Outcome.TRUNCATED
        assert answer.raw == handshake(HELLO, CHAIN)[: min(cut, 64)]
    assert read(handshake(HELLO)).outcome is Outcome.TRUNCATED
    assert read(handshake(HELLO)).cipher_suite == 0xC02F


def test_plain_text(read: Read) -> None:
    answer = read(b"454 4.7.0 TLS not available due to local problem\r\nmore")
    assert answer.outcome is Outcome.PLAIN_TEXT
    assert answer.raw == b"454 4.7.0 TLS not available due to local problem\r\n"
    reader = ServerAnswer()
    events = reader.receive(b"500 x\r\n")
    assert events == (PlainText(b"500 x\r\n", is_text=True), reader.answer)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x16\x03\x03\xff\xff", "record of 65535"),
        (b"\x00\x01\x02", "neither TLS nor text"),
        (bytes(Record(23, TLS1_2, b"x")), "type 23"),
        (bytes(Record(20, TLS1_2, b"\x01")), "type 20"),
        (handshake(CHAIN), "type 11 out of order"),
        (handshake(HELLO, HELLO), "type 2 out of order"),
        (handshake(Message(2, b"short")), "ServerHello"),
        (handshake(HELLO, Message(11, b"\x00\x00\x09x")), "Certificate"),
        (handshake(HELLO) + b"220 mx\r\n", "unknown type 50"),
        (handshake(HELLO) + b"\x16\x03\x03\x00\x04\x0b\xff\xff\xff", "message of 16777215"),
    ],
)
def test_malformed(read: Read, data: bytes, reason: str) -> None:
    answer = read(data)
    assert answer.outcome is Outcome.MALFORMED
    assert reason in answer.reason
    assert data.startswith(answer.raw)


def test_what_can_be_passed_over_is_an_oddity(read: Read) -> None:
    twice = ServerHello(
        TLS1_2, bytes(32), b"", 0xC02F, 0,
        (Extension(0xFF01, b"\x00"), Extension(0xFF01, b"\x00"), Extension(15, b"")),
    )  # fmt: skip
    broken = (Message(22, b"\x02"), Message(12, b"\x03"), Message(13, b"\x09"), Message(99, b""))
    data = bytes(Record(22, 0x0505, b"")) + handshake(twice, CHAIN, *broken, Message(14, b"x"))
    answer = read(data)
    assert answer.outcome is Outcome.FLIGHT
    assert answer.record_version == 0x0505
    assert answer.chain == CHAIN.chain
    assert (answer.stapled, answer.key_exchange, answer.certificate_request) == (None,) * 3
    assert len(answer.oddities) == 9
    assert "extensions that come twice: 65281" in answer.oddities
    assert "malformed extensions: 15" in answer.oddities


def test_thousands_of_extensions_are_one_oddity(read: Read) -> None:
    hello = ServerHello(TLS1_2, bytes(32), b"", 0xC02F, 0, (Extension(15, b""),) * 8000)
    answer = read(handshake(hello, DONE))
    assert len(answer.oddities) == 2
    assert len(answer.extensions.types) == 8000


def test_sslv2(read: Read) -> None:
    hello = Sslv2ServerHello(SSL2, b"certificate", (0x010080, 0x0700C0), b"connection")
    answer = read(bytes(Sslv2Record(bytes(hello))), sslv2=True)
    assert answer.outcome is Outcome.SSLV2_HELLO
    assert answer.version == SSL2
    assert answer.chain == (b"certificate",)
    assert answer.cipher_kinds == (0x010080, 0x0700C0)
    assert answer.agreed
    error = read(bytes(Sslv2Record(bytes(Sslv2Error(1)))), sslv2=True)
    assert (error.outcome, error.sslv2_error) == (Outcome.SSLV2_ERROR, 1)
    none_shared = Sslv2ServerHello(SSL2, b"certificate", (), b"connection")
    assert not read(bytes(Sslv2Record(bytes(none_shared))), sslv2=True).agreed
    assert read(b"\x80\x03\x09\x00\x00", sslv2=True).outcome is Outcome.MALFORMED


def test_sslv2_is_answered_in_tls(read: Read) -> None:
    assert read(alert(2, 70), sslv2=True).alert == Alert(2, 70)


def test_never_more_than_the_limit() -> None:
    """An endless chain of legal messages ends at the limit, the facts kept."""
    reader = ServerAnswer()
    certificate = handshake(HELLO, Message(11, b"\x00\x00\x00" + b""))
    reader.receive(certificate)
    big = fragmented(22, TLS1_2, bytes(Message(99, bytes(MAX_MESSAGE))))
    sent = len(certificate)
    while not reader.done:
        reader.receive(big)
        sent += len(big)
        assert sent < MAX_ANSWER + 2 * len(big)
    answer = reader.end()
    assert answer.outcome is Outcome.MALFORMED
    assert str(MAX_ANSWER) in answer.reason
    assert answer.cipher_suite == 0xC02F
    reader.receive(b"x" * 100)
    assert len(reader.leftover()) <= MAX_ANSWER


def test_a_limit_of_ones_own() -> None:
    reader = ServerAnswer(max_bytes=10)
    reader.receive(handshake(HELLO, CHAIN))
    assert reader.end().outcome is Outcome.MALFORMED
    assert "more than 10 bytes" in reader.end().reason
