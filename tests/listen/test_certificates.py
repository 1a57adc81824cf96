"""What each trap serves: one thing is wrong with it, and nothing else."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from letterlock.certs.bundle import CertificateFiles, prepare
from letterlock.certs.judge import judge
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from letterlock.listen.addresses import Names
from letterlock.listen.certificates import contexts, identities, identity
from letterlock.model.certificate import ChainFault
from letterlock.model.listening import Trap
from tests.listen.running import NAMES, authority, good


@pytest.mark.parametrize(
    ("trap", "faults"),
    [
        (Trap.GOOD, []),
        (Trap.TLSA_MISMATCH, []),
        (Trap.WRONG_NAME, [ChainFault.NAME_MISMATCH]),
        (Trap.EXPIRED, [ChainFault.EXPIRED, ChainFault.NO_TRUST_ANCHOR]),
        (Trap.SELF_SIGNED, [ChainFault.SELF_SIGNED]),
        (Trap.MTA_STS, [ChainFault.SELF_SIGNED]),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, trap: Trap, faults: list[ChainFault]) -> None:
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    served = identities(NAMES, good(), None)[trap]
    chain = [facts(each.public_bytes(Encoding.DER)) for each in served.chain]
    believed = TrustStore.from_file(str(tmp_path / "ca.pem"))
    verdict = judge(chain, NAMES.host(trap), believed, datetime.now(UTC))
    assert [each.fault for each in verdict.problems] == faults
    assert served.key.public_key() == served.chain[0].public_key()


def test_names_that_no_common_name_holds() -> None:
    """RFC 5280 appendix A.1 has 64 characters."""
    names = Names(".".join(["a" * 60] * 3 + ["example"]))
    for trap, served in identities(names, good(), None).items():
        if trap in (Trap.EXPIRED, Trap.SELF_SIGNED, Trap.MTA_STS):
            (leaf, *_) = served.chain
            assert facts(leaf.public_bytes(Encoding.DER)).dns_names == (names.host(trap),)


def test_the_whole_chain_is_served(tmp_path: Path) -> None:
    issuer = authority().create_child_ca(trustme.KeyType.ECDSA)
    issued = issuer.issue_cert(NAMES.host(Trap.GOOD), key_type=trustme.KeyType.ECDSA)
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "good.pem")
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    believed = TrustStore.from_file(str(tmp_path / "ca.pem"))
    files = CertificateFiles(str(tmp_path / "good.pem"))
    made = identity(prepare(files, None, believed, datetime.now(UTC)))
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    shake(contexts({Trap.GOOD: made})[Trap.GOOD], client)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_taken_up_again(version: ssl.TLSVersion) -> None:
    server = contexts(identities(NAMES, good(), None))[Trap.GOOD]
    client = ssl.create_default_context()
    authority().configure_trust(client)
    client.minimum_version = client.maximum_version = version
    first = shake(server, client)
    again = shake(server, client, first.session)
    assert (first.version(), again.session_reused) == (f"TLSv1.{version - 0x301}", False)


def shake(
    context: SSL.Context, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLObject:
    """A handshake in memory, whatever the server says after it read. Raises SSLError."""
    server = SSL.Connection(context, None)
    server.set_accept_state()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    found = client.wrap_bio(
        incoming, outgoing, server_hostname=NAMES.host(Trap.GOOD), session=session
    )
    done = False
    while not done:
        with suppress(ssl.SSLWantReadError):
            found.do_handshake()
            done = True
        if said := outgoing.read():
            server.bio_write(said)
        with suppress(SSL.WantReadError):
            server.do_handshake()
        with suppress(SSL.WantReadError):
            incoming.write(server.bio_read(65536))
    with suppress(ssl.SSLWantReadError):
        found.read(1)
    return found
