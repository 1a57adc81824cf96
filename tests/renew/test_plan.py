"""Which places a renewed certificate takes, and which it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.store import Layout, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.errors import InputError
from letterlock.model.plan import DirectoryChange, FileChange, LinkChange
from letterlock.model.service import IMAPS, SMTP, Endpoint
from letterlock.renew.plan import Deployment, Surroundings, plan_deployment
from letterlock.renew.references import Reference
from tests.certs.authority import NOW, fresh_key, hierarchy, make_leaf

MAIL, SHOP = "mail.example.com", "mail.shop.example"
STORED = f"/etc/ssl/letterlock/{MAIL}/current/fullchain.pem"
STORED_KEY = f"/etc/ssl/letterlock/{MAIL}/current/key.pem"
PORT_25, PORT_993 = Endpoint("127.0.0.1", 25, SMTP), Endpoint("127.0.0.1", 993, IMAPS)


@dataclass
class Tree:
    """A system's files below `root`, and certificates made for it."""

    root: Path

    def bundle(self, *names: str, age: int = 0, kind: str = "p256") -> Bundle:
        made = hierarchy()
        one = make_leaf(
            made.intermediate, *names, private_key=fresh_key(kind), before=NOW - timedelta(days=age)
        )
        folder = self.root / "made"
        folder.mkdir(exist_ok=True)
        (folder / "c.pem").write_bytes(one.pem + made.intermediate.pem)
        (folder / "k.pem").write_bytes(one.key_pem)
        files = CertificateFiles(str(folder / "c.pem"), str(folder / "k.pem"))
        return prepare(files, None, TrustStore.of([made.root.facts]), NOW)

    def install(self, host: str, *bundles: Bundle, at: datetime = NOW) -> None:
        for change in plan_store(host, bundles, Layout.SEPARATE, at, self.root).changes:
            path = self.root / str(change.path).lstrip("/")
            match change:
                case DirectoryChange():
                    path.mkdir()
                case FileChange():
                    path.write_bytes(change.after or b"")
                    path.chmod(change.mode)
                case LinkChange():
                    path.symlink_to(change.after or "")

    def write(self, path: str, bundle: Bundle) -> None:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bundle.fullchain_pem)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "etc/ssl").mkdir(parents=True)
    return Tree(tmp_path)


BOTH = (
    Reference("Postfix", STORED, STORED_KEY, (PORT_25,)),
    Reference("Dovecot", STORED, STORED_KEY, (PORT_993,)),
)


def deploy(
    tree: Tree,
    bundle: Bundle,
    *references: Reference,
    host: str | None = None,
    written: frozenset[str] = frozenset(),
    preferred: tuple[str, ...] = (),
) -> Deployment:
    around = Surroundings(tree.root, references, written, preferred)
    return plan_deployment(bundle, host, around, NOW + timedelta(minutes=1))


def test_a_renewal_writes_only_the_store(tree: Tree) -> None:
    old, new = tree.bundle(MAIL, age=60), tree.bundle(MAIL)
    tree.install(MAIL, old)
    done = deploy(tree, new, *BOTH)
    assert done.plan is not None
    assert (done.hosts, done.plan.servers) == ((MAIL,), ("Postfix", "Dovecot"))
    assert all(str(c.path).startswith(f"/etc/ssl/letterlock/{MAIL}/") for c in done.plan.changes)
    assert isinstance(done.plan.changes[-1], LinkChange)
    assert [(e.endpoint, e.name, e.leaf_sha256) for e in done.plan.expectations] == [
        (PORT_25, MAIL, new.leaf.sha256),
        (PORT_993, MAIL, new.leaf.sha256),
    ]
    assert {each.held for each in done.replaced} == {old.leaf}
    again = deploy(tree, old, *BOTH)
    assert again.plan is not None and again.plan.changes == ()
    assert {each.held for each in again.replaced} == {None}


def test_more_names_are_a_renewal_and_fewer_are_not(tree: Tree) -> None:
    tree.install(MAIL, tree.bundle(MAIL, "imap.example.com", age=9))
    assert deploy(tree, tree.bundle(MAIL, "imap.example.com", "smtp.example.com"), *BOTH).plan
    fewer = deploy(tree, tree.bundle(MAIL), *BOTH)
    assert fewer.plan is None
    assert fewer.kept == (f"{MAIL} keeps its certificate, which is also for imap.example.com",)
    assert deploy(tree, tree.bundle(MAIL), *BOTH, host=MAIL).plan, "the admin said so"


def test_never_an_older_one(tree: Tree) -> None:
    tree.install(MAIL, tree.bundle(MAIL, age=1))
    done = deploy(tree, tree.bundle(MAIL, age=2), *BOTH, host=MAIL)
    assert done.plan is None
    assert "which is newer" in done.kept[0]


