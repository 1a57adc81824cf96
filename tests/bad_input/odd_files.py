"""Every certificate, key and file that is not to be installed, by the name it gets in a folder.

The dates are real: the program under test reads the clock.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certs.authority import (
    Issued,
    fresh_key,
    key_pem,
    make_intermediate,
    make_leaf,
    make_root,
    resigned,
)

HOST = "mail.example.com"
PASSWORD = "correct horse battery staple"
ISSUER_URL = "http://ca.example/intermediate.der"
_NOW = datetime.now(UTC).replace(microsecond=0)
_DAY = timedelta(days=1)
_DATES: dict[str, Any] = {"before": _NOW - 30 * _DAY, "after": _NOW + 60 * _DAY}
_LONG: dict[str, Any] = {"before": _NOW - 3650 * _DAY, "after": _NOW + 3650 * _DAY}


def _leaf(issuer: Issued | None, *names: str, **options: Any) -> Issued:
    return make_leaf(issuer, *names, **(_DATES | options))


@cache
def odd_files() -> dict[str, bytes]:
    """File name → contents. `NAME.crt` comes with `NAME.key`, and where it needs one with
    `NAME.chain`; `root.pem` is the CA that vouches for all but `stranger`."""
    root = make_root(**_LONG)
    middle = make_intermediate(root, **_LONG)
    good = _leaf(middle)
    files = {
        "root.pem": root.pem,
        "middle.pem": middle.pem,
        "good.crt": good.pem + middle.pem,
        "good.key": good.key_pem,
        "other.key": key_pem(fresh_key()),
        "two.key": key_pem(fresh_key()) + key_pem(fresh_key()),
    }
    for name, issued in _refused(root, middle).items():
        files |= {f"{name}.crt": issued.pem + middle.pem, f"{name}.key": issued.key_pem}
    return files | _chains(root, middle) | _weak() | _wrapped(good, middle) | _no_certificates(good)


def _refused(root: Issued, middle: Issued) -> dict[str, Issued]:
    return {
        "other-host": _leaf(middle, "www.example.com", "imap.example.com"),
        "wildcard": _leaf(middle, "*.example.com"),
        "idn": _leaf(middle, "mail.xn--bcher-kva.example"),
        "expired": _leaf(middle, before=_NOW - 90 * _DAY, after=_NOW - _DAY),
        "tomorrow": _leaf(middle, before=_NOW + _DAY, after=_NOW + 90 * _DAY),
        "client": _leaf(middle, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        "rsa1024": _leaf(middle, private_key=fresh_key("rsa1024")),
        "no-names": _leaf(middle, "", subject=HOST, names=()),
        "escape": _leaf(middle, "www.example.com", subject="x\x1b[31m\nletterlock: all is well"),
    }


def _chains(root: Issued, middle: Issued) -> dict[str, bytes]:
    stranger_root = make_root("Stranger Root", **_LONG)
    stranger = _leaf(stranger_root)
    lone = _leaf(None)
    incomplete = _leaf(middle, issuer_url=ISSUER_URL)
    unnamed = _leaf(middle)
    worn = make_intermediate(root, "Worn Intermediate", before=_NOW - 9 * _DAY, after=_NOW - _DAY)
    below_worn = _leaf(worn)
    leaf_as_ca = _leaf(_leaf(root, "ca.example.com"))
    return {
        "stranger.crt": stranger.pem + stranger_root.pem,
        "stranger.key": stranger.key_pem,
        "self-signed.crt": lone.pem,
        "self-signed.key": lone.key_pem,
        "incomplete.crt": incomplete.pem,
        "incomplete.key": incomplete.key_pem,
        "unnamed.crt": unnamed.pem,
        "unnamed.key": unnamed.key_pem,
        "worn.crt": below_worn.pem + worn.pem,
        "worn.key": below_worn.key_pem,
        "leaf-as-ca.crt": leaf_as_ca.pem,
        "leaf-as-ca.key": leaf_as_ca.key_pem,
    }


def _weak() -> dict[str, bytes]:
    """Only RSA issuers have put SHA-1 and MD5 under certificates."""
    root = make_root("RSA Root", private_key=fresh_key("rsa2048"), **_LONG)
    leaf = _leaf(root)
    files = {"rsa-root.pem": root.pem, "sha1.key": leaf.key_pem, "md5.key": leaf.key_pem}
    for digest in ("sha1", "md5"):
        files[f"{digest}.crt"] = resigned(leaf, root, digest).pem
    return files


def _wrapped(good: Issued, middle: Issued) -> dict[str, bytes]:
    secret = PASSWORD.encode()
    bag = pkcs12.serialize_key_and_certificates(
        b"mail",
        good.private_key,
        good.certificate,
        [middle.certificate],
        BestAvailableEncryption(secret),
    )
    return {
        "good.p12": bag,
        "cut.p12": bag[: len(bag) // 2],
        "sealed.key": key_pem(good.private_key, secret),
        "password": secret + b"\n",
        "wrong-password": b"Tr0ub4dor&3\n",
        "empty-password": b"",
    }


def _no_certificates(good: Issued) -> dict[str, bytes]:
    lines = good.pem.splitlines(keepends=True)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(good.certificate.subject)
        .sign(good.private_key, hashes.SHA256())
    )
    key_lines = good.key_pem.splitlines(keepends=True)
    public = good.private_key.public_key()
    return {
        "empty": b"",
        "page.html": b"<!DOCTYPE html>\n<html><title>Session expired</title></html>\n",
        "request.csr": request.public_bytes(Encoding.PEM),
        "utf16.crt": good.pem.decode().encode("utf-16"),
        "cut.crt": b"Bag Attributes\n\n" + b"".join(lines[: len(lines) // 2]),
        "damaged.crt": b"".join([*lines[:4], b"ca fully qualified!\n", *lines[5:]]),
        "truncated-der.crt": good.der[:200],
        "no-frame.crt": b"".join(lines[1:-1]),
        "random.bin": random.Random(8).randbytes(4000),  # noqa: S311 the same ones each time
        "huge.pem": b"#" * (4 * 1024 * 1024 + 1),
        "public.key": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "cut.key": b"".join([*key_lines[:2], key_lines[-1]]),
        "x25519.key": key_pem(x25519.X25519PrivateKey.generate()),
        "dsa.key": key_pem(dsa.generate_private_key(key_size=1024)),  # noqa: S505 of no use
    }
