"""What is sent to see a published fault."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import TLS1_2, ContentType, ExtensionType
from letterlock.wire.tls.fault_messages import (
    change_cipher_spec,
    heartbeat_request,
    honest_heartbeat_request,
    robot_trials,
    sham_finished,
    ticketbleed_hello,
)
from letterlock.wire.tls.key_shares import SHAREABLE, random_share
from letterlock.wire.tls.records import Record, RecordReader


def record(data: bytes) -> Record:
    reader = RecordReader()
    reader.feed(data)
    unit = reader.next()
    assert isinstance(unit, Record)
    assert reader.rest() == b""
    return unit


def test_the_heartbeat_claims_more_than_it_has() -> None:
    sent = record(heartbeat_request(TLS1_2))
    assert sent.content_type == ContentType.HEARTBEAT
    claimed = int.from_bytes(sent.fragment[1:3], "big")
    assert sent.fragment[0] == 1
    assert claimed == 64 > len(sent.fragment[3:])


def test_the_honest_heartbeat_claims_what_it_has() -> None:
    sent = record(honest_heartbeat_request(TLS1_2))
    claimed = int.from_bytes(sent.fragment[1:3], "big")
    assert len(sent.fragment) == 3 + claimed + 16


def test_early_change_cipher_spec_and_sham_finished() -> None:
    assert record(change_cipher_spec(TLS1_2)) == Record(20, TLS1_2, b"\x01")
    finished = record(sham_finished(TLS1_2))
    assert (finished.content_type, len(finished.fragment)) == (22, 40)


def test_robots_five_paddings() -> None:
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    trials = robot_trials(modulus, 65537, TLS1_2)
    blocks = {
        trial.name: pow(int.from_bytes(trial.encrypted, "big"), numbers.d, modulus).to_bytes(
            256, "big"
        )
        for trial in trials
    }
    assert all(len(trial.encrypted) == 256 for trial in trials)
    assert trials[0].name == "correct"
    correct = blocks["correct"]
    assert correct.startswith(b"\x00\x02")
    assert correct[2:].index(0) == 256 - 2 - 49
    assert correct[-48:-46] == b"\x03\x03"
    wrong = blocks["wrong first bytes"]
    assert not wrong.startswith(b"\x00\x02")
    late = blocks["zero in the wrong place"]
    assert (late[:2], late[2:].index(0)) == (b"\x00\x02", 256 - 4)
    without = blocks["no zero"]
    assert without[:2] == b"\x00\x02"
    assert 0 not in without[2:]
    version = blocks["wrong version"]
    assert version[:2] == b"\x00\x02"
    assert version[-49:-46] == b"\x00\x02\x02"


def test_a_modulus_too_small() -> None:
    with pytest.raises(ValueError, match="256 bits"):
        robot_trials(2**255 + 1, 3, TLS1_2)


def test_ticketbleed() -> None:
    hello = Offer((TLS1_2,), (0xC02F,), b"x", (29,), session_ticket=b"").hello()
    asked = ticketbleed_hello(hello, b"t" * 180, b"A")
    assert asked.session_id == b"A"
    tickets = [e.data for e in asked.extensions or () if e.type == ExtensionType.SESSION_TICKET]
    assert tickets == [b"t" * 180]
    assert not 256 <= len(bytes(asked)) < 512
    for length in (0, 32):
        with pytest.raises(ValueError, match="session id"):
            ticketbleed_hello(hello, b"t", bytes(length))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(23, ec.SECP256R1()), (24, ec.SECP384R1()), (25, ec.SECP521R1())]))
def test_points_lie_on_their_curves(group: tuple[int, ec.EllipticCurve]) -> None:
    code, curve = group
    point = ec.EllipticCurvePublicKey.from_encoded_point(curve, random_share(code))
    assert point.curve.name == curve.name
    assert random_share(code) != random_share(code)


def test_sizes_of_shares() -> None:
    """RFC 8446 section 4.2.8, RFC 7919, draft-ietf-tls-ecdhe-mlkem section 4.1."""
    sizes = {code: len(random_share(code)) for code in SHAREABLE}
    assert sizes == {
        23: 65, 24: 97, 25: 133, 29: 32, 30: 56,
        256: 256, 257: 384, 258: 512, 259: 768, 260: 1024,
        512: 800, 513: 1184, 514: 1568, 0x11EB: 1249, 0x11EC: 1216, 0x11ED: 1665,
    }  # fmt: skip
    assert X25519PublicKey.from_public_bytes(random_share(29))


def test_ml_kem_keys_pass_the_modulus_check() -> None:
    """FIPS 203 section 7.2."""
    key = random_share(513)[:-32]
    for at in range(0, len(key), 3):
        pair = int.from_bytes(key[at : at + 3], "little")
        assert pair & 0xFFF < 3329
        assert pair >> 12 < 3329


def test_a_group_without_shares() -> None:
    with pytest.raises(KeyError):
        random_share(1)
