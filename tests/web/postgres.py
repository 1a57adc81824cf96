"""A throw-away PostgreSQL of Debian's package: on a socket in a folder, as nobody special."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_USER = "postgres"  # of Debian's package; the server refuses to run as root


@contextmanager
def postgres() -> Iterator[str]:
    """A server with an empty database; its URL. Skips, loudly, where there is no PostgreSQL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed: scripts/setup tests")
    where = programs[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="letterlock-pg-"))
    shutil.chown(folder, _USER, _USER)
    data = folder / "data"
    try:
        _as_user(
            where / "initdb", "-D", data, "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale"
        )
        server = subprocess.Popen(
            [where / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-F"],
            user=_USER, group=_USER, extra_groups=[], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _as_user(where / "pg_isready", "-h", folder, "-t", "60", "-q", until=True)
            yield f"postgresql://{_USER}@/postgres?host={folder}"
        finally:
            server.terminate()
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_user(*argv: object, until: bool = False) -> None:
    """To its end, with success; `until`: again and again, until it has."""
    while True:
        done = subprocess.run(
            [str(each) for each in argv],
            user=_USER, group=_USER, extra_groups=[], cwd="/", env={"PATH": os.environ["PATH"]},
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode == 0:
            return
        assert until, done.stderr.decode()
