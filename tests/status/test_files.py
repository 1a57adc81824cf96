"""Files of another root: links, odd kinds, and who may read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from letterlock.certs.errors import CertificateError
from letterlock.install.permissions import close_to_others
from letterlock.model.errors import LetterlockError
from letterlock.status.files import Files
from tests.certs.authority import fresh_key, hierarchy, key_pem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path


def put(root: Path, path: str, contents: bytes, mode: int = 0o600) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(contents)
    file.chmod(mode)


def test_an_absolute_link_stays_inside_the_root(root: Path) -> None:
    put(root, "/archive/cert1.pem", hierarchy().leaf.pem)
    (root / "live.pem").symlink_to("/archive/cert1.pem")
    assert len(Files(root).material("/live.pem").certificates) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.symlink_to("x.pem"), "lead in a circle"),
        (lambda path: path.symlink_to("/gone"), "no such file"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"\0" * 9_000_000), "is larger than"),
        (lambda path: path.write_bytes(b"hello"), ""),
    ],
)
def test_what_is_no_certificate_says_where(root: Path, make: object, said: str) -> None:
    make(root / "x.pem")  # type: ignore[operator]
    with pytest.raises(LetterlockError) as caught:
        Files(root).material("/x.pem")
    assert said in str(caught.value)
    assert str(caught.value).startswith("/x.pem")


def test_open_to_all_needs_folders_that_let_pass(root: Path) -> None:
    put(root, "/private/a.key", key_pem(fresh_key()), 0o644)
    (root / "private").chmod(0o755)
    assert Files(root).open_to_all("/private/a.key") == 0o644
    assert Files(root).holds_key("/private/a.key")
    (root / "private").chmod(0o750)
    assert Files(root).open_to_all("/private/a.key") is None
    (root / "private").chmod(0o755)
    put(root, "/private/a.key", key_pem(fresh_key()), 0o640)
    assert Files(root).open_to_all("/private/a.key") is None


def test_a_sealed_key_gives_nothing_away(root: Path) -> None:
    put(root, "/a.key", key_pem(fresh_key(), b"secret"), 0o644)
    assert not Files(root).holds_key("/a.key")


def test_closing_takes_nothing_but_the_rights_of_others(root: Path) -> None:
    put(root, "/a.key", b"key", 0o646)
    (root / "link").symlink_to("/a.key")
    close_to_others(root, "/link")
    file = root / "a.key"
    assert (file.stat().st_mode & 0o7777, file.read_bytes()) == (0o640, b"key")
    close_to_others(root, "/a.key")
    assert file.stat().st_mode & 0o7777 == 0o640
    os.mkfifo(root / "pipe")
    with pytest.raises(LetterlockError, match="is not a regular file"):
        close_to_others(root, "/pipe")


def test_reading_is_remembered(root: Path) -> None:
    put(root, "/a.pem", hierarchy().leaf.pem)
    files = Files(root)
    files.material("/a.pem")
    (root / "a.pem").unlink()
    assert files.contents("/a.pem") == hierarchy().leaf.pem
    with pytest.raises(CertificateError):
        Files(root).contents("/a.pem")
