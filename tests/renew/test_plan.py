"""Which places a renewed certificate takes, and which it leaves alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.store import Layout, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.plan import DirectoryChange, FileChange, LinkChange
from letterlock.model.service import IMAPS, SMTP, SUBMISSIONS, Endpoint
from letterlock.renew.plan import Deployment, Surroundings, plan_deployment
from letterlock.renew.slots import Slot, slots
from letterlock.renew.sni_indexes import Indexes
from letterlock.servers.postfix_references import sni_reference
from letterlock.servers.sni_tables import SniTable
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
    Slot("Postfix", STORED, STORED_KEY, (PORT_25,)),
    Slot("Dovecot", STORED, STORED_KEY, (PORT_993,)),
)


def deploy(
    tree: Tree,
    bundle: Bundle,
    *references: Slot,
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
    strangers = Slot("Postfix", "/etc/ssl/www.pem", "/etc/ssl/www.key", (PORT_25,))
    renewed = tree.bundle("www.example.com")
    assert deploy(tree, renewed, *BOTH, strangers) == Deployment(None, (), ())
    with pytest.raises(InputError, match="no mail server here is configured with a certificate"):
        deploy(tree, renewed, *BOTH, strangers, host="www.example.com")


def test_the_clients_own_file_is_reloaded_and_not_written(tree: Tree) -> None:
    live = f"/etc/letsencrypt/live/{MAIL}/fullchain.pem"
    new = tree.bundle(MAIL, "imap.example.com")
    tree.write(live, new)
    one = Slot("Dovecot", live, live, (PORT_993,))
    done = deploy(tree, new, one, preferred=("imap.example.com",))
    assert done.plan is not None
    assert (done.plan.changes, done.plan.servers) == ((), ("Dovecot",))
    assert [e.name for e in done.plan.expectations] == ["imap.example.com"]


@pytest.mark.parametrize(
    ("table", "asked", "answered"),
    [
        (None, "shop.example", False),
        (None, "a.shop.example", True),
        (None, "a.b.shop.example", False),
        ("/etc/postfix/sni", "shop.example", False),
        ("/etc/postfix/sni", "a.shop.example", True),
        ("/etc/postfix/sni", "a.b.shop.example", True),
        ("/etc/postfix/sni", "ashop.example", False),
        (None, "ashop.example", False),
    ],
)
def test_how_deep_a_pattern_reaches(table: str | None, asked: str, answered: bool) -> None:
    slot = Slot("either", "/live.pem", "/live.key", (), "*.Shop.example", table)
    assert slot.answers(asked) is answered


def test_each_name_is_asked_for_where_it_is_served(tree: Tree) -> None:
    new = tree.bundle(MAIL, "*.shop.example")
    tree.write("/live.pem", new)
    every = Slot("Dovecot", "/live.pem", "/live.key", (PORT_993,))
    shop = Slot("Dovecot", "/live.pem", "/live.key", (PORT_993,), "*.shop.example")
    done = deploy(tree, new, every, shop, preferred=(SHOP,))
    assert done.plan is not None
    assert {e.name for e in done.plan.expectations} == {MAIL, SHOP}
    other = Slot("Dovecot", "/other.pem", "/other.key", (PORT_993,), MAIL)
    tree.write("/other.pem", tree.bundle(MAIL))
    done = deploy(tree, new, every, other)
    assert done.plan is not None
    assert {e.name for e in done.plan.expectations} == {SHOP}, "another answers for the first"


def test_where_secure_put_it_and_nobody_else(tree: Tree) -> None:
    certificate, key = f"/etc/ssl/certs/{MAIL}.pem", f"/etc/ssl/private/{MAIL}.key"
    tree.write(certificate, tree.bundle(MAIL, age=5))
    tree.write(key, tree.bundle(MAIL))
    (tree.root / key[1:]).chmod(0o600)
    one = Slot("Postfix", certificate, key, (PORT_25,))
    new = tree.bundle(MAIL)
    assert deploy(tree, new, one).plan is None, "an admin's own file is not ours to write"
    done = deploy(tree, new, one, written=frozenset((certificate, key)))
    assert done.plan is not None
    assert [str(c.path) for c in done.plan.changes] == [certificate, key]
    both = replace(one, key=certificate)
    (tree.root / certificate[1:]).chmod(0o600)
    done = deploy(tree, new, both, written=frozenset((certificate,)))
    assert done.plan is not None
    assert [str(c.path) for c in done.plan.changes] == [certificate], "key and chain in one file"


def test_a_damaged_or_missing_file_is_no_place(tree: Tree) -> None:
    (tree.root / "x.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    references = [Slot("Postfix", path, path, (PORT_25,)) for path in ("/x.pem", "/none.pem")]
    assert deploy(tree, tree.bundle(MAIL), *references).plan is None


def test_one_of_two_key_types(tree: Tree) -> None:
    """The other stays, to the byte, and each is asked for by a client of its own kind."""
    rsa, ecdsa = tree.bundle(MAIL, age=9, kind="rsa2048"), tree.bundle(MAIL, age=3)
    tree.install(MAIL, rsa, ecdsa)
    second = STORED.replace("fullchain", "fullchain-ecdsa"), STORED_KEY.replace("key", "key-ecdsa")
    pair = (*BOTH, Slot("Postfix", *second, (PORT_25,)))
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


KEY, CHAIN = "/live/key.pem", "/live/chain.pem"


def sni_table(held: dict[str, bytes], kind: str = "hash") -> SniTable:
    """The first key names the client's files, every other one none that are there."""
    first, *others = held
    lines = [f"{first} {KEY} {CHAIN}\n", *(f"{key} /none/{key}.pem\n" for key in others)]
    source = "".join(lines).encode()
    index = b"built" if kind == "hash" else None
    return SniTable(kind, "/sni", source, index, held=held)


