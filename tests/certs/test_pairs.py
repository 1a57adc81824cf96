"""Which certificate and key belong together, RSA and ECDSA at once; what is refused and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.errors import CertificateError
from letterlock.certs.pairs import DeliveredFiles, prepare_pairs
from letterlock.certs.trust import TrustStore
from tests.certs.authority import NOW, Issued, fresh_key, hierarchy, key_pem, make_leaf

MAIL = "mail.example.com"
RSA, ECDSA = hierarchy("rsa2048"), hierarchy("p256")
TRUST = TrustStore.of([RSA.root.facts, ECDSA.root.facts])


@cache
def leaf(kind: str, number: int = 0) -> Issued:
    issuer = ECDSA if kind == "p256" else RSA
    return make_leaf(issuer.intermediate, private_key=fresh_key(kind))


@dataclass(frozen=True)
class Folder:
    """Files by name; `pairs` reads those named."""

    path: Path

    def put(self, name: str, *contents: bytes) -> str:
        (self.path / name).write_bytes(b"".join(contents))
        return str(self.path / name)

    def usual(self) -> None:
        """rsa.crt, rsa.key, ec.crt, ec.key, chain: both intermediates and roots."""
        for name, one in (("rsa", RSA.leaf), ("ec", ECDSA.leaf)):
            self.put(f"{name}.crt", one.pem)
            self.put(f"{name}.key", one.key_pem)
        self.put(
            "chain", *(one.pem for tree in (ECDSA, RSA) for one in (tree.root, tree.intermediate))
        )

    def pairs(self, certs: str, keys: str = "", chain: str = "chain") -> tuple[Bundle, ...]:
        names = ([str(self.path / name) for name in each.split()] for each in (certs, keys, chain))
        certificates, private, intermediates = map(tuple, names)
        return prepare_pairs(DeliveredFiles(certificates, private, intermediates), MAIL, TRUST, NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.usual()
    return made


@pytest.mark.parametrize("certs", ["rsa.crt ec.crt", "ec.crt rsa.crt"])
@pytest.mark.parametrize("keys", ["rsa.key ec.key", "ec.key rsa.key", "both.key"])
def test_matched_whatever_the_order_and_rsa_is_first(folder: Folder, certs: str, keys: str) -> None:
    folder.put("both.key", ECDSA.leaf.key_pem, RSA.leaf.key_pem)
    first, second = folder.pairs(certs, keys)
    assert first.combined_pem == RSA.leaf.key_pem + RSA.leaf.pem + RSA.intermediate.pem
    assert second.combined_pem == ECDSA.leaf.key_pem + ECDSA.leaf.pem + ECDSA.intermediate.pem
    told = [*first.notices, *second.notices]
    assert [one.rsplit(": ", 1)[1] for one in told] == ["the root, which clients have"] * 2


def test_all_in_one_file_in_any_order(folder: Folder) -> None:
    folder.put(
        "all", ECDSA.leaf.pem, RSA.leaf.key_pem, RSA.intermediate.pem, ECDSA.leaf.key_pem,
        RSA.leaf.pem, ECDSA.intermediate.pem,
    )  # fmt: skip
    bundles = folder.pairs("all", chain="")
    assert [bundle.leaf for bundle in bundles] == [RSA.leaf.facts, ECDSA.leaf.facts]
    assert all(bundle.notices == () for bundle in bundles)


def test_one_key_is_named_and_the_other_lies_in_its_certificates_file(folder: Folder) -> None:
    folder.put("ec.pem", ECDSA.leaf.pem, ECDSA.leaf.key_pem)
    assert len(folder.pairs("rsa.crt ec.pem", "rsa.key")) == 2


def test_a_sealed_key_that_nobody_needs_stays_sealed(folder: Folder) -> None:
    folder.put("rsa.pem", RSA.leaf.pem, key_pem(RSA.leaf.private_key, b"nobody knows"))
    (bundle,) = folder.pairs("rsa.pem", "rsa.key")
    assert bundle.key_pem == RSA.leaf.key_pem


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "ed25519"])
def test_one_certificate_is_as_it_always_was(folder: Folder, kind: str) -> None:
    one = leaf(kind)
    certificate, key = folder.put("one.crt", one.pem), folder.put("one.key", one.key_pem)
    chain = str(folder.path / "chain")
    single = prepare(CertificateFiles(certificate, key, (chain,)), MAIL, TRUST, NOW)
    assert folder.pairs("one.crt", "one.key") == (single,)


def test_an_authoritys_own_key_is_not_the_servers(folder: Folder) -> None:
    folder.put("laboratory", ECDSA.leaf.pem, RSA.root.pem, RSA.root.key_pem, ECDSA.leaf.key_pem)
    (bundle,) = folder.pairs("laboratory")
    assert bundle.leaf == ECDSA.leaf.facts
    assert any("a private key of another certificate" in one for one in bundle.notices)


Prepare = Callable[[Folder], None]


def _second_rsa(folder: Folder) -> None:
    folder.put("ec.crt", leaf("rsa2048", 1).pem)
    folder.put("ec.key", leaf("rsa2048", 1).key_pem)


def _edwards(folder: Folder) -> None:
    folder.put("ec.crt", leaf("ed25519").pem)
    folder.put("ec.key", leaf("ed25519").key_pem)


def _expired(folder: Folder) -> None:
    old = make_leaf(ECDSA.intermediate, private_key=fresh_key(), after=NOW.replace(year=2025),
                    before=NOW.replace(year=2024))  # fmt: skip
    folder.put("ec.crt", old.pem)
    folder.put("ec.key", old.key_pem)


def _nothing(folder: Folder) -> None:
    return


@pytest.mark.parametrize(
    ("spoil", "certs", "keys", "said"),
    [
        (_second_rsa, "rsa.crt ec.crt", "rsa.key ec.key",
         "ec.crt:1: is a second certificate with an RSA key, beside {}/rsa.crt:1; give at most one "
         "with an RSA key and one with an ECDSA key"),
        (_edwards, "rsa.crt ec.crt", "rsa.key ec.key",
         "ec.crt:1: a certificate with a key of Ed25519 cannot stand beside another; give one with "
         "an RSA key and one with an ECDSA key, or this one alone"),
        (_nothing, "rsa.crt ec.crt", "rsa.key",
         "ec.crt:1: none of the private keys given belongs to the certificate CN=mail.example.com "
         "(ECDSA prime256v1); add its key with --key"),
        (_nothing, "rsa.crt", "rsa.key ec.key",
         "ec.key:1: the private key belongs to none of the certificates given; leave it out, or "
         "add its certificate with --cert"),
        (_nothing, "rsa.crt ec.crt", "",
         "rsa.crt:1: no private key was given; use --key"),
        (_nothing, "rsa.crt", "ec.key",
         "ec.key:1: the private key does not belong to the certificate CN=mail.example.com "
         "({}/rsa.crt:1); give the key that its CSR was made with"),
        (_expired, "rsa.crt ec.crt", "rsa.key ec.key",
         "ec.crt:1: the certificate expired on 2025-11-22 12:00 UTC; renew it"),
        (_nothing, "rsa.crt rsa.key", "ec.key",
         "rsa.key: is a private key, not a certificate; --cert and --key may be the wrong way "
         "round"),
    ],
)  # fmt: skip
def test_refused_by_the_file_at_fault(
    folder: Folder, spoil: Prepare, certs: str, keys: str, said: str
) -> None:
    spoil(folder)
    with pytest.raises(CertificateError) as caught:
        folder.pairs(certs, keys)
    assert str(caught.value) == f"{folder.path}/" + said.format(folder.path)
