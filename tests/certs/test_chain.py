"""Chains put in order by signature, whatever the files' order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.certs.chain import Chain, build
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import PrivateKey, server_key
from letterlock.certs.material import LoadedCertificate
from letterlock.certs.trust import TrustStore
from letterlock.model.errors import Location, UndeterminedError
from tests.certs.authority import (
    NOW,
    Issued,
    hierarchy,
    make_intermediate,
    make_leaf,
    make_root,
)

DAY = timedelta(days=1)


def _load(*certificates: Issued) -> list[LoadedCertificate]:
    return [
        LoadedCertificate(one.facts, Location("bundle.crt", line))
        for line, one in enumerate(certificates, 1)
    ]


def _key(issued: Issued) -> PrivateKey:
    return server_key(issued.private_key, Location("mail.key", 1))


def _trust(*roots: Issued) -> TrustStore:
    return TrustStore.of(root.facts for root in roots)


def _built(chain: Chain, *expected: Issued) -> bool:
    return chain.certificates == tuple(one.facts for one in expected)


@pytest.mark.parametrize("with_key", [True, False])
def test_every_order_gives_the_same_chain(with_key: bool) -> None:
    root = make_root()
    first = make_intermediate(root, "First")
    second = make_intermediate(first, "Second")
    leaf = make_leaf(second)
    key = _key(leaf) if with_key else None
    for order in permutations((root, first, second, leaf)):
        chain = build(_load(*order), key, _trust(root), NOW)
        assert _built(chain, leaf, second, first)
        assert chain.root == root.facts
        assert len(chain.notices) == 1
        assert "CN=Test Root: the root, which clients have" in chain.notices[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=12))
def test_duplicates_and_strangers_change_nothing(more: list[int]) -> None:
    tree = hierarchy()
    every = (tree.leaf, tree.intermediate, tree.root, _STRANGERS[0], _STRANGERS[1])
    files = [tree.intermediate, *(every[number] for number in more), tree.leaf]
    chain = build(_load(*files), _key(tree.leaf), _trust(tree.root), NOW)
    assert _built(chain, tree.leaf, tree.intermediate)
    assert len(chain.notices) == len(files) - 2, "every one left out has its notice"


_STRANGERS = (make_root("Stranger"), make_leaf(make_root("Elsewhere"), "other.example"))


def test_notices_say_why() -> None:
    tree = hierarchy()
    files = _load(tree.leaf, tree.intermediate, tree.leaf, *_STRANGERS)
    assert build(files, _key(tree.leaf), _trust(tree.root), NOW).notices == (
        "bundle.crt:3: left out, the same certificate as bundle.crt:1",
        "bundle.crt:4: left out CN=Stranger: a root that the chain does not end in",
        "bundle.crt:5: left out CN=other.example: not part of the chain",
    )


def test_root_is_known_from_the_store_alone() -> None:
    tree = hierarchy()
    chain = build(_load(tree.leaf, tree.intermediate), None, _trust(tree.root), NOW)
    assert chain.root == tree.root.facts
    expected = tree.leaf.pem + tree.intermediate.pem
    assert chain.pem() == expected
    assert chain.pem(with_root=True) == expected + tree.root.pem


def test_cross_signed_the_shortest_way_to_an_anchor() -> None:
    old, new = make_root("Old"), make_root("New")
    cross = make_intermediate(old, "New", private_key=new.private_key)
    middle = make_intermediate(new, "Middle")
    leaf = make_leaf(middle)
    for order in permutations((cross, middle, new)):
        files = _load(leaf, *order)
        both = build(files, None, _trust(old, new), NOW)
        assert _built(both, leaf, middle)
        assert both.root == new.facts
        assert any("CN=New: cross-signed" in notice for notice in both.notices)
        assert _built(build(files, None, _trust(old), NOW), leaf, middle, cross)
        assert _built(build(files, None, _trust(new), NOW), leaf, middle)


def test_cross_signed_the_way_that_is_valid() -> None:
    root = make_root()
    dead = make_intermediate(root, "Middle", after=NOW - DAY)
    alive = make_intermediate(root, "Middle", private_key=dead.private_key)
    leaf = make_leaf(dead)
    for order in permutations((dead, alive)):
        assert _built(build(_load(leaf, *order), None, _trust(root), NOW), leaf, alive)


def test_key_chooses_among_leaves_and_renewals() -> None:
    root = make_root()
    old = make_leaf(root, after=NOW + DAY)
    new = make_leaf(root, private_key=old.private_key)
    future = make_leaf(root, private_key=old.private_key, before=NOW + DAY, after=NOW + 90 * DAY)
    other = make_leaf(root, "other.example.com")
    for order in permutations((old, new, future, other)):
        chain = build(_load(*order), _key(old), _trust(root), NOW)
        assert _built(chain, new)
        assert len(chain.notices) == 3
    with pytest.raises(CertificateError, match="several certificates could be the server's"):
        build(_load(new, other), None, _trust(root), NOW)


def test_self_signed_leaf_that_is_a_ca() -> None:
    """What `openssl req -x509` makes."""
    leaf = make_root("mail.example.com", names=["mail.example.com"])
    chain = build(_load(leaf), _key(leaf), _trust(), NOW)
    assert _built(chain, leaf)
    assert chain.root is None
    assert chain.pem(with_root=True) == leaf.pem
    assert _built(build(_load(leaf), None, _trust(), NOW), leaf)


def test_foreign_key_is_refused_with_both_places() -> None:
    tree, other = hierarchy(), make_leaf(None)
    with pytest.raises(CertificateError) as caught:
        build(_load(tree.intermediate, tree.leaf), _key(other), _trust(tree.root), NOW)
    assert str(caught.value).startswith(
        "mail.key:1: the private key does not belong to the certificate CN=mail.example.com "
        "(bundle.crt:2)"
    )


@pytest.mark.parametrize("form", ["der", "pem", "pkcs7"])
def test_missing_intermediate_is_fetched(form: str) -> None:
    tree = hierarchy()
    page = {
        "der": tree.intermediate.der,
        "pem": tree.intermediate.pem,
        "pkcs7": pkcs7.serialize_certificates([tree.intermediate.certificate], Encoding.DER),
    }[form]
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return page

    chain = build(_load(tree.leaf), None, _trust(tree.root), NOW, fetch=fetch)
    assert _built(chain, tree.leaf, tree.intermediate)
    assert asked == ["http://ca.example/intermediate.der"]
    assert chain.notices == (
        "fetched CN=Test Intermediate from http://ca.example/intermediate.der",
    )


def test_nothing_is_fetched_without_need() -> None:
    def fetch(url: str) -> bytes:
        raise AssertionError(url)

    tree = hierarchy()
    build(_load(tree.leaf, tree.intermediate), None, _trust(tree.root), NOW, fetch=fetch)
    odd = make_leaf(make_root(), issuer_url="ldap://ca.example/x")
    build(_load(odd), None, _trust(), NOW, fetch=fetch)


def test_fetching_ends() -> None:
    """An issuer that always names yet another one."""
    root = make_root()
    chain: list[Issued] = [root]
    for number in range(8):
        chain.append(
            make_intermediate(
                chain[-1], f"CA {number}", issuer_url=f"http://ca.example/{number - 1}"
            )
        )
    leaf = make_leaf(chain[-1], issuer_url="http://ca.example/7")
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return chain[int(url.rsplit("/", 1)[1]) + 1].der

    built = build(_load(leaf), None, _trust(root), NOW, fetch=fetch)
    assert len(asked) == 4
    assert len(built.certificates) == 5


def test_fetched_stranger_is_left_out() -> None:
    tree = hierarchy()
    chain = build(_load(tree.leaf), None, _trust(tree.root), NOW, fetch=lambda _: _STRANGERS[0].der)
    assert _built(chain, tree.leaf)


def test_failure_to_fetch_is_told() -> None:
    def fetch(url: str) -> bytes:
        raise UndeterminedError(f"{url} cannot be fetched")

    with pytest.raises(UndeterminedError):
        build(_load(hierarchy().leaf), None, _trust(), NOW, fetch=fetch)


def test_no_certificates() -> None:
    nothing: Sequence[LoadedCertificate] = ()
    with pytest.raises(CertificateError, match="no certificate was given"):
        build(nothing, None, _trust(), NOW)