def in_table(table: SniTable, key: str, *endpoints: Endpoint) -> tuple[Slot, ...]:
    entry = table.document().entries().get(key)
    at = endpoints or (PORT_25,)
    return slots([sni_reference("Postfix", table.name, key, entry, at)])


class Built:
    """Takes the place of postmap."""

    def __init__(self, table: SniTable) -> None:
        self.contents: dict[str, bytes] | None = None
        self.indexes = Indexes({table.name: table}, self._build)

    def _build(self, table: SniTable, wanted: Mapping[str, bytes]) -> FileChange:
        self.contents = dict(wanted)
        return FileChange(Path(f"{table.path}.db"), table.index, b"new", 0o600, secret=True)


def put_live(tree: Tree, bundle: Bundle) -> None:
    for path, contents in ((KEY, bundle.key_pem), (CHAIN, bundle.fullchain_pem)):
        place = tree.root / path[1:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(contents)


def test_a_tables_other_names_keep_what_its_index_has(tree: Tree) -> None:
    old, new = tree.bundle(MAIL, age=9), tree.bundle(MAIL)
    put_live(tree, new)
    table = sni_table({MAIL: old.combined_pem, SHOP: b"as it was\n", ".wild.example": b"too\n"})
    built = Built(table)
    every = tuple(slot for key in table.present for slot in in_table(table, key))
    done = plan_deployment(new, None, Surroundings(tree.root, every, indexes=built.indexes), NOW)
    assert done.plan is not None
    assert built.contents == {
        MAIL: new.combined_pem, SHOP: b"as it was\n", ".wild.example": b"too\n",
    }  # fmt: skip
    assert [str(c.path) for c in done.plan.changes] == ["/sni.db"]
    assert [(e.endpoint, e.name) for e in done.plan.expectations] == [(PORT_25, MAIL)]
    assert [each.held for each in done.replaced] == [old.leaf], "what the index has"


def test_a_line_with_another_key_is_refused(tree: Tree) -> None:
    new = tree.bundle(MAIL)
    put_live(tree, new)
    (tree.root / KEY[1:]).write_bytes(tree.bundle(MAIL).key_pem)
    for kind in ("hash", "texthash"):
        table = sni_table({MAIL: b"old"}, kind)
        around = Surroundings(tree.root, in_table(table, MAIL), indexes=Built(table).indexes)
        with pytest.raises(RefusedError, match=r"/sni:1: names no private key that belongs"):
            plan_deployment(new, None, around, NOW)


def test_a_pattern_is_asked_for_by_a_name_that_no_other_entry_has(tree: Tree) -> None:
    new = tree.bundle("*.shop.example")
    put_live(tree, new)
    table = sni_table({".shop.example": b"", SHOP: b"another's"})
    every = (*in_table(table, ".shop.example"), Slot("Postfix", "/x", "/x", (PORT_25,), SHOP))
    done = plan_deployment(
        new, None, Surroundings(tree.root, every, indexes=Built(table).indexes), NOW
    )
    assert done.plan is not None
    assert [e.name for e in done.plan.expectations] == ["any-name.shop.example"]


def test_a_name_that_would_go_on_being_served_something_else(tree: Tree) -> None:
    """Of the host itself refused, of a further name noted where it is an older copy."""
    tree.install(MAIL, tree.bundle(MAIL, SHOP, age=9))
    new = tree.bundle(MAIL, SHOP)
    copy = Slot("Postfix", "/copy.pem", "/copy.pem", (PORT_25,), MAIL)
    tree.write("/copy.pem", tree.bundle(MAIL, age=9))
    with pytest.raises(RefusedError, match="which this one does not renew"):
        deploy(tree, new, *BOTH, copy)
    further = replace(copy, name=SHOP)
    tree.write("/copy.pem", tree.bundle("www.example.com", age=9))
    done = deploy(tree, new, *BOTH, further)
    assert done.plan is not None
    assert {e.name for e in done.plan.expectations} == {MAIL}
    assert f"{SHOP} has a certificate of its own there" not in str(done.kept), "another's"
    tree.write("/copy.pem", tree.bundle(SHOP, age=9))
    assert f"{SHOP} has a certificate of its own there" in str(deploy(tree, new, *BOTH, further))
    around = Surroundings(tree.root, BOTH, foreign={("Postfix", MAIL): "ldap:/etc/sni.cf"})
    with pytest.raises(RefusedError, match=r"/etc/sni\.cf: tls_server_sni_maps has an entry"):
        plan_deployment(new, None, around, NOW)


def test_of_many_names_the_first_are_asked_for_everywhere(tree: Tree) -> None:
    names = [f"n{number}.example.com" for number in range(12)]
    new = tree.bundle(*names)
    put_live(tree, new)
    ports = (PORT_25, Endpoint("127.0.0.1", 465, SUBMISSIONS))
    every = [Slot("Postfix", CHAIN, KEY, ports, name) for name in names]
    done = deploy(tree, new, *every)
    assert done.plan is not None
    assert len(done.plan.expectations) == 8 * 2 + 4


def test_a_name_in_anothers_folder_of_the_store(tree: Tree) -> None:
    """`secure mail… --also mail.shop…`: either name may be given."""
    tree.install(MAIL, tree.bundle(MAIL, SHOP, age=9))
    also = Slot("Postfix", STORED, STORED_KEY, (PORT_25,), SHOP)
    done = deploy(tree, tree.bundle(MAIL, SHOP), also, host=SHOP)
    assert done.plan is not None and done.hosts == (SHOP,)


def asked_with(done: Deployment) -> set[str]:
    assert done.plan is not None
    return {each.name for each in done.plan.expectations}


def test_a_copy_is_told_of_only_where_the_new_one_would_renew_it(tree: Tree) -> None:
    tree.install(MAIL, tree.bundle(MAIL, SHOP, age=9))
    new = tree.bundle(MAIL, SHOP, age=2)
    copy = Slot("Postfix", "/copy.pem", "/copy.pem", (PORT_25,), SHOP)
    for of_it, told in (
        (tree.bundle(SHOP, age=9), True),
        (tree.bundle(SHOP, age=1), False),
        (tree.bundle(SHOP, age=9, kind="rsa2048"), False),
    ):
        tree.write("/copy.pem", of_it)
        assert ("of its own there" in str(deploy(tree, new, *BOTH, copy).kept)) is told


def test_a_server_is_refused_for_its_own_clients_sake_only(tree: Tree) -> None:
    new = tree.bundle(MAIL)
    tree.write("/copy.pem", tree.bundle(MAIL, age=9))
    copy = Slot("Postfix", "/copy.pem", "/copy.pem", (PORT_25,), MAIL)
    put_live(tree, new)
    elsewhere = deploy(tree, new, Slot("Dovecot", CHAIN, KEY, (PORT_993,)), copy)
    assert asked_with(elsewhere) == {MAIL}
    assert "of its own there" in str(elsewhere.kept)
    with pytest.raises(RefusedError, match="which this one does not renew"):
        deploy(tree, new, Slot("Postfix", CHAIN, KEY, (PORT_25,)), copy)  # no name is left


def test_which_name_a_default_certificate_is_asked_with(tree: Tree) -> None:
    new = tree.bundle(MAIL, SHOP)
    put_live(tree, new)
    one = Slot("Postfix", CHAIN, KEY, (PORT_25,))
    assert asked_with(deploy(tree, new, one)) == {MAIL}
    assert asked_with(deploy(tree, new, one, host=SHOP)) == {SHOP}
    around = Surroundings(tree.root, (one,), foreign={("Postfix", MAIL): "ldap:/etc/sni.cf"})
    assert asked_with(plan_deployment(new, None, around, NOW)) == {SHOP}


def test_names_are_the_same_in_capitals(tree: Tree) -> None:
    new = tree.bundle(SHOP)
    put_live(tree, new)
    assert asked_with(
        deploy(tree, new, Slot("Dovecot", CHAIN, KEY, (PORT_993,), SHOP.upper()))
    ) == {SHOP}


def test_a_pattern_is_asked_for_by_a_name_that_is_certified(tree: Tree) -> None:
    new = tree.bundle("imap.shop.example")
    put_live(tree, new)
    pattern = Slot("Postfix", CHAIN, KEY, (PORT_25,), "*.shop.example")
    assert asked_with(deploy(tree, new, pattern)) == {"imap.shop.example"}


def test_of_two_patterns_the_longer_answers(tree: Tree) -> None:
    """tls_server_sni_maps is asked for one parent domain after the other."""
    new = tree.bundle("*.example.net", "x.sub.example.net")
    put_live(tree, new)
    wide = Slot("Postfix", CHAIN, KEY, (PORT_25,), "*.example.net")
    narrow = Slot("Postfix", "/old.pem", "/old.pem", (PORT_25,), "*.sub.example.net")
    tree.write("/old.pem", tree.bundle("x.sub.example.net", age=9))
    done = deploy(tree, new, wide, narrow)
    assert asked_with(done) == {"mail.example.net"}
    assert "x.sub.example.net has a certificate of its own there" in str(done.kept)


def test_a_key_type_is_asked_for_only_beside_another_at_the_same_port(tree: Tree) -> None:
    new = tree.bundle(MAIL)
    put_live(tree, new)
    tree.write("/rsa.pem", tree.bundle(MAIL, kind="rsa2048"))
    for port, kind in ((465, None), (25, KeyType.ECDSA)):
        other = Slot("Postfix", "/rsa.pem", "/rsa.pem", (Endpoint("127.0.0.1", port, SMTP),))
        done = deploy(tree, new, Slot("Postfix", CHAIN, KEY, (PORT_25,)), other)
        assert done.plan is not None
        assert {each.key_type for each in done.plan.expectations} == {kind}


def test_a_wildcards_folder_of_the_store(tree: Tree) -> None:
    tree.install("*.shop.example", tree.bundle("*.shop.example", age=9))
    (folder,) = (tree.root / "etc/ssl/letterlock").iterdir()
    current = f"/etc/ssl/letterlock/{folder.name}/current"
    files = f"{current}/fullchain.pem", f"{current}/key.pem"
    one = Slot("Postfix", *files, (PORT_25,), "*.shop.example")
    done = deploy(tree, tree.bundle("*.shop.example"), one)
    assert done.plan is not None and done.plan.changes


def test_a_table_that_names_the_store(tree: Tree) -> None:
    """Its index takes up what the store will hold; an entry of the other key type stays."""
    names = (MAIL, SHOP)
    tree.install(MAIL, tree.bundle(*names, age=9, kind="rsa2048"), tree.bundle(*names, age=9))
    new = tree.bundle(*names, kind="rsa2048")
    renewed = {SHOP: new.key_pem + new.fullchain_pem}
    for suffix, contents in (("", renewed), ("-ecdsa", None)):
        own = " ".join(each.replace(".pem", f"{suffix}.pem") for each in (STORED_KEY, STORED))
        table = SniTable("hash", "/sni", f"{SHOP} {own}\n".encode(), b"built", held={SHOP: b"x"})
        built = Built(table)
        every = (*BOTH, *in_table(table, SHOP))
        done = plan_deployment(
            new, None, Surroundings(tree.root, every, indexes=built.indexes), NOW
        )
        assert done.plan is not None
        assert built.contents == contents
