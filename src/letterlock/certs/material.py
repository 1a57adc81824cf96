"""Certificates and keys as CAs and people deliver them: PEM in any state, DER, PKCS#7, PKCS#12."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_public_key,
    pkcs7,
    pkcs12,
)

from letterlock.certs import der, pem
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import Password, PrivateKey, SealedKey, server_key
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location

# Windows writes PKCS#7 in BER; that it had to be read as such helps no one.
warnings.filterwarnings("ignore", message="PKCS#7 certificates could not be parsed as DER")

#: The most bytes a file may have. All of Mozilla's roots together have 250 kB.
LARGEST_FILE = 4 * 1024 * 1024

_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_PKCS7 = ("PKCS7", "CMS", "PKCS #7 SIGNED DATA")
_KEYS = (
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
)
#: PEM labels of what is neither, as a person would call it.
_OTHERS = {
    "CERTIFICATE REQUEST": "a certificate signing request",
    "NEW CERTIFICATE REQUEST": "a certificate signing request",
    "PUBLIC KEY": "a public key",
    "RSA PUBLIC KEY": "a public key",
    "X509 CRL": "a revocation list",
    "EC PARAMETERS": "EC parameters",
    "DH PARAMETERS": "Diffie-Hellman parameters",
    "OPENSSH PRIVATE KEY": "an OpenSSH key",
}


@dataclass(frozen=True, slots=True)
class LoadedCertificate:
    """A certificate and where it stood."""

    certificate: Certificate
    where: Location


@dataclass(frozen=True, slots=True)
class Other:
    """Something that is neither certificate nor private key: `kind` is `a public key`, …"""

    kind: str
    where: Location


@dataclass(frozen=True, slots=True)
class Material:
    """What one or several files hold, in their order."""

    certificates: tuple[LoadedCertificate, ...] = ()
    keys: tuple[SealedKey | PrivateKey, ...] = ()
    others: tuple[Other, ...] = ()

    @classmethod
    def together(cls, parts: Iterable[Material]) -> Material:
        parts = tuple(parts)
        return cls(
            tuple(one for part in parts for one in part.certificates),
            tuple(one for part in parts for one in part.keys),
            tuple(one for part in parts for one in part.others),
        )


def read(path: str | Path, password: Password | None = None) -> Material:
    """What the file `path` holds. The password provider is asked for PKCS#12 only; encrypted keys
    stay sealed until `SealedKey.unlock`.

    Raises CertificateError, in one line with the file and where known the line, for a file that
    cannot be read, is larger than LARGEST_FILE, or holds nothing of the kind."""
    return parse(read_bytes(path), str(path), password)


def read_bytes(path: str | Path) -> bytes:
    """A file's bytes, at most LARGEST_FILE. Raises CertificateError."""
    where = Location(str(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise CertificateError("no such file", where=where) from None
    except IsADirectoryError:
        raise CertificateError("is a folder, not a file", where=where) from None
    except PermissionError:
        raise CertificateError("may not be read", where=where, remedy="run as root") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CertificateError(f"cannot be read ({reason})", where=where) from None
    if len(data) > LARGEST_FILE:
        raise CertificateError(f"is larger than {LARGEST_FILE // 1024} KiB", where=where)
    return data


def parse(data: bytes, path: str, password: Password | None = None) -> Material:
    """The same for bytes already read; `path` names them in errors and notices."""
    if pem.has_blocks(data):
        blocks = pem.blocks(data, path)
        if blocks:
            return Material.together(_from_block(block) for block in blocks)
    if data[:1] == b"\x30":
        return _from_der(data, Location(path), password)
    raise _text_instead(data, Location(path))


def _from_block(block: pem.Block) -> Material:
    if block.label in _CERTIFICATES:
        content = block.content
        if block.label == "TRUSTED CERTIFICATE":
            content = der.first(content).whole  # OpenSSL's own trust settings follow
        return Material(certificates=(_certificate(content, block.where),))
    if block.label in _PKCS7:
        return _from_pkcs7(block.content, block.where)
    if block.label in _KEYS:
        return Material(keys=(SealedKey(block.armoured(), True, block.where),))
    kind = _OTHERS.get(block.label, f"a block {block.label}")
    return Material(others=(Other(kind, block.where),))


def _certificate(content: bytes, where: Location) -> LoadedCertificate:
    try:
        return LoadedCertificate(facts(content), where)
    except CertificateError as error:
        raise CertificateError(
            error.what, where=where, remedy="fetch it from the CA again"
        ) from error


def _from_der(data: bytes, where: Location, password: Password | None) -> Material:
    """DER says nothing of what it is but by its shape."""
    body = _content_start(data)
    if data[body : body + 3] == b"\x02\x01\x03":
        return _from_pkcs12(data, where, password)
    if data[body : body + 1] == b"\x06":
        return _from_pkcs7(data, where)
    data = _without_final_space(data)
    if data[body : body + 1] == b"\x02" or _is_encrypted_pkcs8(data):
        return Material(keys=(SealedKey(data, False, where),))
    other = _other_der(data)
    if other:
        return Material(others=(Other(other, where),))
    return Material(certificates=(_certificate(data, where),))


def _content_start(data: bytes) -> int:
    """Where the contents of the outermost element begin, definite length (DER) or not (BER)."""
    length = data[1] if len(data) > 1 else 0
    return 2 + (length - 0x80 if length > 0x80 else 0)


def _without_final_space(data: bytes) -> bytes:
    try:
        whole = der.first(data).whole
    except CertificateError:
        return data
    return whole if not data[len(whole) :].strip() else data


def _is_encrypted_pkcs8(data: bytes) -> bool:
    """EncryptedPrivateKeyInfo: an algorithm and an OCTET STRING (RFC 5958 section 3)."""
    try:
        return [one.tag for one in der.elements(der.first(data).content)] == [0x30, 0x04]
    except CertificateError:
        return False


def _other_der(data: bytes) -> str | None:
    for kind, load in (
        ("a certificate signing request", x509.load_der_x509_csr),
        ("a public key", load_der_public_key),
        ("a revocation list", x509.load_der_x509_crl),
    ):
        try:
            load(data)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
        return kind
    return None


def _from_pkcs7(data: bytes, where: Location) -> Material:
    try:
        found = pkcs7.load_der_pkcs7_certificates(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("PKCS#7 data that cannot be read", where=where) from error
    if not found:
        raise CertificateError("the PKCS#7 data hold no certificate", where=where)
    return Material(
        certificates=tuple(_certificate(one.public_bytes(Encoding.DER), where) for one in found)
    )


def _from_pkcs12(data: bytes, where: Location, password: Password | None) -> Material:
    opened = _open_pkcs12(data, where, (None, b""))
    if opened is None and password is None:
        raise CertificateError(
            "the PKCS#12 file is encrypted and no password was given",
            where=where,
            remedy="use --password-file or --password-env",
        )
    if opened is None and password is not None:
        opened = _open_pkcs12(data, where, (password(where.path),))
    if opened is None:
        raise CertificateError(
            "the PKCS#12 file is damaged or does not open with this password", where=where
        )
    bags = [opened.cert, *opened.additional_certs]
    certificates = tuple(
        _certificate(bag.certificate.public_bytes(Encoding.DER), where) for bag in bags if bag
    )
    keys = (server_key(opened.key, where),) if opened.key else ()
    return Material(certificates=certificates, keys=keys)


def _open_pkcs12(
    data: bytes, where: Location, passwords: tuple[bytes | None, ...]
) -> pkcs12.PKCS12KeyAndCertificates | None:
    for password in passwords:
        try:
            return pkcs12.load_pkcs12(data, password)
        except (ValueError, TypeError):
            continue
        except UnsupportedAlgorithm as error:
            raise CertificateError(
                "the PKCS#12 file is under a cipher that is not supported",
                where=where,
                remedy="export it again with AES",
            ) from error
    return None


def _text_instead(data: bytes, where: Location) -> CertificateError:
    """What stands there instead, for the files seen in support forums."""
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if not data.strip():
        what, remedy = "is empty", None
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"-\0-\0-\0" in data:
        what, remedy = "is UTF-16 text", "save it as plain ASCII"
    elif head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        what, remedy = "is a web page, not a certificate or key", "download the file itself"
    elif head.startswith(b"mii") and re.fullmatch(rb"[A-Za-z0-9+/=\s]+", data):
        what, remedy = "has lost its BEGIN and END lines", "put them back, or fetch it again"
    else:
        what, remedy = "holds no certificate and no key", "give a PEM, DER, PKCS#7 or PKCS#12 file"
    return CertificateError(what, where=where, remedy=remedy)
