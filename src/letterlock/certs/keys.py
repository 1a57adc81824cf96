"""Private keys: unlocked only when needed, shown never."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from letterlock.certs.errors import CertificateError
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location

#: Given the file's path, the password that opens it. Asked only where one is needed.
Password = Callable[[str], bytes]

#: The kinds of key that a TLS server can sign a handshake with.
ServerKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key out of its wrapping, and where it came from; `repr` does not show it."""

    key: ServerKey = field(repr=False)
    where: Location

    @property
    def spki_sha256(self) -> str:
        """The SHA-256 of its public half, as `Certificate.spki_sha256`."""
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def spki(self) -> bytes:
        """Its public half as SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def belongs_to(self, certificate: Certificate) -> bool:
        """Whether this is the key of a certificate. Compared as numbers, since one key can be
        written in several ways (compressed points, missing parameters)."""
        if certificate.spki_sha256 == self.spki_sha256:
            return True
        from letterlock.certs.x509 import load

        try:
            return load(certificate.der).public_key() == self.key.public_key()
        except (ValueError, UnsupportedAlgorithm, CertificateError):
            return False

    def pkcs8_pem(self) -> bytes:
        """The key in the clear, as PKCS#8 PEM (RFC 5958): secret."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A private key as found in a file, perhaps encrypted, not opened yet."""

    content: bytes = field(repr=False)
    is_pem: bool
    where: Location

    def unlock(self, password: Password | None) -> PrivateKey:
        """The key itself. Raises CertificateError when no password is to be had or it does not
        fit, or when the key is damaged or of a kind no TLS server uses."""
        try:
            return self._load(None)
        except TypeError:
            pass  # cryptography's word for: it is encrypted
        if password is None:
            raise CertificateError(
                "the private key is encrypted and no password was given",
                where=self.where,
                remedy="use --password-file or --password-env",
            )
        secret = password(self.where.path)
        if not secret:
            raise CertificateError("the password is empty", where=self.where)
        return self._load(secret)

    def _load(self, secret: bytes | None) -> PrivateKey:
        load = (
            serialization.load_pem_private_key
            if self.is_pem
            else serialization.load_der_private_key
        )
        try:
            return server_key(load(self.content, secret), self.where)
        except UnsupportedAlgorithm as error:
            raise CertificateError(
                "the private key is of a kind or under a cipher that is not supported",
                where=self.where,
                remedy="convert it with openssl pkcs8 -topk8",
            ) from error
        except ValueError as error:
            fault = "is damaged" if secret is None else "does not open with this password"
            raise CertificateError(f"the private key {fault}", where=self.where) from error


def server_key(key: PrivateKeyTypes, where: Location) -> PrivateKey:
    """Raises CertificateError for keys that sign no handshake: Diffie-Hellman, DSA, X25519."""
    if not isinstance(key, ServerKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise CertificateError(
            f"is a key of kind {kind}, which is no use to a TLS server",
            where=where,
            remedy="make one with letterlock cert csr",
        )
    return PrivateKey(key, where)
