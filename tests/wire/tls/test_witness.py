"""Both sides of a handshake read by who only watches, against OpenSSL's own account of it."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from letterlock.model.cipher_suites import iana_name, suite_name
from letterlock.model.named_groups import group_named
from letterlock.wire.tls.client_extensions import ClientOffer, offered
from letterlock.wire.tls.client_hello import ClientHello, Offer
from letterlock.wire.tls.code_points import version_name
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.witness import Witness
from tests.wire.tls.test_any_bytes import STREAMS


def contexts(ciphers: bytes, highest: int) -> tuple[SSL.Context, SSL.Context]:
    """A client of these bounds and a server that takes them."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    issued = authority.issue_cert("mx.example", key_type=trustme.KeyType.ECDSA)
    server = SSL.Context(SSL.TLS_SERVER_METHOD)
    server.use_certificate(x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()))
    server.use_privatekey(load_pem_private_key(issued.private_key_pem.bytes(), None))  # type: ignore[arg-type]
    client = SSL.Context(SSL.TLS_CLIENT_METHOD)
    client.set_max_proto_version(highest)
    client.set_cipher_list(ciphers)
    return client, server


def shake(client: SSL.Connection, server: SSL.Connection, witness: Witness, piece: int) -> None:
    """A handshake to its end, the witness told in pieces."""
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(8):
        for one, other, tell in (
            (client, server, witness.client),
            (server, client, witness.server),
        ):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            try:
                data = one.bio_read(65536)
            except SSL.WantReadError:
                continue
            other.bio_write(data)
            for at in range(0, len(data), piece):
                tell(data[at : at + piece])


@pytest.mark.parametrize("piece", [1, 7, 65536])
@pytest.mark.parametrize(
    ("highest", "ciphers"),
    [(0x0304, b"DEFAULT"), (0x0303, b"ECDHE-ECDSA-CHACHA20-POLY1305"), (0x0303, b"ECDHE+AESGCM")],
)
def test_it_sees_what_openssl_agreed_on(highest: int, ciphers: bytes, piece: int) -> None:
    for_client, for_server = contexts(ciphers, highest)
    client, server = SSL.Connection(for_client, None), SSL.Connection(for_server, None)
    client.set_tlsext_host_name(b"mx.example")
    witness = Witness()
    shake(client, server, witness, piece)
    answer, offer = witness.answer, witness.offer
    assert offer is not None
    assert offer.server_name == server.get_servername() == b"mx.example"
    assert version_name(answer.version or 0) == server.get_protocol_version_name()
    assert suite_name(answer.cipher_suite or 0) == iana_name(server.get_cipher_name() or "")
    group = group_named(server.get_group_name() or "")
    assert group is not None
    assert answer.group == group.code
    assert answer.group in offer.groups
    assert max(offer.versions) == highest
    assert witness.fault == ""


@pytest.mark.parametrize("piece", [1, 65536])
def test_it_sees_what_came_after_another_hello_was_asked_for(piece: int) -> None:
    """The server cannot take the share that the client sends first."""
    for_client, for_server = contexts(b"DEFAULT", 0x0304)
    curve = ec.SECP521R1()
    for_server.set_tmp_ecdh(curve)
    client, server = SSL.Connection(for_client, None), SSL.Connection(for_server, None)
    witness = Witness()
    shake(client, server, witness, piece)
    assert witness.retried
    assert witness.answer.group == 25
    assert witness.answer.version == 0x0304


_HELLO = Offer((0x0304, 0x0303), (0x1301,), server_name=b"mx.example", groups=(29, 23)).hello()
_PIECES = st.one_of(STREAMS, st.just(_HELLO.to_records()), st.just(_HELLO.to_records(size=9)))


_DATA = st.lists(_PIECES, max_size=3).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(data=_DATA, cuts=st.lists(st.integers(0, 500), max_size=5))
def test_whatever_the_bytes_and_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    def seen(pieces: list[bytes]) -> tuple[object, ...]:
        witness = Witness()
        for piece in pieces:
            witness.client(piece)
            witness.server(piece)
        return witness.offer, witness.fault, witness.alerts, witness.answer.cipher_suite

    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert seen([data[a:b] for a, b in pairwise(edges)]) == seen([data])


def test_of_two_hellos_the_first_counts() -> None:
    witness = Witness()
    witness.client(_HELLO.to_records() + Offer((0x0303,), (0xC02B,)).hello().to_records())
    assert witness.offer == offered(_HELLO)


def test_what_an_offer_says() -> None:
    versions, suites, groups = (0x0304, 0x0303), (0x1301, 0xC02B), (0x11EC, 29)
    hello = Offer(
        versions, suites, server_name=b"MX.example", groups=groups, signature_schemes=(0x0403,),
        key_shares=((29, bytes(32)),), alpn=(b"smtp",),
    ).hello()  # fmt: skip
    assert offered(hello) == ClientOffer(
        versions, suites, groups, (29,), (0x0403,), b"MX.example", (b"smtp",)
    )


def test_what_is_malformed_is_named() -> None:
    bad = (Extension(0, b"\x00"), Extension(10, b"\x00\x03\x00\x1d\x00"), Extension(10, b""))
    hello = ClientHello(0x0303, bytes(32), b"", (0xC02B,), (0,), bad)
    versions = (0x0303, 0x0302, 0x0301, 0x0300)
    assert offered(hello) == ClientOffer(versions, (0xC02B,), malformed=(0, 10))


def test_the_first_host_name_is_it_and_no_legacy_version_is_above_1_2() -> None:
    names = Extension(0, b"\x00\x0c\x07\x00\x03odd\x00\x00\x03one")
    hello = ClientHello(0x0304, bytes(32), b"", (0xC02B,), (0,), (names,))
    offer = offered(hello)
    assert (offer.server_name, max(offer.versions)) == (b"one", 0x0303)


@pytest.mark.parametrize(
    ("data", "descriptions"),
    [(b"\x15\x03\x03\x00\x02\x02\x2a", [42]), (b"\x15\x03\x03\x00\x03\x02\x2a\x00", [])],
)
def test_an_alert_is_two_bytes_in_the_clear(data: bytes, descriptions: list[int]) -> None:
    witness = Witness()
    witness.client(data)
    assert [each.description for each in witness.alerts] == descriptions
    assert witness.fault == ""


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"MAIL FROM:<a@b>\r\n", "text instead of TLS"),
        (b"\xff\x00\x01", "neither TLS nor text"),
        (b"\x16\x03\x01\xff\xff", "a record of 65535 bytes"),
    ],
)
def test_what_is_wrong_with_a_client(data: bytes, fault: str) -> None:
    witness = Witness()
    witness.client(data)
    witness.client(_HELLO.to_records())
    assert (witness.fault, witness.offer) == (fault, None)
