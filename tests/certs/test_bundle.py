"""Every refusal: one clear line, naming file, value and remedy; and what is not refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from letterlock.certs.bundle import CertificateFiles, leaf_and_authorities, matching, prepare
from letterlock.certs.errors import CertificateError
from letterlock.certs.trust import TrustStore
from tests.certs.authority import (
    NOW,
    Issued,
    fresh_key,
    hierarchy,
    key_pem,
    make_intermediate,
    make_leaf,
    make_root,
    resigned,
)
from tests.certs.openssl import openssl

DAY = timedelta(days=1)
MAIL = "mail.example.com"


@dataclass(frozen=True)
class Delivery:
    """Three files as a CA delivers them, in a folder."""

    folder: Path

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def files(self, leaf: Issued, *chain: Issued) -> CertificateFiles:
        return CertificateFiles(
            self.write("mail.crt", leaf.pem),
            self.write("mail.key", leaf.key_pem),
            (self.write("ca.crt", b"".join(one.pem for one in chain)),) if chain else (),
        )


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


def _trust(*roots: Issued) -> TrustStore:
    return TrustStore.of((root.facts for root in roots), "the test roots")


def test_what_is_installed(delivery: Delivery) -> None:
    tree = hierarchy("rsa2048")
    files = delivery.files(tree.leaf, tree.root, tree.intermediate)
    made = prepare(files, MAIL, _trust(tree.root), NOW)
    assert made.leaf == tree.leaf.facts
    assert made.chain == (tree.intermediate.facts,)
    assert made.root == tree.root.facts
    assert made.fullchain_pem == tree.leaf.pem + tree.intermediate.pem
    assert made.key_pem == tree.leaf.key_pem
    assert made.combined_pem == tree.leaf.key_pem + tree.leaf.pem + tree.intermediate.pem
    with_root = prepare(files, MAIL, _trust(tree.root), NOW, with_root=True)
    assert with_root.fullchain_pem == made.fullchain_pem + tree.root.pem
    assert "PRIVATE" not in repr(made)


def test_openssl_reads_what_is_written(delivery: Delivery) -> None:
    tree = hierarchy("rsa2048")
    made = prepare(delivery.files(tree.leaf, tree.intermediate), MAIL, _trust(tree.root), NOW)
    delivery.write("fullchain.pem", made.fullchain_pem)
    delivery.write("combined.pem", made.combined_pem)
    delivery.write("root.pem", tree.root.pem)
    when = str(int(NOW.timestamp()))
    openssl(
        *("verify", "-CAfile", "root.pem", "-untrusted", "fullchain.pem", "-attime", when),
        "fullchain.pem",
        folder=delivery.folder,
    )
    public = openssl("pkey", "-in", "combined.pem", "-pubout", folder=delivery.folder)
    assert public == openssl(
        "x509", "-in", "combined.pem", "-noout", "-pubkey", folder=delivery.folder
    )


def test_everything_in_one_file(delivery: Delivery) -> None:
    tree = hierarchy()
    noise = b"\xef\xbb\xbf\r\nfrom the CA\r\n"
    path = delivery.write(
        "all.pem", noise + tree.root.pem + tree.leaf.key_pem + tree.intermediate.pem + tree.leaf.pem
    )
    made = prepare(CertificateFiles(path), MAIL, _trust(tree.root), NOW)
    assert made.fullchain_pem == tree.leaf.pem + tree.intermediate.pem
    assert made == prepare(CertificateFiles(path, path), MAIL, _trust(tree.root), NOW)


def test_pkcs12_with_its_password_asked_once(delivery: Delivery) -> None:
    tree = hierarchy()
    asked: list[str] = []

    def ask(path: str) -> bytes:
        asked.append(path)
        return b"secret"

    content = pkcs12.serialize_key_and_certificates(
        None,
        tree.leaf.private_key,
        tree.leaf.certificate,
        [tree.root.certificate, tree.intermediate.certificate],
        BestAvailableEncryption(b"secret"),
    )
    path = delivery.write("mail.pfx", content)
    made = prepare(CertificateFiles(path), MAIL, _trust(tree.root), NOW, password=ask)
    assert made.combined_pem == tree.leaf.key_pem + tree.leaf.pem + tree.intermediate.pem
    assert asked == [path]


def test_encrypted_key_is_stored_in_the_clear(delivery: Delivery) -> None:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    delivery.write("mail.key", key_pem(tree.leaf.private_key, b"secret"))
    made = prepare(files, MAIL, _trust(tree.root), NOW, password=lambda _: b"secret")
    assert made.key_pem == tree.leaf.key_pem


def test_the_right_one_of_several_keys(delivery: Delivery) -> None:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    delivery.write("mail.key", key_pem(fresh_key()) + tree.leaf.key_pem)
    made = prepare(files, MAIL, _trust(tree.root), NOW)
    assert made.key_pem == tree.leaf.key_pem
    assert any("mail.key:1: not used, a private key" in notice for notice in made.notices)


def test_other_things_in_the_files_are_told(delivery: Delivery) -> None:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    parameters = b"-----BEGIN DH PARAMETERS-----\nMAYCAQcCAQI=\n-----END DH PARAMETERS-----\n"
    delivery.write("mail.crt", tree.leaf.pem + parameters)
    made = prepare(files, MAIL, _trust(tree.root), NOW)
    assert len([one for one in made.notices if "Diffie-Hellman parameters" in one]) == 1


Make = Callable[[Delivery], tuple[CertificateFiles, str, TrustStore]]


def _other_key(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    delivery.write("mail.key", key_pem(fresh_key()))
    return files, MAIL, _trust(tree.root)


def _with(leaf_options: dict[str, object], name: str = MAIL) -> Make:
    def make(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
        tree = hierarchy()
        leaf = make_leaf(tree.intermediate, **leaf_options)
        return delivery.files(leaf, tree.intermediate), name, _trust(tree.root)

    return make


def _no_alternative_name(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    leaf = make_leaf(tree.intermediate, names=())
    return delivery.files(leaf, tree.intermediate), MAIL, _trust(tree.root)


def _weak_hash(digest: str) -> Make:
    def make(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
        root = make_root(private_key=fresh_key("rsa2048"))
        leaf = make_leaf(root, private_key=fresh_key("rsa2048"))
        files = delivery.files(leaf)
        delivery.write("mail.crt", resigned(leaf, root, digest).pem)
        return files, MAIL, _trust(root)

    return make


def _weak_intermediate_hash(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    root = make_root(private_key=fresh_key("rsa2048"))
    middle = resigned(make_intermediate(root), root, "sha1")
    return delivery.files(make_leaf(middle), middle), MAIL, _trust(root)


def _swapped(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    assert files.key
    return CertificateFiles(files.key, files.certificate, files.chain), MAIL, _trust(tree.root)


def _certificate_as_key(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    return CertificateFiles(files.certificate, files.chain[0]), MAIL, _trust(tree.root)


def _key_as_chain(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf)
    assert files.key
    return CertificateFiles(files.certificate, files.key, (files.key,)), MAIL, _trust(tree.root)


def _no_key(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    return CertificateFiles(files.certificate, None, files.chain), MAIL, _trust(tree.root)


def _request_as_certificate(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf)
    request = openssl("req", "-new", "-key", "mail.key", "-subj", "/CN=x", folder=delivery.folder)
    delivery.write("mail.crt", request)
    return files, MAIL, _trust(tree.root)


def _request_as_key(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    files = delivery.files(tree.leaf)
    request = openssl("req", "-new", "-key", "mail.key", "-subj", "/CN=x", folder=delivery.folder)
    delivery.write("mail.key", request)
    return files, MAIL, _trust(tree.root)


def _incomplete(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    return delivery.files(tree.leaf), MAIL, _trust(tree.root)


def _untrusted_root(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    tree = hierarchy()
    return delivery.files(tree.leaf, tree.intermediate, tree.root), MAIL, _trust()


def _untrusted(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    root = make_root()
    middle = make_intermediate(root)
    return delivery.files(make_leaf(middle), middle), MAIL, _trust()


def _self_signed(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
    return delivery.files(make_leaf(None)), MAIL, _trust()


def _bad_host(host: str) -> Make:
    def make(delivery: Delivery) -> tuple[CertificateFiles, str, TrustStore]:
        tree = hierarchy()
        return delivery.files(tree.leaf, tree.intermediate), host, _trust(tree.root)

    return make


REFUSALS: dict[str, tuple[Make, str]] = {
    "key of another certificate": (
        _other_key,
        "mail.key:1: the private key does not belong to the certificate CN=mail.example.com "
        "(mail.crt:1); give the key that its CSR was made with",
    ),
    "host name not covered": (
        _bad_host("imap.example.com"),
        "mail.crt:1: the certificate is not for imap.example.com: it has mail.example.com; "
        "order one for this name",
    ),
    "no subjectAltName": (
        _no_alternative_name,
        "mail.crt:1: the certificate is not for mail.example.com: it has no subjectAltName at all"
        "; order one for this name",
    ),
    "expired": (
        _with({"after": NOW - DAY}),
        "mail.crt:1: the certificate expired on 2026-11-21 12:00 UTC; renew it",
    ),
    "not yet valid": (
        _with({"before": NOW + DAY}),
        "mail.crt:1: the certificate is not valid before 2026-11-23 12:00 UTC; "
        "wait, or set the clock",
    ),
    "for clients only": (
        _with({"purposes": [ExtendedKeyUsageOID.CLIENT_AUTH]}),
        "mail.crt:1: the certificate has no serverAuth purpose, only clientAuth; "
        "order a server certificate",
    ),
    "short key": (
        _with({"private_key": fresh_key("rsa1024")}),
        "mail.crt:1: the certificate has a key of RSA 1024 bits, under 2048; "
        "make a new key and CSR with letterlock cert csr",
    ),
    "SHA-1": (
        _weak_hash("sha1"),
        "mail.crt:1: the certificate is signed with SHA-1; order a new one, signed with SHA-256",
    ),
    "MD5": (
        _weak_hash("md5"),
        "mail.crt:1: the certificate is signed with MD5; order a new one, signed with SHA-256",
    ),
    "SHA-1 on the intermediate": (
        _weak_intermediate_hash,
        "mail.crt:1: the intermediate certificate CN=Test Intermediate is signed with SHA-1; "
        "order a new one, signed with SHA-256",
    ),
    "swapped": (
        _swapped,
        "mail.key: is a private key, not a certificate; "
        "--cert and --key may be the wrong way round",
    ),
    "certificate as key": (
        _certificate_as_key,
        "ca.crt: is a certificate, not a private key; --cert and --key may be the wrong way round",
    ),
    "key as chain": (
        _key_as_chain,
        "mail.key: is a private key, not a certificate; "
        "--cert and --key may be the wrong way round",
    ),
    "no key": (_no_key, "mail.crt:1: no private key was given; use --key"),
    "CSR as certificate": (
        _request_as_certificate,
        "mail.crt: is a certificate signing request, not a certificate; --cert wants a certificate",
    ),
    "CSR as key": (
        _request_as_key,
        "mail.key: is a certificate signing request, not a private key; --key wants a private key",
    ),
    "incomplete": (
        _incomplete,
        "mail.crt:1: the chain is incomplete: the issuer of the certificate, "
        "CN=Test Intermediate, to be had at http://ca.example/intermediate.der, is neither in it "
        "nor in the test roots; add it with --chain; secure and cert bundle fetch "
        "it with --fetch-missing",
    ),
    "unknown root, given": (
        _untrusted_root,
        "mail.crt:1: the chain ends in the root certificate CN=Test Root, which is not in "
        "the test roots; name its root with --ca-file",
    ),
    "unknown root, not given": (
        _untrusted,
        "mail.crt:1: the intermediate certificate CN=Test Intermediate was issued by "
        "CN=Test Root, which is not in the test roots; name its root with --ca-file",
    ),
    "self-signed": (
        _self_signed,
        "mail.crt:1: the certificate is self-signed and not in the test roots; "
        "in a laboratory use --allow-self-signed",
    ),
    "host name with a space": (
        _bad_host("mail example.com"),
        "'mail example.com' is not a host name; give one such as mail.example.com",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str, delivery: Delivery) -> None:
    make, line = REFUSALS[name]
    files, host, trust = make(delivery)
    before = {path: path.read_bytes() for path in delivery.folder.iterdir()}
    with pytest.raises(CertificateError) as caught:
        prepare(files, host, trust, NOW)
    assert str(caught.value).replace(f"{delivery.folder}/", "") == line
    assert {path: path.read_bytes() for path in delivery.folder.iterdir()} == before


def test_laboratories(delivery: Delivery) -> None:
    leaf = make_leaf(None)
    made = prepare(delivery.files(leaf), MAIL, _trust(), NOW, allow_self_signed=True)
    assert made.fullchain_pem == leaf.pem
    assert made.root is None
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.root, tree.intermediate)
    made = prepare(files, MAIL, _trust(), NOW, allow_self_signed=True)
    assert made.fullchain_pem == tree.leaf.pem + tree.intermediate.pem


def test_roots_own_weak_signature_does_not_count(delivery: Delivery) -> None:
    strong = make_root(private_key=fresh_key("rsa2048"))
    root = resigned(strong, strong, "sha1")
    store = TrustStore.from_file(delivery.write("root.pem", root.pem))
    made = prepare(delivery.files(make_leaf(root)), MAIL, store, NOW)
    assert made.root
    assert made.root.signature_hash == "sha1"


@pytest.mark.parametrize("host", [MAIL, "MAIL.Example.COM", "mail.example.com."])
def test_ways_to_write_the_host(host: str, delivery: Delivery) -> None:
    tree = hierarchy()
    prepare(delivery.files(tree.leaf, tree.intermediate), host, _trust(tree.root), NOW)


def test_matching(delivery: Delivery) -> None:
    tree = hierarchy()
    files = delivery.files(tree.leaf, tree.intermediate)
    assert files.key
    found = matching(files.certificate, files.key)
    assert found
    assert found.certificate == tree.leaf.facts
    assert matching(files.chain[0], files.key) is None


def test_key_matches_however_its_point_is_written(delivery: Delivery) -> None:
    """A certificate with a compressed point has another SubjectPublicKeyInfo for the same key."""
    leaf = make_leaf(None)
    delivery.write("mail.key", leaf.key_pem)
    compressed = openssl(
        *("ec", "-in", "mail.key", "-conv_form", "compressed"), folder=delivery.folder
    )
    delivery.write("compressed.key", compressed)
    certificate = openssl(
        *("req", "-x509", "-key", "compressed.key", "-subj", "/CN=x"), folder=delivery.folder
    )
    path = delivery.write("compressed.crt", certificate)
    assert matching(path, str(delivery.folder / "mail.key"))


def test_leaf_and_authorities(delivery: Delivery) -> None:
    tree = hierarchy()
    path = delivery.write("all.pem", tree.root.pem + tree.leaf.pem + tree.intermediate.pem)
    leaf, above = leaf_and_authorities(path, None, NOW)
    assert leaf == tree.leaf.facts
    assert above == (tree.intermediate.facts, tree.root.facts)


def test_ca_file_without_a_root(delivery: Delivery) -> None:
    path = delivery.write("ca.pem", hierarchy().intermediate.pem)
    with pytest.raises(CertificateError, match="holds no root certificate"):
        TrustStore.from_file(path)


def test_system_store(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = hierarchy()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert tree.root.facts not in TrustStore.system(delivery.folder), "this system's own"
    with monkeypatch.context() as nowhere:
        nowhere.setattr("letterlock.certs.trust.SYSTEM_FILES", ("/nowhere/roots.pem",))
        empty = TrustStore.system(delivery.folder)
    assert tree.root.facts not in empty
    assert "none is installed" in empty.source
    bundle = delivery.folder / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(b"# roots\n" + tree.root.pem + make_root("Other").pem)
    assert tree.root.facts in TrustStore.system(delivery.folder)
    monkeypatch.setenv("SSL_CERT_FILE", delivery.write("own.pem", make_root("Own").pem))
    assert tree.root.facts not in TrustStore.system(delivery.folder)
