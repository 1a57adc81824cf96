"""Mozilla's roots beside the system's."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest

from letterlock.certs import material
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from letterlock.model.certificate import ChainFault
from letterlock.probe.chain import read_chain
from tests.certs.authority import NOW, make_leaf, make_root

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
ROOTS = [
    base64.b64decode(found[1]) for found in _BLOCK.finditer(Path(certifi.where()).read_bytes())
]
NAME = "mail.example.com"


def test_all_of_certifis_roots_are_there() -> None:
    store = TrustStore.of_mozilla()
    assert len(ROOTS) > 100
    assert all(facts(der) in store for der in ROOTS)
    assert certifi.__version__ in store.source


def test_a_chain_that_only_the_system_believes() -> None:
    root = make_root("Private")
    leaf = make_leaf(root, NAME)
    trust = TrustStore.of([root.facts], "the system's").beside_mozilla()
    _, verdict = read_chain((leaf.facts.der,), NAME, trust, NOW)
    assert verdict.accepted and verdict.anchor
    assert verdict.mozilla and verdict.mozilla.anchor is None
    (problem,) = verdict.mozilla.problems
    assert problem.fault in (ChainFault.INCOMPLETE, ChainFault.NO_TRUST_ANCHOR)
    assert "Mozilla's roots" in problem.text


def test_a_chain_that_only_mozilla_believes() -> None:
    """One of its own roots stands for it: nobody else can sign for them."""
    trust = TrustStore("an empty store", None).beside_mozilla()
    _, verdict = read_chain((ROOTS[0],), NAME, trust, datetime.now(UTC))
    assert verdict.anchor is None
    assert verdict.mozilla and verdict.mozilla.anchor


def test_roots_of_ones_own_stand_alone() -> None:
    root = make_root("Private")
    _, verdict = read_chain(
        (make_leaf(root, NAME).facts.der,), NAME, TrustStore.of([root.facts]), NOW
    )
    assert verdict.mozilla is None


def test_each_store_is_read_once_and_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    usual = material.read_bytes

    def counted(path: str | Path) -> bytes:
        reads.append(str(path))
        return usual(path)

    monkeypatch.setattr(material, "read_bytes", counted)
    root = make_root("Private")
    trust = TrustStore.of([root.facts]).beside_mozilla()
    assert reads == []
    for name in ("a.example", "b.example"):
        leaf = make_leaf(root, name)
        read_chain((leaf.facts.der,), name, trust, NOW)
    assert reads == [certifi.where()]
