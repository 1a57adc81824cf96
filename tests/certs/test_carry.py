"""The store with an RSA and an ECDSA certificate: renewed together, or one of the two."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.carry import carry_over
from letterlock.certs.errors import CertificateError
from letterlock.certs.store import Layout, StoredCertificate, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.plan import LinkChange
from tests.certs.authority import NOW, fresh_key, hierarchy, make_leaf
from tests.certs.test_store import apply_changes

MAIL = "mail.example.com"
FOLDER = f"/etc/ssl/letterlock/{MAIL}"
KINDS = {KeyType.RSA: "rsa2048", KeyType.ECDSA: "p256"}
TREES = {each: hierarchy(kind) for each, kind in KINDS.items()}
TRUST = TrustStore.of([tree.root.facts for tree in TREES.values()])
LATER = NOW + timedelta(days=30)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc/ssl").mkdir(parents=True)
    return tmp_path / "root"


def bundle(root: Path, kind: KeyType, days: int = 60, at: datetime = NOW) -> Bundle:
    """A fresh certificate."""
    issuer = TREES[kind].intermediate
    leaf = make_leaf(issuer, private_key=fresh_key(KINDS[kind]), after=NOW + timedelta(days=days))
    files = {"leaf": leaf.pem, "key": leaf.key_pem, "chain": issuer.pem}
    for name, content in files.items():
        (root.parent / name).write_bytes(content)
    certificate, key, chain = (str(root.parent / name) for name in files)
    named = CertificateFiles(certificate, key, (chain,))
    return prepare(named, None, TRUST, at)


def put(
    root: Path, *bundles: Bundle, at: datetime = NOW, layout: Layout = Layout.SEPARATE
) -> StoredCertificate:
    stored = plan_store(MAIL, bundles, layout, at, root)
    apply_changes(stored.changes, root)
    return stored


@pytest.mark.parametrize("layout", Layout)
def test_both_in_one_version_and_one_switch(root: Path, layout: Layout) -> None:
    ecdsa, rsa = bundle(root, KeyType.ECDSA), bundle(root, KeyType.RSA)
    stored = put(root, ecdsa, rsa, layout=layout)
    assert [each.key_type for each in stored.pairs] == [KeyType.RSA, KeyType.ECDSA]
    assert [each.leaf_sha256 for each in stored.pairs] == [rsa.leaf.sha256, ecdsa.leaf.sha256]
    assert sum(isinstance(change, LinkChange) for change in stored.changes) == 1
    for each, suffix in ((rsa, ""), (ecdsa, "-ecdsa")):
        current = root / f"{FOLDER}/current"[1:]
        assert (current / f"fullchain{suffix}.pem").read_bytes() == each.fullchain_pem
        for name, content in (("key", each.key_pem), ("combined", each.combined_pem)):
            path = current / f"{name}{suffix}.pem"
            assert path.read_bytes() == content
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stored.alternative is not None
    name = "combined" if layout is Layout.COMBINED else "fullchain"
    assert stored.alternative.certificate_file == f"{FOLDER}/current/{name}-ecdsa.pem"
    assert plan_store(MAIL, (rsa, ecdsa), layout, LATER, root).changes == ()


@pytest.mark.parametrize("renewed", KeyType)
def test_one_is_renewed_and_the_other_carried_over_to_the_byte(
    root: Path, renewed: KeyType
) -> None:
    before = {kind: bundle(root, kind) for kind in KeyType}
    first = put(root, *before.values())
    new = bundle(root, renewed, 90)
    carried = carry_over(MAIL, new, TRUST, LATER, root)
    (other,) = (kind for kind in KeyType if kind is not renewed)
    assert carried.bundle is not None
    assert carried.bundle.fullchain_pem == before[other].fullchain_pem
    assert carried.bundle.key_pem == before[other].key_pem
    assert carried.notices == (
        f"the {other} certificate in the store is kept beside the new one until it expires, "
        "2027-01-21; --single drops it",
    )
    second = put(root, new, carried.bundle, at=LATER)
    assert second.version != first.version
    now = {each.key_type: each.leaf_sha256 for each in second.pairs}
    assert now == {renewed: new.leaf.sha256, other: before[other].leaf.sha256}

    again = carry_over(MAIL, new, TRUST, LATER, root).bundle
    assert again is not None
    assert plan_store(MAIL, (new, again), Layout.SEPARATE, LATER, root).changes == ()


def test_the_renewed_one_alone_drops_the_other(root: Path) -> None:
    put(root, *(bundle(root, kind) for kind in KeyType))
    alone = bundle(root, KeyType.ECDSA, 90)
    stored = put(root, alone, at=LATER)
    assert [each.certificate_file for each in stored.pairs] == [f"{FOLDER}/current/fullchain.pem"]
    assert not (root / f"{FOLDER}/current/fullchain-ecdsa.pem"[1:]).exists()
    assert carry_over(MAIL, alone, TRUST, LATER, root).bundle is None


def test_the_same_rsa_certificate_alone_is_a_new_version_without_the_other(root: Path) -> None:
    rsa = bundle(root, KeyType.RSA)
    first = put(root, rsa, bundle(root, KeyType.ECDSA))
    second = put(root, rsa, at=LATER)
    assert second.version != first.version
    assert not (root / f"{FOLDER}/current/key-ecdsa.pem"[1:]).exists()


def test_where_the_store_has_one_there_is_nothing_to_carry(root: Path) -> None:
    assert carry_over(MAIL, bundle(root, KeyType.RSA), TRUST, NOW, root).bundle is None
    put(root, bundle(root, KeyType.RSA))
    assert carry_over(MAIL, bundle(root, KeyType.ECDSA), TRUST, NOW, root).bundle is None


def test_an_expired_one_is_dropped_and_that_is_said(root: Path) -> None:
    put(root, bundle(root, KeyType.RSA), bundle(root, KeyType.ECDSA, days=20))
    carried = carry_over(MAIL, bundle(root, KeyType.RSA, 90), TRUST, LATER, root)
    assert carried.bundle is None
    assert carried.notices == (
        "the ECDSA certificate in the store expired on 2026-12-12 and is no longer served",
    )


def test_one_that_is_no_longer_believed_is_for_a_person_to_decide(root: Path) -> None:
    put(root, *(bundle(root, kind) for kind in KeyType))
    other_root = TrustStore.of([TREES[KeyType.RSA].root.facts], "rsa-root.pem")
    with pytest.raises(CertificateError) as caught:
        carry_over(MAIL, bundle(root, KeyType.RSA, 90), other_root, LATER, root)
    said = str(caught.value)
    assert "the ECDSA certificate in the store cannot be kept beside the new one: the chain" in said
    assert said.endswith("renew it too, or serve the new one alone with --single")


@pytest.mark.parametrize("spoilt", ["key-ecdsa.pem", "fullchain-ecdsa.pem"])
def test_a_damaged_one_is_no_reason_to_lose_it_silently(root: Path, spoilt: str) -> None:
    put(root, *(bundle(root, kind) for kind in KeyType))
    (root / f"{FOLDER}/current/{spoilt}"[1:]).write_bytes(b"")
    with pytest.raises(CertificateError, match=r"is empty.*--single"):
        carry_over(MAIL, bundle(root, KeyType.RSA, 90), TRUST, LATER, root)


def test_two_of_a_kind_never_reach_the_store(root: Path) -> None:
    twice = (bundle(root, KeyType.RSA), bundle(root, KeyType.RSA))
    with pytest.raises(ValueError, match="one with an RSA key and one with an ECDSA key"):
        plan_store(MAIL, twice, Layout.SEPARATE, NOW, root)


def test_both_in_places_of_ones_own(root: Path) -> None:
    pairs = tuple(bundle(root, kind) for kind in KeyType)
    stored = plan_store(
        MAIL, pairs, Layout.SEPARATE, NOW, root, certificate_folder="/etc/ssl/certs"
    )
    assert [(each.certificate_file, each.key_file) for each in stored.pairs] == [
        (f"/etc/ssl/certs/{MAIL}.pem", f"/etc/ssl/private/{MAIL}.key"),
        (f"/etc/ssl/certs/{MAIL}-ecdsa.pem", f"/etc/ssl/private/{MAIL}-ecdsa.key"),
    ]
    apply_changes(stored.changes, root)