def test_another_servers_certificate_is_none_of_ours(tree: Tree) -> None:
    tree.install(MAIL, tree.bundle(MAIL, age=1))
    tree.write("/etc/ssl/www.pem", tree.bundle("www.example.com", age=1))
    strangers = Reference("Postfix", "/etc/ssl/www.pem", "/etc/ssl/www.key", (PORT_25,))
    renewed = tree.bundle("www.example.com")
    assert deploy(tree, renewed, *BOTH, strangers) == Deployment(None, (), ())
    with pytest.raises(InputError, match="no mail server here is configured with a certificate"):
        deploy(tree, renewed, *BOTH, strangers, host="www.example.com")


def test_the_clients_own_file_is_reloaded_and_not_written(tree: Tree) -> None:
    live = f"/etc/letsencrypt/live/{MAIL}/fullchain.pem"
    new = tree.bundle(MAIL, "imap.example.com")
    tree.write(live, new)
    one = Reference("Dovecot", live, live, (PORT_993,))
    done = deploy(tree, new, one, preferred=("imap.example.com",))
    assert done.plan is not None
    assert (done.plan.changes, done.plan.servers) == ((), ("Dovecot",))
    assert [e.name for e in done.plan.expectations] == ["imap.example.com"]


def test_each_name_is_asked_for_where_it_is_served(tree: Tree) -> None:
    new = tree.bundle(MAIL, "*.shop.example")
    tree.write("/live.pem", new)
    every = Reference("Dovecot", "/live.pem", "/live.key", (PORT_993,))
    shop = Reference("Dovecot", "/live.pem", "/live.key", (PORT_993,), "*.shop.example")
    done = deploy(tree, new, every, shop, preferred=(SHOP,))
    assert done.plan is not None
    assert {e.name for e in done.plan.expectations} == {MAIL, SHOP}
    other = Reference("Dovecot", "/other.pem", "/other.key", (PORT_993,), MAIL)
    tree.write("/other.pem", tree.bundle(MAIL))
    done = deploy(tree, new, every, other)
    assert done.plan is not None
    assert {e.name for e in done.plan.expectations} == {SHOP}, "another answers for the first"


def test_where_secure_put_it_and_nobody_else(tree: Tree) -> None:
    certificate, key = f"/etc/ssl/certs/{MAIL}.pem", f"/etc/ssl/private/{MAIL}.key"
    tree.write(certificate, tree.bundle(MAIL, age=5))
    tree.write(key, tree.bundle(MAIL))
    (tree.root / key[1:]).chmod(0o600)
    one = Reference("Postfix", certificate, key, (PORT_25,))
    new = tree.bundle(MAIL)
    assert deploy(tree, new, one).plan is None, "an admin's own file is not ours to write"
    done = deploy(tree, new, one, written=frozenset((certificate, key)))
    assert done.plan is not None
    assert [str(c.path) for c in done.plan.changes] == [certificate, key]


def test_a_damaged_or_missing_file_is_no_place(tree: Tree) -> None:
    (tree.root / "x.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    references = [Reference("Postfix", path, path, (PORT_25,)) for path in ("/x.pem", "/none.pem")]
    assert deploy(tree, tree.bundle(MAIL), *references).plan is None


def test_one_of_two_key_types(tree: Tree) -> None:
    """The other stays, to the byte, and each is asked for by a client of its own kind."""
    rsa, ecdsa = tree.bundle(MAIL, age=9, kind="rsa2048"), tree.bundle(MAIL, age=3)
    tree.install(MAIL, rsa, ecdsa)
    second = STORED.replace("fullchain", "fullchain-ecdsa"), STORED_KEY.replace("key", "key-ecdsa")
    pair = (*BOTH, Reference("Postfix", *second, (PORT_25,)))
    for new, other, kind in (
        (tree.bundle(MAIL, age=5, kind="rsa2048"), ecdsa, KeyType.RSA),
        (tree.bundle(MAIL), rsa, KeyType.ECDSA),
    ):
        done = deploy(tree, new, *pair)
        assert done.plan is not None
        written = {c.path.name: c.after for c in done.plan.changes if isinstance(c, FileChange)}
        mine, theirs = ("", "-ecdsa") if kind is KeyType.RSA else ("-ecdsa", "")
        assert written[f"fullchain{mine}.pem"] == new.fullchain_pem
        assert written[f"fullchain{theirs}.pem"] == other.fullchain_pem
        assert written[f"key{theirs}.pem"] == other.key_pem
        assert (PORT_25, kind) in {(e.endpoint, e.key_type) for e in done.plan.expectations}
        assert {e.leaf_sha256 for e in done.plan.expectations} == {new.leaf.sha256}
        assert all(held is not None and held.public_key.key_type is kind
                   for held in (each.held for each in done.replaced))  # fmt: skip
    late = deploy(tree, tree.bundle(MAIL, age=4), *pair)
    assert (late.plan, "which is newer" in late.kept[0]) == (None, True)
