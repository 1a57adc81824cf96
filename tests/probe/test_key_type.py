"""A client that speaks one key type alone, against OpenSSL's own server, in memory."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from letterlock.certs.x509 import facts
from letterlock.model.certificate import KeyType
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.tls import TlsSession, client_context
from tests.certs.authority import Issued, fresh_key, make_leaf

LEAVES = {
    KeyType.RSA: make_leaf(None, private_key=fresh_key("rsa2048")),
    KeyType.ECDSA: make_leaf(None, private_key=fresh_key("p256")),
}
VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}


def server(version: str, *leaves: Issued) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[version])
    context.set_max_proto_version(VERSIONS[version])
    for leaf in leaves:
        context.use_certificate(leaf.certificate)
        context.use_privatekey(leaf.private_key)
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    return connection


def served(peer: SSL.Connection, key_type: KeyType | None) -> str:
    """The digest of the leaf that the client is served. Raises Obstacle."""
    session = TlsSession("mail.example.com", client_context(key_type))
    data = b""
    while not session.handshake(data):
        peer.bio_write(session.outgoing())
        try:
            peer.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            pass  # its alert is what the client is to see
        data = peer.bio_read(65536)
    return facts(session.negotiated().chain[0]).sha256


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("key_type", KeyType)
def test_it_is_served_that_one_and_turned_away_without(version: str, key_type: KeyType) -> None:
    own = LEAVES[key_type]
    (other,) = (leaf for kind, leaf in LEAVES.items() if kind is not key_type)
    assert served(server(version, other, own), key_type) == own.facts.sha256
    assert served(server(version, own, other), key_type) == own.facts.sha256
    with pytest.raises(Obstacle, match="alert"):
        served(server(version, other), key_type)
    assert served(server(version, other), None) == other.facts.sha256
