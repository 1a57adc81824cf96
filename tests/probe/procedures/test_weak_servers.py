"""The weak servers are as weak as they say: each shows its fault to a raw hello."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import AbstractContextManager

import pytest

from letterlock.model.service import IMAPS, SMTP, Endpoint, Service
from letterlock.probe.ask import Hello
from letterlock.probe.hello import put_hello
from letterlock.probe.procedures.raw import RSA_SUITES
from letterlock.wire.tls.answer import Answer, Outcome
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import SSL2, SSL3, TLS1_0, TLS1_2
from letterlock.wire.tls.sslv2 import Sslv2ClientHello
from tests.probe.hostile import wait_for_the_end
from tests.probe.procedures.direct import Direct
from tests.weak_servers import gnutls, openssl, scripted, sslv2, tlslite, tlslite_settings

#: secp192r1, secp224r1, secp256r1, x25519; RSA and ECDSA with SHA-256.
GROUPS = (0x0013, 0x0015, 0x0017, 0x001D)
SCHEMES = (0x0401, 0x0403)


def asked(endpoint: Endpoint, hello: bytes, *, of_sslv2: bool = False) -> Answer:
    return asyncio.run(put_hello(Direct(endpoint), Hello(hello, of_sslv2)))


def offered(
    endpoint: Endpoint, version: int, *suites: int, compressions: tuple[int, ...] = (0,)
) -> Answer:
    offer = Offer(
        (version,), suites, groups=GROUPS, signature_schemes=SCHEMES, compressions=compressions
    )
    return asked(endpoint, offer.hello().to_records())


@pytest.mark.parametrize(
    ("suite", "server"),
    [
        (0x0005, tlslite()),
        (0x000A, tlslite()),
        (0x0002, tlslite(tlslite_settings(ciphers=("null",)))),
        (0x0034, tlslite(tlslite_settings(key_exchanges=("dh_anon",)), anonymous=True)),
        (0xC018, tlslite(tlslite_settings(key_exchanges=("ecdh_anon",)), anonymous=True)),
        (0x0003, scripted(wait_for_the_end, suite=0x0003)),
        (0x0034, openssl()),
        (0x003B, openssl()),
        (0x0004, gnutls(priority="NORMAL:+ARCFOUR-128:+MD5:+RSA")),
    ],
)
def test_weak_suites(suite: int, server: AbstractContextManager[Endpoint]) -> None:
    with server as endpoint:
        answer = offered(endpoint, TLS1_2, suite)
        assert answer.cipher_suite == suite
        assert offered(endpoint, TLS1_2, 0xFFFE).outcome is Outcome.ALERT


def test_sslv3_and_tls10() -> None:
    with tlslite() as endpoint:
        assert offered(endpoint, SSL3, 0x0005).version == SSL3
    with tlslite(tlslite_settings(versions=((3, 3), (3, 4)))) as endpoint:
        assert offered(endpoint, SSL3, 0x0005).outcome is Outcome.ALERT
    with openssl() as endpoint:
        assert offered(endpoint, TLS1_0, 0x002F).version == TLS1_0


def test_sslv2() -> None:
    rc4, triple_des = 0x010080, 0x0700C0
    with sslv2(rc4, triple_des) as endpoint:
        hello = Sslv2ClientHello((rc4,)).to_records()
        answer = asked(endpoint, hello, of_sslv2=True)
        assert (answer.version, answer.cipher_kinds) == (SSL2, (rc4,))
        assert offered(endpoint, TLS1_2, *RSA_SUITES).outcome is Outcome.ALERT


def test_compression() -> None:
    with scripted(wait_for_the_end, compression=1) as endpoint:
        assert offered(endpoint, TLS1_2, 0x002F, compressions=(1, 0)).compression == 1
        assert offered(endpoint, TLS1_2, 0x002F).outcome is Outcome.ALERT


def test_old_groups() -> None:
    with openssl("-named_curve", "secp192r1") as endpoint:
        assert offered(endpoint, TLS1_2, 0xC014).group == 0x0013


@pytest.mark.parametrize("service", [SMTP, IMAPS])
def test_both_kinds_of_certificate(service: Service) -> None:
    with openssl(keys=("RSA", "ECDSA"), service=service) as endpoint:
        rsa, ecdsa = (offered(endpoint, TLS1_2, suite) for suite in (0xC014, 0xC00A))
    assert rsa.chain
    assert ecdsa.chain
    assert rsa.chain != ecdsa.chain


def test_openssl_s_client_sees_the_same_behind_starttls() -> None:
    with openssl("-no_tls1_3") as endpoint:
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-connect", str(endpoint), "-brief"],
            input=b"", capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    assert b"Protocol version: TLSv1.2" in done.stderr
