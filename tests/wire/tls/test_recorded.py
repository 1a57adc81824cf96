"""What real servers answer, recorded in this run: whole, byte by byte, with more behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509 import ocsp
from OpenSSL import SSL

from letterlock.model.cipher_suites import cipher_suites, suite_name
from letterlock.model.named_groups import group_name, group_named, named_groups
from letterlock.model.signature_schemes import scheme_name, signature_schemes
from letterlock.wire.tls import extensions
from letterlock.wire.tls.answer import Answer, Outcome, ServerAnswer
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import SSL3, TLS1_0, TLS1_1, TLS1_2, TLS1_3
from letterlock.wire.tls.key_exchange import DhParams, EcdhParams, SrpParams
from letterlock.wire.tls.key_shares import SHAREABLE, random_share
from letterlock.wire.tls.sslv2 import Sslv2ClientHello
from tests.wire.tls.peers import OpensslServer, ask, der, make_certificate, tlslite_server

_ALL = tuple(each.code for each in cipher_suites())
_OLD = tuple(each.code for each in cipher_suites() if not each.is_tls13)
_TLS13 = tuple(each.code for each in cipher_suites() if each.is_tls13)
_GROUPS = tuple(each.code for each in named_groups())
_SCHEMES = tuple(each.code for each in signature_schemes())
_OCSP = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
    __import__("cryptography").hazmat.primitives.serialization.Encoding.DER
)


def offer(*versions: int, suites: tuple[int, ...] = _ALL, **more: object) -> bytes:
    """On the wire: everything there is, but for what `more` says."""
    chosen = {"groups": _GROUPS, "signature_schemes": _SCHEMES, **more}
    return Offer(versions, suites, **chosen).hello().to_records()  # type: ignore[arg-type]


def suite(name: str) -> tuple[int, ...]:
    (code,) = (each.code for each in cipher_suites() if each.name == name)
    return (code,)


@dataclass(frozen=True)
class Recording:
    """What a server said, and the certificates that it has."""

    said: bytes
    rsa: bytes = b""
    ecdsa: bytes = b""


@pytest.fixture(scope="module")
def openssl_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpensslServer]:
    folder = tmp_path_factory.mktemp("s_server")
    response = folder / "response.der"
    response.write_bytes(_OCSP)
    with OpensslServer(folder, "-status_file", str(response), "-alpn", "imap") as server:
        yield server


@pytest.fixture(scope="module")
def rsa_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tlslite"), "tlslite.test", "rsa:2048")


def whole(said: bytes) -> Answer:
    reader = ServerAnswer()
    reader.receive(said)
    return reader.end()


def byte_by_byte(said: bytes) -> Answer:
    reader = ServerAnswer()
    for at in range(len(said)):
        reader.receive(said[at : at + 1])
    return reader.end()


def with_trailing_data(said: bytes) -> Answer:
    reader = ServerAnswer()
    reader.receive(said + b"\x17\x03\x03\x00\x02trailing")
    answer = reader.end()
    assert reader.leftover().endswith(b"\x17\x03\x03\x00\x02trailing")
    return answer


def told(said: bytes) -> Answer:
    """The same answer however the bytes come."""
    answer = whole(said)
    assert byte_by_byte(said) == answer
    assert with_trailing_data(said) == answer
    return answer


Check = Callable[[Answer, OpensslServer], None]


def rsa_flight(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.FLIGHT
    assert answer.version == TLS1_2
    assert answer.chain == (der(server.rsa[0]),)
    assert answer.key_exchange
    assert isinstance(answer.key_exchange.params, EcdhParams)
    assert answer.group is not None
    assert group_name(answer.group) == "secp384r1"
    assert len(answer.key_exchange.params.public) == 97
    assert answer.key_exchange.signature_scheme is not None
    assert scheme_name(answer.key_exchange.signature_scheme) == "rsa_pss_rsae_sha512"
    assert len(answer.key_exchange.signature or b"") == 256
    assert answer.compression == 0
    assert answer.hello
    assert answer.hello.downgraded_from_tls13
    assert answer.record_version == TLS1_2


def ecdsa_flight(answer: Answer, server: OpensslServer) -> None:
    assert answer.chain == (der(server.ecdsa[0]),)
    assert answer.key_exchange
    assert answer.key_exchange.signature_scheme == 0x0403
    assert answer.extensions.renegotiation_info == b""
    assert answer.extensions.point_formats == (0, 1, 2)


def dhe_flight(answer: Answer, server: OpensslServer) -> None:
    assert answer.key_exchange
    params = answer.key_exchange.params
    assert isinstance(params, DhParams)
    assert int.from_bytes(params.prime, "big").bit_length() >= 2048
    assert params.generator == b"\x02"
    assert 0 < int.from_bytes(params.public, "big") < int.from_bytes(params.prime, "big")


def static_rsa(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.FLIGHT
    assert answer.key_exchange is None
    assert answer.chain == (der(server.rsa[0]),)


def anonymous(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.FLIGHT
    assert answer.chain is None
    assert answer.key_exchange
    assert answer.key_exchange.signature is None
    assert answer.group == 23


def stapled(answer: Answer, server: OpensslServer) -> None:
    assert answer.stapled == _OCSP
    assert answer.extensions.has(5)
    assert answer.extensions.alpn == b"imap"
    assert answer.extensions.has(23)


def tls10(answer: Answer, server: OpensslServer) -> None:
    assert answer.version == TLS1_0
    assert answer.key_exchange
    assert answer.key_exchange.signature_scheme is None
    assert len(answer.key_exchange.signature or b"") == 256


def tls11(answer: Answer, server: OpensslServer) -> None:
    assert answer.version == TLS1_1


def retry(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.HELLO_RETRY
    assert answer.version == TLS1_3
    assert answer.group == 30
    assert answer.extensions.key_share
    assert answer.extensions.key_share.key_exchange is None


def tls13(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.TLS13_HELLO
    assert answer.version == TLS1_3
    assert answer.cipher_suite is not None
    assert suite_name(answer.cipher_suite) == "TLS_CHACHA20_POLY1305_SHA256"
    assert answer.extensions.key_share
    assert len(answer.extensions.key_share.key_exchange or b"") == 32


def refused(answer: Answer, server: OpensslServer) -> None:
    assert answer.outcome is Outcome.ALERT
    assert answer.alert
    assert (answer.alert.level, answer.alert.description) == (2, 40)
    assert not answer.agreed


def fallback_refused(answer: Answer, server: OpensslServer) -> None:
    assert answer.alert
    assert answer.alert.description == 86


CASES: list[tuple[bytes, Check]] = [
    (
        offer(
            TLS1_2, suites=suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            groups=(24,), signature_schemes=(0x0806, 0x0401),
        ),
        rsa_flight,
    ),
    (
        offer(
            TLS1_2, suites=suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            signature_schemes=(0x0403,),
        ),
        ecdsa_flight,
    ),
    (offer(TLS1_2, suites=suite("TLS_DHE_RSA_WITH_AES_256_CBC_SHA")), dhe_flight),
    (offer(TLS1_2, suites=suite("TLS_RSA_WITH_AES_256_CBC_SHA")), static_rsa),
    (
        offer(TLS1_2, suites=suite("TLS_ECDH_anon_WITH_AES_256_CBC_SHA"), groups=(23,)),
        anonymous,
    ),
    (offer(TLS1_2, ask_status=True, alpn=(b"imap",)), stapled),
    (offer(TLS1_0, suites=suite("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")), tls10),
    (offer(TLS1_1, suites=_OLD), tls11),
    (offer(TLS1_3, groups=(30,)), retry),
    (
        offer(
            TLS1_3, suites=suite("TLS_CHACHA20_POLY1305_SHA256"),
            groups=(29,), key_shares=((29, random_share(29)),),
        ),
        tls13,
    ),
    (offer(TLS1_2, suites=suite("TLS_RSA_WITH_RC4_128_SHA")), refused),
    (offer(TLS1_1, suites=(0x5600, *_OLD)), fallback_refused),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "check"), CASES, ids=[each[1].__name__ for each in CASES])
def test_openssl(openssl_server: OpensslServer, request_: bytes, check: Check) -> None:
    check(told(ask(openssl_server.address, request_)), openssl_server)


@pytest.mark.parametrize("code", sorted(SHAREABLE), ids=group_name)
def test_openssl_takes_our_shares(openssl_server: OpensslServer, code: int) -> None:
    """Or has the group not at all: this machine's OpenSSL may have no ML-KEM."""
    request = offer(TLS1_3, groups=(code,), key_shares=((code, random_share(code)),))
    answer = told(ask(openssl_server.address, request))
    group = next(each for each in named_groups() if each.code == code)
    if group.post_quantum and answer.outcome is Outcome.ALERT:
        assert answer.alert
        assert answer.alert.description == 40
        return
    assert answer.outcome is Outcome.TLS13_HELLO
    assert answer.group == code


