"""Each message: there and back, nothing too short or too long taken, and as tlslite-ng writes
it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlslite.messages import ServerHello2

from letterlock.wire.error import WireError
from letterlock.wire.tls.alert import Alert
from letterlock.wire.tls.certificates import (
    Certificate,
    Certificate13,
    CertificateEntry,
    CertificateRequest,
    CertificateStatus,
)
from letterlock.wire.tls.code_points import TLS1_0, TLS1_2, TLS1_3, ExtensionType
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.handshake import MAX_MESSAGE, Message, NewSessionTicket, Reassembler
from letterlock.wire.tls.key_exchange import (
    DhParams,
    EcdhParams,
    RsaParams,
    ServerKeyExchange,
    Shape,
    SrpParams,
    client_key_exchange_dhe,
    client_key_exchange_ecdhe,
    client_key_exchange_rsa,
    push_params,
)
from letterlock.wire.tls.server_hello import (
    HELLO_RETRY_RANDOM,
    EncryptedExtensions,
    KeyShare,
    ServerHello,
    read_extensions,
)
from letterlock.wire.tls.signed_params import pull_server_key_exchange
from letterlock.wire.tls.sslv2 import Sslv2ClientHello, Sslv2Error, Sslv2ServerHello

_U16 = st.integers(0, 0xFFFF)
_SHORT = st.binary(max_size=30)
_EXTENSIONS = st.lists(st.builds(Extension, _U16, _SHORT), max_size=5).map(tuple)
_DHE = st.builds(DhParams, _SHORT, _SHORT, _SHORT)
_ECDHE = st.builds(EcdhParams, _U16, _SHORT)


_ROUND_TRIPS: list[tuple[st.SearchStrategy[object], Callable[[bytes], object], int]] = [
    (
        st.builds(
            ServerHello, _U16, st.binary(min_size=32, max_size=32), _SHORT, _U16,
            st.integers(0, 255), st.none() | _EXTENSIONS,
        ),
        ServerHello.parse,
        4,
    ),
    (st.builds(EncryptedExtensions, _EXTENSIONS), EncryptedExtensions.parse, 4),
    (st.builds(Certificate, st.lists(_SHORT, max_size=4).map(tuple)), Certificate.parse, 4),
    (
        st.builds(
            Certificate13,
            st.lists(st.builds(CertificateEntry, _SHORT, _EXTENSIONS), max_size=3).map(tuple),
            _SHORT,
        ),
        Certificate13.parse,
        4,
    ),
    (st.builds(CertificateStatus, _SHORT), CertificateStatus.parse, 4),
    (
        st.builds(
            CertificateRequest, st.lists(st.integers(0, 255), max_size=4).map(tuple),
            st.lists(_U16, max_size=4).map(tuple), st.lists(_SHORT, max_size=3).map(tuple),
        ),
        lambda data: CertificateRequest.parse(data, TLS1_2),
        4,
    ),
    (
        st.builds(NewSessionTicket, st.integers(0, 2**32 - 1), _SHORT),
        NewSessionTicket.parse,
        4,
    ),
    (st.builds(Alert, st.integers(0, 255), st.integers(0, 255)), Alert.parse, 0),
    (
        st.builds(
            Sslv2ClientHello, st.lists(st.integers(0, 2**24 - 1), max_size=4).map(tuple), _U16,
            _SHORT, _SHORT,
        ),
        Sslv2ClientHello.parse,
        0,
    ),
    (
        st.builds(
            Sslv2ServerHello, _U16, _SHORT,
            st.lists(st.integers(0, 2**24 - 1), max_size=4).map(tuple), _SHORT,
            st.integers(0, 255), st.integers(0, 255),
        ),
        Sslv2ServerHello.parse,
        0,
    ),
    (st.builds(Sslv2Error, _U16), Sslv2Error.parse, 0),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "parse", "header"), _ROUND_TRIPS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_round_trip(
    messages: st.SearchStrategy[object],
    parse: Callable[[bytes], object],
    header: int,
    data: st.DataObject,
) -> None:
    message = data.draw(messages)
    written = bytes(message)[header:]  # type: ignore[call-overload]
    assert parse(written) == message
    with pytest.raises(WireError):
        parse(written + b"\x00")
    if len(written) > 1 and not isinstance(message, ServerHello):
        with pytest.raises(WireError):
            parse(written[:-1])


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        (Shape.DHE, _DHE),
        (Shape.ECDHE, _ECDHE),
        (Shape.RSA, st.builds(RsaParams, _SHORT, _SHORT)),
        (Shape.SRP, st.builds(SrpParams, _SHORT, _SHORT, _SHORT, _SHORT)),
        (Shape.PSK, st.none()),
    ],
)
@pytest.mark.parametrize(("version", "signed"), [(TLS1_2, True), (TLS1_0, True), (TLS1_0, False)])
@pytest.mark.parametrize("hinted", [False, True])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_key_exchange_round_trip(
    shape: Shape,
    params: st.SearchStrategy[object],
    version: int,
    signed: bool,
    hinted: bool,
    data: st.DataObject,
) -> None:
    message = ServerKeyExchange(
        data.draw(params),  # type: ignore[arg-type]
        0x0401 if signed and version >= TLS1_2 else None,
        b"signature" if signed else None,
        b"hint" if hinted else None,
    )
    written = bytes(message)[4:]

    def parse(body: bytes) -> ServerKeyExchange:
        return ServerKeyExchange.parse(
            body, shape=shape, version=version, signed=signed, hinted=hinted
        )

    assert parse(written) == message
    with pytest.raises(WireError):
        parse(written + b"\x00")


@pytest.mark.parametrize(
    ("code", "params", "signature", "hint"),
    [
        (0xC02F, EcdhParams(23, b"point"), b"s", None),
        (0xC018, EcdhParams(23, b"point"), None, None),
        (0x0033, DhParams(b"p", b"g", b"y"), b"s", None),
        (0x0034, DhParams(b"p", b"g", b"y"), None, None),
        (0x0003, RsaParams(b"n", b"e"), b"s", None),
        (0x008C, None, None, b"hint"),
        (0x0094, None, None, b"hint"),
        (0x0090, DhParams(b"p", b"g", b"y"), None, b"hint"),
        (0xC035, EcdhParams(29, b"point"), None, b"hint"),
        (0xC01D, SrpParams(b"N", b"g", b"s", b"B"), None, None),
        (0xC01E, SrpParams(b"N", b"g", b"s", b"B"), b"s", None),
        (0xEEEE, EcdhParams(23, b"point"), b"s", None),
        (0xEEEE, DhParams(b"p" * 9, b"g", b"y"), b"s", None),
    ],
    ids=lambda value: hex(value) if isinstance(value, int) else type(value).__name__,
)
def test_the_suite_says_what_shape_it_has(
    code: int, params: EcdhParams, signature: bytes | None, hint: bytes | None
) -> None:
    message = ServerKeyExchange(params, None, signature, hint)
    assert pull_server_key_exchange(bytes(message)[4:], code, TLS1_0) == message


def test_static_suites_and_rsa_have_none() -> None:
    with pytest.raises(WireError, match="TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"):
        pull_server_key_exchange(b"\x03\x00\x17\x01x", 0xC004, TLS1_0)


def test_curves_spelled_out() -> None:
    """RFC 4492 section 5.4: prime, a, b, base, order, cofactor; or m and the terms."""
    five = b"\x01a" * 5
    prime = b"\x01" + b"\x02pp" + five + b"\x03xyz"
    trinomial = b"\x02\x00\xa3\x01" + b"\x01k" + five + b"\x03xyz"
    pentanomial = b"\x02\x00\xa3\x02" + b"\x01k" * 3 + five + b"\x03xyz"
    for body in (prime, trinomial, pentanomial):
        message = ServerKeyExchange.parse(body, shape=Shape.ECDHE, version=TLS1_0, signed=False)
        assert message.params == EcdhParams(None, b"xyz")
    for body in (b"\x07", b"\x02\x00\xa3\x03"):
        with pytest.raises(WireError):
            ServerKeyExchange.parse(body, shape=Shape.ECDHE, version=TLS1_0, signed=False)
    with pytest.raises(ValueError, match="not named"):
        push_params(EcdhParams(None, b"xyz"))


def server_hello(*extensions: Extension, random: bytes = bytes(32)) -> ServerHello:
    return ServerHello(TLS1_2, random, b"", 0x1301, 0, extensions)


def test_version_and_retry() -> None:
    assert server_hello().version == TLS1_2
    assert server_hello(Extension(43, b"\x03\x04")).version == TLS1_3
    assert server_hello(Extension(43, b"\x03")).version == TLS1_2
    assert server_hello(random=HELLO_RETRY_RANDOM).is_retry
    assert not server_hello().is_retry
    assert server_hello(random=bytes(24) + b"DOWNGRD\x00").downgraded_from_tls13
    assert not server_hello().downgraded_from_tls13


def test_extensions_as_values() -> None:
    listed = (
        Extension(43, b"\x03\x04"),
        Extension(51, b"\x00\x1d\x00\x02ab"),
        Extension(44, b"\x00\x03ccc"),
        Extension(16, b"\x00\x05\x04imap"),
        Extension(11, b"\x02\x00\x01"),
        Extension(10, b"\x00\x04\x00\x17\x00\x18"),
        Extension(0xFF01, b"\x00"),
        Extension(15, b"\x01"),
        Extension(1, b"\x02"),
        Extension(28, b"\x40\x00"),
        Extension(18, b"\x00\x06\x00\x04sct1"),
        Extension(41, b"\x00\x00"),
        Extension(13172, b"\x04smtp\x04imap"),
        Extension(0x1234, b"unknown"),
    )
    read = read_extensions(listed)
    assert read.types == tuple(each.type for each in listed)
    assert read.malformed == read.duplicates == ()
    assert read.selected_version == TLS1_3
    assert read.key_share == KeyShare(29, b"ab")
    assert read.cookie == b"ccc"
    assert read.alpn == b"imap"
    assert read.point_formats == (0, 1)
    assert read.supported_groups == (23, 24)
    assert read.renegotiation_info == b""
    assert (read.heartbeat_mode, read.max_fragment_length, read.record_size_limit) == (1, 2, 16384)
    assert read.timestamps == (b"sct1",)
    assert read.pre_shared_key == 0
    assert read.next_protocols == (b"smtp", b"imap")
    assert read.has(0x1234)
    assert not read.has(5)
    assert read_extensions(None).types == ()


def test_malformed_and_repeated_extensions_are_named() -> None:
    read = read_extensions(
        (Extension(16, b"\x00\x05\x04ima"), Extension(15, b"\x01"), Extension(15, b"\x02"))
    )
    assert read.malformed == (16,)
    assert read.alpn is None
    assert read.duplicates == (15,)
    assert read.heartbeat_mode == 1
    two = b"\x00\x0a\x04imap\x04smtp"
    assert read_extensions((Extension(16, two),)).malformed == (16,)


def test_what_a_tls13_certificate_carries() -> None:
    staple = bytes(CertificateStatus(b"ocsp"))[4:]
    entry = CertificateEntry(
        b"der",
        (Extension(ExtensionType.STATUS_REQUEST, staple), Extension(18, b"\x00\x05\x00\x03sct")),
    )
    assert entry.stapled == b"ocsp"
    assert entry.timestamps == (b"sct",)
    assert CertificateEntry(b"der").stapled is None
    assert CertificateEntry(b"der").timestamps == ()


def test_a_status_of_another_type() -> None:
    with pytest.raises(WireError, match="status type 2"):
        CertificateStatus.parse(b"\x02\x00\x00\x00")


def test_messages_across_fragments() -> None:
    messages = [Message(2, b"abc"), Message(14, b""), Message(11, bytes(70000))]
    data = b"".join(map(bytes, messages))
    reassembler, found = Reassembler(), []
    for at in range(0, len(data), 7):
        reassembler.feed(data[at : at + 7])
        while (message := reassembler.next()) is not None:
            found.append(message)
    assert found == messages
    assert not reassembler.pending


def test_a_message_too_large() -> None:
    reassembler = Reassembler()
    reassembler.feed(b"\x0b" + (MAX_MESSAGE + 1).to_bytes(3, "big"))
    with pytest.raises(WireError, match=str(MAX_MESSAGE + 1)):
        reassembler.next()


def test_sslv2_server_hello_as_tlslite_writes_it() -> None:
    theirs = ServerHello2()
    written = bytes(
        theirs.create(0, 1, (0, 2), b"certificate", [0x010080, 0x0700C0], b"session").write()
    )
    assert Sslv2ServerHello.parse(written) == Sslv2ServerHello(
        0x0002, b"certificate", (0x010080, 0x0700C0), b"session"
    )


def test_client_key_exchanges() -> None:
    assert client_key_exchange_rsa(b"abc", TLS1_2) == b"\x10\x00\x00\x05\x00\x03abc"
    assert client_key_exchange_rsa(b"abc", 0x0300) == b"\x10\x00\x00\x03abc"
    assert client_key_exchange_ecdhe(b"abc") == b"\x10\x00\x00\x04\x03abc"
    assert client_key_exchange_dhe(b"abc") == b"\x10\x00\x00\x05\x00\x03abc"
