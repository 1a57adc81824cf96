"""Where certificates are put: planned changes, applied here by the plainest means."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.errors import CertificateError
from letterlock.certs.store import Layout, StoredCertificate, folder_name, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange
from tests.certs.authority import NOW, Issued, hierarchy, make_leaf

MAIL = "mail.example.com"


def _bundle(folder: Path, leaf: Issued) -> Bundle:
    tree = hierarchy()
    (folder / "in").mkdir(exist_ok=True)
    for name, content in (
        ("leaf", leaf.pem),
        ("key", leaf.key_pem),
        ("chain", tree.intermediate.pem),
    ):
        (folder / "in" / name).write_bytes(content)
    files = CertificateFiles(
        str(folder / "in/leaf"), str(folder / "in/key"), (str(folder / "in/chain"),)
    )
    return prepare(files, None, TrustStore.of([tree.root.facts]), NOW)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return _bundle(tmp_path, hierarchy().leaf)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc/ssl").mkdir(parents=True)
    return tmp_path / "root"


def apply_changes(changes: tuple[Change, ...], root: Path) -> None:
    """In order; each must find what it says was there."""
    for change in changes:
        path = root / str(change.path).lstrip("/")
        match change:
            case DirectoryChange():
                path.mkdir(mode=change.mode)
            case FileChange():
                assert (path.read_bytes() if path.exists() else None) == change.before
                assert change.after is not None
                path.write_bytes(change.after)
                if change.before is None:
                    path.chmod(change.mode)
            case LinkChange():
                assert (str(path.readlink()) if path.is_symlink() else None) == change.before
                path.unlink(missing_ok=True)
                assert change.after is not None
                path.symlink_to(change.after)


def _seen(stored: str, root: Path) -> bytes:
    return (root / stored.lstrip("/")).read_bytes()


def test_first_version(bundle: Bundle, root: Path) -> None:
    stored = plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root)
    assert stored.version
    assert stored.version.startswith("20261122T120000Z-")
    folder = f"/etc/ssl/letterlock/{MAIL}"
    assert stored.primary.certificate_file == f"{folder}/current/fullchain.pem"
    assert stored.primary.key_file == f"{folder}/current/key.pem"
    assert stored.primary.combined_file is None
    assert [str(change.path) for change in stored.changes] == [
        "/etc/ssl/letterlock",
        folder,
        f"{folder}/{stored.version}",
        f"{folder}/{stored.version}/fullchain.pem",
        f"{folder}/{stored.version}/key.pem",
        f"{folder}/{stored.version}/combined.pem",
        f"{folder}/current",
    ]
    apply_changes(stored.changes, root)
    assert _seen(stored.primary.certificate_file, root) == bundle.fullchain_pem
    assert _seen(stored.primary.key_file, root) == bundle.key_pem
    assert _seen(f"{folder}/current/combined.pem", root) == bundle.combined_pem


def test_keys_are_secret_and_guarded(bundle: Bundle, root: Path) -> None:
    for layout in Layout:
        for options in ({}, {"certificate_folder": "/etc/ssl/certs"}):
            stored = plan_store(MAIL, (bundle,), layout, NOW, root, **options)
            holding = [
                change
                for change in stored.changes
                if isinstance(change, FileChange) and b"PRIVATE" in (change.after or b"")
            ]
            assert holding
            for change in holding:
                assert change.mode == 0o600
                assert change.secret
            shown = repr(stored)
            assert bundle.key_pem.split(b"\n")[1].decode() not in shown


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("fixed", [False, True])
def test_second_time_changes_nothing(
    layout: Layout, fixed: bool, bundle: Bundle, root: Path
) -> None:
    def plan(days: int) -> StoredCertificate:
        return plan_store(
            MAIL,
            (bundle,),
            layout,
            NOW + timedelta(days=days),
            root,
            certificate_folder="/etc/ssl/certs" if fixed else None,
        )

    first = plan(0)
    apply_changes(first.changes, root)
    again = plan(1)
    assert again.changes == ()
    assert (
        again.primary.certificate_file,
        again.primary.key_file,
        again.primary.combined_file,
        again.version,
    ) == (
        first.primary.certificate_file,
        first.primary.key_file,
        first.primary.combined_file,
        first.version,
    )


def test_renewal_switches_one_link(bundle: Bundle, root: Path, tmp_path: Path) -> None:
    first = plan_store(MAIL, (bundle,), Layout.COMBINED, NOW, root)
    apply_changes(first.changes, root)
    renewed = _bundle(tmp_path, make_leaf(hierarchy().intermediate))
    second = plan_store(MAIL, (renewed,), Layout.COMBINED, NOW + timedelta(days=60), root)
    assert second.primary.combined_file == first.primary.combined_file
    assert (
        second.primary.certificate_file == second.primary.key_file == second.primary.combined_file
    )
    link = second.changes[-1]
    assert isinstance(link, LinkChange)
    assert (link.before, link.after) == (first.version, second.version)
    assert first.version is not None and second.version is not None
    assert first.version < second.version, "names sort by time"
    apply_changes(second.changes, root)
    assert second.primary.combined_file
    assert _seen(second.primary.combined_file, root) == renewed.combined_pem
    old = root / f"etc/ssl/letterlock/{MAIL}/{first.version}/combined.pem"
    assert old.read_bytes() == bundle.combined_pem, "the version before stays"


@pytest.mark.parametrize("spoilt", ["mode", "bytes", "missing"])
def test_spoilt_version_is_made_anew(spoilt: str, bundle: Bundle, root: Path) -> None:
    first = plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root)
    apply_changes(first.changes, root)
    key = root / first.primary.key_file.lstrip("/")
    match spoilt:
        case "mode":
            key.chmod(0o644)
        case "bytes":
            key.write_bytes(b"something else")
        case _:
            key.unlink()
    second = plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW + timedelta(hours=1), root)
    assert second.version != first.version
    apply_changes(second.changes, root)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes() == bundle.key_pem


def test_guides_own_places(bundle: Bundle, root: Path) -> None:
    stored = plan_store(
        MAIL, (bundle,), Layout.SEPARATE, NOW, root, certificate_folder="/etc/ssl/certs"
    )
    assert stored.primary.certificate_file == f"/etc/ssl/certs/{MAIL}.pem"
    assert stored.primary.key_file == f"/etc/ssl/private/{MAIL}.key"
    modes = {
        str(change.path): change.mode
        for change in stored.changes
        if not isinstance(change, LinkChange)
    }
    assert modes == {
        "/etc/ssl/certs": 0o755,
        f"/etc/ssl/certs/{MAIL}.pem": 0o644,
        "/etc/ssl/private": 0o700,
        f"/etc/ssl/private/{MAIL}.key": 0o600,
    }
    both = plan_store(
        MAIL,
        (bundle,),
        Layout.SEPARATE,
        NOW,
        root,
        certificate_folder="/srv/tls/",
        key_folder="/srv/tls",
    )
    assert [str(change.path) for change in both.changes if isinstance(change, FileChange)] == [
        f"/srv/tls/{MAIL}.pem",
        f"/srv/tls/{MAIL}.key",
    ]
    folders = [one for one in both.changes if isinstance(one, DirectoryChange)]
    assert [str(one.path) for one in folders] == ["/srv", "/srv/tls"]


def test_one_file_in_the_guides_place_is_with_the_keys(bundle: Bundle, root: Path) -> None:
    stored = plan_store(MAIL, (bundle,), Layout.COMBINED, NOW, root, key_folder="/etc/ssl/private")
    assert stored.primary.combined_file == f"/etc/ssl/private/{MAIL}.pem"
    apply_changes(stored.changes, root)
    assert _seen(stored.primary.combined_file, root) == bundle.combined_pem


def test_open_key_file_in_the_guides_place_is_refused(bundle: Bundle, root: Path) -> None:
    key = root / f"etc/ssl/private/{MAIL}.key"
    key.parent.mkdir()
    key.write_bytes(b"old")
    key.chmod(0o640)
    with pytest.raises(CertificateError) as caught:
        plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root, key_folder="/etc/ssl/private")
    assert f"chmod 600 /etc/ssl/private/{MAIL}.key" in str(caught.value)
    key.chmod(0o600)
    stored = plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root, key_folder="/etc/ssl/private")
    (change,) = (one for one in stored.changes if one.path.name.endswith(".key"))
    assert isinstance(change, FileChange)
    assert change.before == b"old"


def test_what_is_in_the_way(bundle: Bundle, root: Path) -> None:
    folder = root / f"etc/ssl/letterlock/{MAIL}"
    (folder / "current").mkdir(parents=True)
    with pytest.raises(CertificateError, match="is no symbolic link that can be read"):
        plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root)
    (root / "etc/ssl/letterlock/other.example.com").write_bytes(b"a file")
    with pytest.raises(CertificateError):
        plan_store("other.example.com", (bundle,), Layout.SEPARATE, NOW, root)
    with pytest.raises(CertificateError, match="not an absolute path"):
        plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root, key_folder="private")


def test_dangling_current_is_replaced(bundle: Bundle, root: Path) -> None:
    folder = root / f"etc/ssl/letterlock/{MAIL}"
    folder.mkdir(parents=True)
    (folder / "current").symlink_to("gone")
    stored = plan_store(MAIL, (bundle,), Layout.SEPARATE, NOW, root)
    apply_changes(stored.changes, root)
    assert _seen(stored.primary.key_file, root) == bundle.key_pem


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("mail.example.com", "mail.example.com"),
        ("MAIL.example.com.", "mail.example.com"),
        ("*.example.com", "_wildcard.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001-db8--1"),
    ],
)
def test_hosts_as_folder_names(host: str, name: str) -> None:
    assert folder_name(host) == name


@pytest.mark.parametrize(
    "host",
    ["..", ".", "/", "a/b", "../../etc", "", "a b", "_wildcard.example.com", "*", "*.", "a\0b",
     "-x.example", "mail.*.example.com"],
)  # fmt: skip
def test_no_host_leaves_its_folder(host: str) -> None:
    with pytest.raises(CertificateError):
        folder_name(host)
