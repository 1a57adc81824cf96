"""Configurations that strangers published, read where they lie."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not ROOT.is_dir(), reason=f"the corpus is not at {ROOT}")


def files(folder: str) -> list[Path]:
    """The corpus's files of one kind: main, master, dovecot."""
    return sorted((ROOT / folder).glob("*.c*"))


def trees() -> list[Path]:
    """The folders that hold a whole /etc/dovecot."""
    return sorted(path.parent for path in (ROOT / "trees").glob("*/dovecot.conf"))


def dovecot_styles() -> dict[str, str]:
    """Which generation each Dovecot file is of, by its name in the corpus."""
    if not ROOT.is_dir():
        return {}
    rows = (line.split("\t") for line in (ROOT / "INDEX.tsv").read_text().splitlines()[1:])
    return {row[0]: row[5] for row in rows}


def old(path: Path, data: bytes) -> Path:
    """Write a file with an old date: Postfix waits two seconds before it reads a fresh one."""
    path.write_bytes(data)
    os.utime(path, (1, 1))
    return path


def run(argv: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    """A program of the server's own, in the C locale."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    return subprocess.run([str(each) for each in argv], capture_output=True, env=environment)


def text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")
