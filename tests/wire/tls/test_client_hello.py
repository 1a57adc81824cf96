"""ClientHello: what we write, what others read in it, and its size."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlslite.messages import ClientHello as TlsliteHello
from tlslite.utils.codec import Parser

from letterlock.wire.error import WireError
from letterlock.wire.tls import extensions as build
from letterlock.wire.tls.client_hello import ClientHello, Offer, fitted
from letterlock.wire.tls.code_points import (
    SSL3,
    TLS1_0,
    TLS1_2,
    TLS1_3,
    ExtensionType,
    grease,
    is_grease,
)
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.key_shares import random_share

_U16 = st.integers(0, 0xFFFF)
_EXTENSIONS = st.lists(st.builds(Extension, _U16, st.binary(max_size=40)), max_size=6).map(tuple)
HELLOS = st.builds(
    ClientHello,
    legacy_version=_U16,
    random=st.binary(min_size=32, max_size=32),
    session_id=st.binary(max_size=255),
    cipher_suites=st.lists(_U16, max_size=40).map(tuple),
    compressions=st.lists(st.integers(0, 255), max_size=5).map(tuple),
    extensions=st.none() | _EXTENSIONS,
)
_PLAIN = Offer((TLS1_2,), (0xC02F,), b"mx.example.org", (29, 23), (0x0401,))


def body(hello: ClientHello) -> bytes:
    return bytes(hello)[4:]


@settings(max_examples=100, deadline=None)
@given(HELLOS)
def test_round_trip(hello: ClientHello) -> None:
    assert ClientHello.parse(body(hello)) == hello


@settings(max_examples=60, deadline=None)
@given(HELLOS)
def test_no_byte_too_few_or_too_many(hello: ClientHello) -> None:
    data = body(hello)
    with pytest.raises(WireError):
        ClientHello.parse(data + b"\x00" * 3)
    missing = range(1, 4) if hello.extensions is None else (1,)
    for count in missing:
        with pytest.raises(WireError):
            ClientHello.parse(data[:-count])


def test_half_a_suite_is_refused() -> None:
    odd = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x03\x13\x01\x13" + b"\x01\x00"
    with pytest.raises(WireError, match="3 bytes for entries of 2"):
        ClientHello.parse(odd)


def test_openssls_own_hello_comes_back_as_it_was() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="mx.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    data = outgoing.read()
    hello = ClientHello.parse(data[9:])
    assert hello.to_records(version=TLS1_0) == data
    assert build.server_name(b"mx.example.org") in (hello.extensions or ())
    types = [each.type for each in hello.extensions or ()]
    assert {ExtensionType.SUPPORTED_VERSIONS, ExtensionType.KEY_SHARE} <= set(types)


def as_tlslite_reads_it(hello: ClientHello) -> TlsliteHello:
    parser = Parser(bytearray(bytes(hello)[1:]))
    return TlsliteHello().parse(parser)


def test_tlslite_reads_every_extension() -> None:
    share = random_share(29)
    hello = Offer(
        (TLS1_3, TLS1_2), (0x1301, 0xC02F), b"mx.example.org", (29, 23), (0x0401, 0x0804),
        key_shares=((29, share),), alpn=(b"smtp", b"imap"), ask_status=True, session_ticket=b"tick",
        extra=(
            build.heartbeat(), build.record_size_limit(4096), build.compress_certificate((1, 3)),
            build.signature_algorithms_cert((0x0601,)), build.cookie(b"crumb"),
            build.psk_key_exchange_modes((0, 1)),
        ),
    ).hello()  # fmt: skip
    read = as_tlslite_reads_it(hello)
    assert read.client_version == (3, 3)
    assert read.cipher_suites == [0x1301, 0xC02F]
    assert bytes(read.random) == hello.random

    def extension(kind: ExtensionType) -> object:
        return read.getExtension(int(kind))

    def field(kind: ExtensionType, name: str) -> object:
        return getattr(extension(kind), name)

    assert bytes(read.server_name) == b"mx.example.org"
    assert field(ExtensionType.SUPPORTED_GROUPS, "groups") == [29, 23]
    assert field(ExtensionType.EC_POINT_FORMATS, "formats") == [0]
    assert field(ExtensionType.SIGNATURE_ALGORITHMS, "sigalgs") == [(4, 1), (8, 4)]
    assert field(ExtensionType.SIGNATURE_ALGORITHMS_CERT, "sigalgs") == [(6, 1)]
    assert field(ExtensionType.SUPPORTED_VERSIONS, "versions") == [(3, 4), (3, 3)]
    assert field(ExtensionType.ALPN, "protocol_names") == [b"smtp", b"imap"]
    assert field(ExtensionType.HEARTBEAT, "mode") == 1
    assert field(ExtensionType.RECORD_SIZE_LIMIT, "record_size_limit") == 4096
    assert field(ExtensionType.COMPRESS_CERTIFICATE, "algorithms") == [1, 3]
    assert field(ExtensionType.COOKIE, "cookie") == b"crumb"
    assert field(ExtensionType.SESSION_TICKET, "ticket") == b"tick"
    assert field(ExtensionType.STATUS_REQUEST, "status_type") == 1
    shares = read.getExtension(int(ExtensionType.KEY_SHARE)).client_shares
    assert [(each.group, bytes(each.key_exchange)) for each in shares] == [(29, share)]
    for kind in (ExtensionType.EXTENDED_MASTER_SECRET, ExtensionType.ENCRYPT_THEN_MAC):
        assert extension(kind) is not None
    assert extension(ExtensionType.RENEGOTIATION_INFO) is not None


def test_ssl3_has_no_extensions_and_tls12_no_supported_versions() -> None:
    assert Offer((SSL3,), (4,), b"x", (23,)).hello().extensions is None
    assert Offer((SSL3,), (4,)).hello().to_records()[1:3] == b"\x03\x00"
    hello = _PLAIN.hello()
    assert hello.legacy_version == TLS1_2
    types = {each.type for each in hello.extensions or ()}
    assert not types & {ExtensionType.SUPPORTED_VERSIONS, ExtensionType.KEY_SHARE}
    assert hello.session_id == b""
    assert len(Offer((TLS1_3,), (0x1301,)).hello().session_id) == 32


def test_a_hello_is_small_where_it_can_be() -> None:
    assert len(bytes(_PLAIN.hello())) < 256


def test_sizes_that_servers_fail_at_are_left_out() -> None:
    """RFC 7685 section 1: 256 to 511; testssl.sh pull request 1113: a line feed in a length."""
    bare = _PLAIN.hello()
    start = len(bytes(bare)) + 4
    for size in range(start, 1200):
        hello = bare.with_extension(Extension(0x1234, bytes(size - start)))
        assert len(bytes(hello)) == size
        got = len(bytes(fitted(hello)))
        assert not 256 <= got < 512
        assert got < 512 or got % 256 not in (0x0A, 0x0E)
        empty = size == start
        fits = size < 256 or (size >= 512 and size % 256 not in (0x0A, 0x0E))
        assert (got == size) is (fits and not empty)


def test_the_last_extension_is_never_empty() -> None:
    hello = replace(_PLAIN.hello(), extensions=(build.extended_master_secret(),))
    listed = fitted(hello).extensions or ()
    assert listed[-1] == build.padding(1)
    assert fitted(fitted(hello)) == fitted(hello)


def test_a_pre_shared_key_stays_last() -> None:
    key = Extension(ExtensionType.PRE_SHARED_KEY, bytes(200))
    hello = _PLAIN.hello().with_extension(key)
    listed = fitted(hello).extensions or ()
    assert listed[-1] == key
    assert len(bytes(fitted(hello))) >= 512


def test_an_extension_in_anothers_place() -> None:
    hello = _PLAIN.hello()
    types = [each.type for each in hello.extensions or ()]
    renamed = hello.with_extension(build.server_name(b"other"))
    assert [each.type for each in renamed.extensions or ()] == types
    assert build.server_name(b"other") in (renamed.extensions or ())
    bare = renamed.without_extension(ExtensionType.SERVER_NAME)
    assert ExtensionType.SERVER_NAME not in [each.type for each in bare.extensions or ()]


def test_grease() -> None:
    values = [grease(index) for index in range(16)]
    assert values[0] == 0x0A0A
    assert values[15] == 0xFAFA
    assert all(map(is_grease, values))
    assert not any(map(is_grease, (0x1301, 0x0A1A, 0x0303)))
