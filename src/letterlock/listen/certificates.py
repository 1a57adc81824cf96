"""What each trap serves: the certificate that was given where it is the name, the record or the
policy that is wrong, and throw-away ones, in memory only, where it is the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from letterlock.certs.bundle import Bundle
from letterlock.certs.keys import SealedKey, ServerKey
from letterlock.certs.material import parse
from letterlock.certs.x509 import load
from letterlock.listen.addresses import Names
from letterlock.listen.seen import SeenTls
from letterlock.model.listening import Trap


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain, leaf first, and the leaf's key."""

    chain: tuple[x509.Certificate, ...]
    key: ServerKey


def identity(bundle: Bundle) -> Identity:
    (sealed,) = parse(bundle.key_pem, "the key").keys
    key = sealed.unlock(None) if isinstance(sealed, SealedKey) else sealed
    return Identity(tuple(load(each.der) for each in (bundle.leaf, *bundle.chain)), key.key)


Contexts = Mapping[Trap, SSL.Context]


def identities(
    names: Names, good: Identity, expired: Identity | None, now: datetime | None = None
) -> dict[Trap, Identity]:
    """For each trap that speaks TLS. `expired` is a certificate of a public CA that has run out,
    for a sender to have nothing else against it; without it a throw-away CA makes one, which
    senders refuse as unknown too."""
    at = now or datetime.now(UTC)
    return {
        Trap.GOOD: good,
        Trap.WRONG_NAME: good,
        Trap.TLSA_MISMATCH: good,
        Trap.EXPIRED: expired or _from_throw_away_ca(names.host(Trap.EXPIRED), at),
        Trap.SELF_SIGNED: _self_signed(names.host(Trap.SELF_SIGNED), at),
        Trap.MTA_STS: _self_signed(names.host(Trap.MTA_STS), at),
    }


def _self_signed(host: str, at: datetime) -> Identity:
    key = _new_key()
    lives = (at - timedelta(days=1), at + timedelta(days=90))
    certificate = _leaf(host, key, _name(host), lives).sign(key, hashes.SHA256())
    return Identity((certificate,), key)


def _from_throw_away_ca(host: str, at: datetime) -> Identity:
    """Expired yesterday, its issuer living."""
    authority_key = _new_key()
    issuer = _name("letterlock listen, throw-away CA")
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), at - timedelta(99), at + timedelta(99))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = _new_key()
    lives = (at - timedelta(days=91), at - timedelta(days=1))
    leaf = _leaf(host, key, issuer, lives).sign(authority_key, hashes.SHA256())
    return Identity((leaf, authority), key)


def _new_key() -> rsa.RSAPrivateKey:
    """Of the kind that the oldest sender takes, too: what it refuses is the certificate."""
    return rsa.generate_private_key(65537, 2048)


def _name(common_name: str) -> x509.Name:
    # A common name has 64 characters at most (RFC 5280 appendix A.1).
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _leaf(
    host: str, key: rsa.RSAPrivateKey, issuer: x509.Name, lives: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        _builder(_name(host), issuer, key.public_key(), *lives)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def contexts(by_trap: Mapping[Trap, Identity]) -> Contexts:
    """A server's context for each. All that OpenSSL can do is offered, weak and legacy too: the
    sender's wish is seen and decides; nothing here is secret. No session is taken up again, so that
    each handshake is whole."""
    return {trap: _context(identity) for trap, identity in by_trap.items()}


def _context(identity: Identity) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(0)
    context.set_cipher_list(b"DEFAULT:ALL:!aNULL:!eNULL:@SECLEVEL=0")
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(SSL.VERIFY_NONE)
    context.use_certificate(identity.chain[0])
    for certificate in identity.chain[1:]:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(identity.key)
    context.set_info_callback(_tell)
    return context


def _tell(connection: SSL.Connection, where: int, returned: int) -> None:
    seen = connection.get_app_data()
    if isinstance(seen, SeenTls):
        seen.info(where, returned)


def choosing(by_trap: Contexts, names: Names, good: Identity) -> SSL.Context:
    """For an address that several traps share: the certificate is chosen by SNI (RFC 6066 section
    3), the good one without; the SeenTls of the connection is told which."""

    def choose(connection: SSL.Connection) -> None:
        sent = connection.get_servername()
        trap = names.trap_of_host(sent.decode("ascii", "replace")) if sent else None
        seen = connection.get_app_data()
        if trap is not None and trap in by_trap and isinstance(seen, SeenTls):
            connection.set_context(by_trap[trap])
            seen.trap = trap

    context = _context(good)
    context.set_tlsext_servername_callback(choose)
    return context
