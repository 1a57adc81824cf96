"""OpenSSL's own opinion, and the certificates that only it still makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.certs.authority import Issued


def openssl(*arguments: str, stdin: bytes = b"", folder: Path | None = None) -> bytes:
    """Standard output of `openssl …`; fails the test where OpenSSL does."""
    done = subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def resigned(issued: Issued, issuer: Issued, digest: str, folder: Path) -> bytes:
    """A certificate of the same names and key, PEM, signed with md5, sha1, …: `cryptography`
    refuses to make those."""
    (folder / "again.pem").write_bytes(issued.pem)
    (folder / "issuer.pem").write_bytes(issuer.pem)
    (folder / "issuer.key").write_bytes(issuer.key_pem)
    (folder / "extensions").write_text("subjectAltName=DNS:mail.example.com\n")
    (folder / "leaf.key").write_bytes(issued.key_pem)
    request = openssl(
        "req", "-new", "-key", "leaf.key", "-subj", "/CN=mail.example.com", folder=folder
    )
    return openssl(
        *("x509", "-req", f"-{digest}", "-CA", "issuer.pem", "-CAkey", "issuer.key"),
        *("-set_serial", "77", "-days", "3650", "-extfile", "extensions"),
        stdin=request,
        folder=folder,
    )
