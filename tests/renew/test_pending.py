"""What is kept until it is served."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from letterlock.certs.bundle import CertificateFiles
from letterlock.certs.errors import CertificateError
from letterlock.install import disk
from letterlock.install.state import StateFolder
from letterlock.model.errors import RefusedError
from letterlock.renew import pending
from letterlock.renew.handover import Embedded, Handover
from tests.certs.authority import NOW, fresh_key, hierarchy, make_leaf

MAIL = "mail.example.com"


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "root")


def handover(
    folder: Path, *names: str, age: int = 0, kind: str = "p256", host: str | None = None
) -> Handover:
    made = hierarchy()
    one = make_leaf(
        made.intermediate, *(names or (MAIL,)), private_key=fresh_key(kind),
        before=NOW - timedelta(days=age),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key, chain = folder / "cert.pem", folder / "key.pem", folder / "chain.pem"
    certificate.write_bytes(one.pem)
    key.write_bytes(one.key_pem)
    chain.write_bytes(made.intermediate.pem)
    files = CertificateFiles(str(certificate), str(key), (str(chain),))
    return Handover("certbot", (names or (MAIL,))[0], files, host)


def test_kept_private_and_whole(state: StateFolder, tmp_path: Path) -> None:
    given = handover(tmp_path / "live", host=MAIL)
    kept = pending.keep(state, given)
    assert pending.pending(state) == (kept,)
    assert kept.reason == pending.UNDER_WAY
    assert (kept.names, kept.handover.host, kept.copied) == ((MAIL,), MAIL, True)
    copies = kept.handover.contents
    assert isinstance(copies, CertificateFiles) and isinstance(given.contents, CertificateFiles)
    for ours, theirs in zip(
        (copies.certificate, copies.key, *copies.chain),
        (given.contents.certificate, given.contents.key, *given.contents.chain),
        strict=True,
    ):
        assert ours and theirs
        assert Path(ours).read_bytes() == Path(theirs).read_bytes()
        assert Path(ours).stat().st_mode & 0o077 == 0
    assert (state.path / "pending").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in repr(kept)
    pending.done(state, kept)
    assert pending.pending(state) == ()


def test_failures_are_counted_and_told(state: StateFolder, tmp_path: Path) -> None:
    kept = pending.keep(state, handover(tmp_path / "live"))
    pending.failed(state, kept, "port 25: no", again=False)
    (once,) = pending.pending(state)
    pending.failed(state, once, "port 587: no", again=True)
    (twice,) = pending.pending(state)
    assert (once.attempts, once.reason) == (1, "port 25: no")
    assert (twice.attempts, twice.reason, twice.since) == (2, "port 587: no", kept.since)


def test_of_the_same_names_the_newest(state: StateFolder, tmp_path: Path) -> None:
    older = pending.keep(state, handover(tmp_path / "a", age=3))
    newer = pending.keep(state, handover(tmp_path / "b", MAIL, "imap.example.com", age=2))
    other_key = pending.keep(state, handover(tmp_path / "c", age=1, kind="rsa2048"))
    other_name = pending.keep(state, handover(tmp_path / "d", "www.example.com", age=1))
    late = pending.keep(state, handover(tmp_path / "e", age=9))
    found = pending.pending(state)
    assert [one.id for one in found] == [newer.id, other_key.id, other_name.id]
    pending.done(state, newer)
    assert {one.id for one in pending.pending(state)} == {other_key.id, other_name.id}
    assert not any((state.path / "pending" / one.id).exists() for one in (older, late))


def test_one_for_a_host_is_none_for_all(state: StateFolder, tmp_path: Path) -> None:
    pending.keep(state, handover(tmp_path / "a", age=3, host=MAIL))
    pending.keep(state, handover(tmp_path / "b", age=2))
    assert len(pending.pending(state)) == 2


def test_what_it_is_for_is_its_leafs_to_say(state: StateFolder, tmp_path: Path) -> None:
    given = handover(tmp_path / "live")
    assert isinstance(given.contents, CertificateFiles)
    certificate = Path(given.contents.certificate)
    certificate.write_bytes(hierarchy().intermediate.pem + certificate.read_bytes())
    assert pending.keep(state, given).names == (MAIL,)


def test_what_stood_in_another_file(state: StateFolder) -> None:
    made = hierarchy()
    chain = made.leaf.pem + made.intermediate.pem
    kept = pending.keep(state, Handover("traefik", MAIL, Embedded(chain, made.leaf.key_pem)))
    assert isinstance(kept.handover.contents, CertificateFiles)
    assert Path(kept.handover.contents.certificate).read_bytes() == chain


def test_files_that_cannot_be_read_are_remembered_by_name(
    state: StateFolder, tmp_path: Path
) -> None:
    given = handover(tmp_path / "live")
    assert isinstance(given.contents, CertificateFiles) and given.contents.key
    key = Path(given.contents.key)
    contents = key.read_bytes()
    key.unlink()
    with pytest.raises(CertificateError, match=r"key\.pem: no such file"):
        pending.keep(state, given)
    pending.keep(state, given, unread=True)
    kept = pending.keep(state, given, unread=True)
    certificate = Path(given.contents.certificate)
    certificate.rename(tmp_path / "away")
    assert [each.id for each in pending.pending(state)] == [kept.id], "of one subject the newest"
    (tmp_path / "away").rename(certificate)
    assert (kept.copied, kept.handover.contents) == (False, given.contents)
    key.write_bytes(contents)
    assert kept in pending.pending(state)


def test_a_full_disk_takes_the_reserve(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = handover(tmp_path / "live")
    pending.prepare(state)
    reserve = state.path / "pending/.reserve"
    assert reserve.stat().st_size > 64 * 1024
    write = disk.write_private

    def full(path: Path, contents: bytes) -> None:
        if reserve.exists():
            raise OSError(28, os.strerror(28), str(path))
        write(path, contents)

    monkeypatch.setattr(disk, "write_private", full)
    kept = pending.keep(state, given)
    assert not reserve.exists()
    assert pending.pending(state) == (kept,)
    monkeypatch.undo()
    pending.done(state, kept)
    assert reserve.exists(), "there is one for the next time"


def test_a_disk_that_fails_takes_no_reserve(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending.prepare(state)

    def failing(path: Path, _contents: bytes) -> None:
        raise OSError(5, os.strerror(5), str(path))

    monkeypatch.setattr(disk, "write_private", failing)
    with pytest.raises(RefusedError, match="cannot be kept"):
        pending.keep(state, handover(tmp_path / "live"))
    assert (state.path / "pending/.reserve").exists()


def test_half_written_is_not_there_and_goes_in_time(state: StateFolder, tmp_path: Path) -> None:
    kept = pending.keep(state, handover(tmp_path / "live"))
    half = state.path / "pending/20200101T000000000000Z-aaaa"
    half.mkdir()
    (half / "key.pem").write_bytes(b"key")
    being_written = state.path / "pending/20991231T000000000000Z-bbbb"
    being_written.mkdir()
    (state.path / "pending" / kept.id / "record.json.new").write_bytes(b"{")
    pending.failed(state, kept, "port 25: no", again=True)
    (kept,) = pending.pending(state)
    assert kept.reason == "port 25: no"
    pending.keep(state, handover(tmp_path / "other", "www.example.com"))
    assert (half.exists(), being_written.exists()) == (False, True)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b'{"client": 1}',
        b"\xff\x00",
        b"[" * 5000,
        b'{"client":"c","subject":"s","since":"yesterday","tried":"","attempts":1,"reason":""}',
        b'{"client":"c","subject":"s","since":"2026-11-01T00:00:00",'
        b'"tried":"2026-11-01T00:00:00+00:00","attempts":1,"reason":""}',
        b'{"client":"c","subject":"s","since":"2026-11-01T00:00:00+00:00",'
        b'"tried":"2026-11-01T00:00:00+00:00","attempts":1,"reason":"","host":"no host"}',
    ],
)
def test_a_damaged_record_is_told_and_hides_no_other(
    state: StateFolder, tmp_path: Path, record: bytes
) -> None:
    hurt = pending.keep(state, handover(tmp_path / "live"))
    whole = pending.keep(state, handover(tmp_path / "other", "www.example.com"))
    place = state.path / "pending" / hurt.id
    (place / "record.json").write_bytes(record)
    found = pending.waiting(state)
    assert found.pending == (whole,)
    (damaged,) = found.damaged
    assert (damaged.path, damaged.reason.startswith("is damaged: ")) == (place, True)
    pending.done(state, whole)
    assert (place / "record.json").read_bytes() == record, "nothing of it is thrown away"


def test_what_is_no_folder_is_damaged_too(state: StateFolder, tmp_path: Path) -> None:
    pending.prepare(state)
    (state.path / "pending/file").write_bytes(b"x")
    (state.path / "pending/folder/record.json").mkdir(parents=True)
    reasons = [(each.path.name, each.reason) for each in pending.waiting(state).damaged]
    assert reasons == [
        ("file", "cannot be read: Not a directory"),
        ("folder", "cannot be read: Is a directory"),
    ]


def test_a_folder_that_is_none(state: StateFolder) -> None:
    state.prepare()
    (state.path / "pending").write_bytes(b"x")
    with pytest.raises(RefusedError, match="cannot be read"):
        pending.waiting(state)
