"""X.509 for the planner, and the names of primes."""

from __future__ import annotations

from datetime import UTC, datetime

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from letterlock.certs.trust import TrustStore
from letterlock.model.unknown import Unknown
from letterlock.probe.plan import ChainReader
from letterlock.probe.plan.groups import diffie_hellman
from letterlock.wire.tls.key_exchange import DhParams

READER = ChainReader("mail.example.com", TrustStore("nobody", None), datetime.now(UTC))


def leaf() -> bytes:
    issued = trustme.CA().issue_cert("mail.example.com")
    pem = issued.cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def test_a_certificate_without_timestamps_has_none() -> None:
    assert READER.timestamps(leaf()) == 0


def test_what_cannot_be_read_is_unknown() -> None:
    assert isinstance(READER.timestamps(b"no certificate"), Unknown)
    assert isinstance(READER.stapled(b"no response").status, Unknown)
    chain, verdict = READER.chain((b"no certificate",))
    assert chain == () and not verdict.accepted


def test_a_responder_that_says_try_later() -> None:
    # OCSPResponse of responseStatus tryLater (RFC 6960 section 4.2.1), without responseBytes.
    status = READER.stapled(bytes.fromhex("30030a0103")).status
    assert isinstance(status, Unknown) and "try_later" in status.reason


def test_a_prime_is_known_by_its_name() -> None:
    # RFC 2409 section 6.2.
    prime = bytes.fromhex(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
        "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
        "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
        "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff"
    )
    again = [DhParams(b"\0" + prime, b"\2", b"1"), DhParams(prime, b"\2", b"2")]
    (found,) = diffie_hellman(again)
    assert (found.bits, found.generator, found.known_as) == (1024, 2, "RFC 2409 group 2")
    (other,) = diffie_hellman([DhParams(b"\x0b", b"\2", b"1")])
    assert (other.bits, other.known_as) == (4, None)