@pytest.mark.parametrize("name", ["X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"])
def test_the_openssl_of_cryptography_takes_our_hybrid_shares(
    rsa_certificate: tuple[Path, Path], name: str
) -> None:
    """It is newer than this machine's and has ML-KEM."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file(str(rsa_certificate[0]))
    context.use_privatekey_file(str(rsa_certificate[1]))
    server = SSL.Connection(context, None)
    server.set_accept_state()
    group = group_named(name)
    assert group
    share = ((group.code, random_share(group.code)),)
    server.bio_write(offer(TLS1_3, groups=(group.code,), key_shares=share))
    with suppress(SSL.Error):
        server.do_handshake()
    answer = told(server.bio_read(65536))
    if answer.outcome is Outcome.ALERT and answer.alert and answer.alert.description == 40:
        pytest.skip(
            f"{name} is not among the defaults of {SSL.SSLeay_version(SSL.SSLEAY_VERSION)!r}"
        )
    assert answer.outcome is Outcome.TLS13_HELLO
    assert answer.group == group.code


def test_openssl_takes_every_extension(openssl_server: OpensslServer) -> None:
    """A hello with all of them is answered, and so is one cut into records of one byte."""
    everything = (
        extensions.max_fragment_length(4),
        extensions.heartbeat(),
        extensions.compress_certificate(),
        extensions.signature_algorithms_cert(_SCHEMES),
        extensions.session_ticket(),
        extensions.signed_certificate_timestamp(),
        extensions.Extension(0x0A0A),
    )
    hello = Offer(
        (0x0A0A, TLS1_3, TLS1_2), (0x1A1A, *_ALL), b"rsa.test", (0x2A2A, *_GROUPS), _SCHEMES,
        alpn=(b"imap",), ask_status=True, extra=everything,
    )  # fmt: skip
    for size in (2**14, 100):
        said = ask(openssl_server.address, hello.hello().to_records(size=size))
        assert told(said).outcome is Outcome.HELLO_RETRY


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (SSL3, "TLS_RSA_WITH_RC4_128_MD5"),
        (TLS1_0, "TLS_RSA_WITH_NULL_SHA"),
        (TLS1_2, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    ],
)
def test_tlslite(rsa_certificate: tuple[Path, Path], version: int, name: str) -> None:
    with tlslite_server(rsa_certificate) as address:
        answer = told(ask(address, offer(version, suites=suite(name))))
    assert answer.outcome is Outcome.FLIGHT
    assert answer.version == version
    assert answer.cipher_suite is not None
    assert suite_name(answer.cipher_suite) == name
    assert answer.chain == (der(rsa_certificate[0]),)


def test_tlslite_anonymous(rsa_certificate: tuple[Path, Path]) -> None:
    with tlslite_server(rsa_certificate, anonymous=True) as address:
        answer = told(ask(address, offer(TLS1_2, suites=_OLD)))
    assert answer.outcome is Outcome.FLIGHT
    assert answer.chain is None
    assert answer.key_exchange
    assert answer.key_exchange.signature is None


def test_tlslite_srp(rsa_certificate: tuple[Path, Path]) -> None:
    user = extensions.Extension(12, b"\x04user")
    name = "TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA"
    with tlslite_server(rsa_certificate, srp=True) as address:
        answer = told(ask(address, offer(TLS1_2, suites=suite(name), extra=(user,))))
    assert answer.outcome is Outcome.FLIGHT
    assert answer.key_exchange
    assert isinstance(answer.key_exchange.params, SrpParams)
    assert answer.key_exchange.signature_scheme is not None


def test_the_compatible_hello_is_answered(rsa_certificate: tuple[Path, Path]) -> None:
    """RFC 5246 appendix E.2: an SSLv2 CLIENT-HELLO that offers TLS 1.0."""
    hello = Sslv2ClientHello((0x010080, *suite("TLS_RSA_WITH_AES_128_CBC_SHA")), version=TLS1_0)
    with tlslite_server(rsa_certificate) as address:
        said = ask(address, hello.to_records(), sslv2=True)
    answer = told(said)
    assert answer.outcome is Outcome.FLIGHT
    assert answer.version == TLS1_0
