"""OpenSSL's own opinion."""

from __future__ import annotations

import subprocess
from pathlib import Path


def openssl(*arguments: str, stdin: bytes = b"", folder: Path | None = None) -> bytes:
    """Standard output of `openssl …`; fails the test where OpenSSL does."""
    done = subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
