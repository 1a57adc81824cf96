"""What a CA delivers for the matrix: a leaf of either key type below two intermediates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certs.authority import Issued, issue, key, key_usage
from tests.machine import HOSTNAME

_KINDS = {"rsa": "rsa2048", "ecdsa": "p256"}


@dataclass(frozen=True, slots=True)
class Chain:
    leaf: Issued
    intermediates: tuple[Issued, ...]
    root: Issued


@cache
def chain(kind: str) -> Chain:
    """One chain per process and kind of key, all of whose keys are of that kind: RSA's are slow to
    make."""
    now = datetime.now(UTC).replace(microsecond=0)
    before, after = now - timedelta(hours=1), now + timedelta(days=89)

    def authority(number: int, parent: Issued | None) -> Issued:
        name = f"Example {kind.upper()} CA {number}"
        own = key(_KINDS[kind], 9000 + number)
        return issue(
            name,
            parent,
            private_key=own,
            before=before,
            after=after,
            ca=True,
            usage=key_usage(key_cert_sign=True, crl_sign=True),
        )

    root = authority(0, None)
    policy = authority(1, root)
    issuing = authority(2, policy)
    leaf = issue(
        HOSTNAME,
        issuing,
        names=[HOSTNAME],
        private_key=key(_KINDS[kind], 9003),
        before=before,
        after=after,
        ca=False,
        usage=key_usage(digital_signature=True),
        purposes=[ExtendedKeyUsageOID.SERVER_AUTH],
    )
    return Chain(leaf, (policy, issuing), root)


def deliver(folder: Path, kinds: tuple[str, ...]) -> tuple[tuple[str, ...], Path]:
    """Write what `secure` is given for these kinds of keys: its options, and the file with the
    roots that clients trust."""
    options: list[str] = []
    roots = folder / "roots.pem"
    roots.write_bytes(b"".join(chain(kind).root.pem for kind in kinds))
    for kind in kinds:
        made = chain(kind)
        certificate, bundle, secret = (folder / f"{kind}.{end}" for end in ("crt", "bundle", "key"))
        certificate.write_bytes(made.leaf.pem)
        bundle.write_bytes(b"".join(one.pem for one in made.intermediates))
        secret.touch(0o600)
        secret.write_bytes(made.leaf.key_pem)
        options += ["--cert", str(certificate), "--chain", str(bundle), "--key", str(secret)]
    return (*options, "--ca-file", str(roots)), roots
