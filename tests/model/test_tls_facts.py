"""What a full handshake showed outweighs what a hello did not."""

from __future__ import annotations

from letterlock.model.tls_facts import Depth, ProtocolFacts, TlsFacts
from letterlock.model.unknown import Unknown

SUITE = "TLS_AES_128_GCM_SHA256"


def facts(offered: bool | Unknown, name: str = "TLSv1.3", *suites: str) -> TlsFacts:
    return TlsFacts(Depth.FULL, (ProtocolFacts(name, offered, suites, complete=True),))


def test_a_version_that_was_agreed_on_is_offered() -> None:
    for before in (False, Unknown("hung up")):
        now = facts(before).with_seen("TLSv1.3", SUITE).protocols[0]
        assert now.offered is True
        assert now.cipher_suites == (SUITE,)
        assert not now.complete


def test_tls_1_0_by_either_of_its_names() -> None:
    seen = facts(False, "TLSv1").with_seen("TLSv1.0", SUITE)
    assert seen.protocols[0].offered is True


def test_what_is_known_better_stays() -> None:
    known = facts(True, "TLSv1.3", SUITE)
    assert known.with_seen("TLSv1.3", SUITE) == known
    other = facts(False, "TLSv1.2")
    assert other.with_seen("TLSv1.3", SUITE) == other
