"""What a relying party accepts: one row per fault, and the same question put to OpenSSL."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import ChainFault
from tests.certs.authority import (
    NOW,
    Issued,
    distinguished,
    fresh_key,
    hierarchy,
    issue,
    key_usage,
    make_intermediate,
    make_leaf,
    make_root,
)

DAY = timedelta(days=1)
MAIL = "mail.example.com"


@dataclass(frozen=True)
class Case:
    """A chain as served, the roots believed, and the faults to be found (empty: accepted).
    `openssl` is OpenSSL's opinion where it differs: it knows no minimum strength below its
    security level, which `verify` does not set."""

    served: Sequence[Issued]
    roots: Sequence[Issued]
    faults: tuple[ChainFault, ...] = ()
    name: str = MAIL
    openssl_accepts: bool | None = None


def _good() -> Case:
    tree = hierarchy()
    return Case([tree.leaf, tree.intermediate], [tree.root])


def _good_rsa() -> Case:
    tree = hierarchy("rsa2048")
    return Case([tree.leaf, tree.intermediate], [tree.root])


def _good_ed25519() -> Case:
    tree = hierarchy("ed25519")
    return Case([tree.leaf, tree.intermediate], [tree.root])


def _out_of_order() -> Case:
    root = make_root()
    first = make_intermediate(root, "One")
    second = make_intermediate(first, "Two")
    leaf = make_leaf(second)
    stranger = make_root("Stranger")
    return Case([leaf, first, stranger, root, second, second], [root])


def _directly_under_root() -> Case:
    root = make_root()
    return Case([make_leaf(root)], [root])


def _issuer_in_other_case() -> Case:
    """RFC 5280 section 7.1: names are compared without case and runs of white space."""
    root = make_root("Test   ROOT authority")
    lookalike = Issued(root.certificate, root.private_key)
    respelt = issue("test root Authority", None, private_key=root.private_key, ca=True)
    leaf = make_leaf(respelt)
    return Case([leaf], [lookalike])


def _root_with_same_key_renewed() -> Case:
    old = make_root()
    new = make_root(private_key=old.private_key)
    return Case([make_leaf(old), old], [new])


def _cross_signed_expired_branch() -> Case:
    """Let's Encrypt in autumn 2021: the served cross-sign leads to an expired root, the same key
    is also a root of its own."""
    old_root = make_root("Old Root", after=NOW - DAY)
    new_root = make_root("New Root")
    cross = make_intermediate(old_root, "New Root", private_key=new_root.private_key)
    middle = make_intermediate(new_root, "Middle")
    return Case([make_leaf(middle), middle, cross], [old_root, new_root])


def _cross_signed_only_way() -> Case:
    old_root = make_root("Old Root")
    new_root = make_root("New Root")
    cross = make_intermediate(old_root, "New Root", private_key=new_root.private_key)
    middle = make_intermediate(new_root, "Middle")
    return Case([make_leaf(middle), middle, cross], [old_root])


def _expired() -> Case:
    tree = hierarchy()
    leaf = make_leaf(tree.intermediate, after=NOW - DAY)
    return Case([leaf, tree.intermediate], [tree.root], (ChainFault.EXPIRED,))


def _not_yet() -> Case:
    tree = hierarchy()
    leaf = make_leaf(tree.intermediate, before=NOW + DAY)
    return Case([leaf, tree.intermediate], [tree.root], (ChainFault.NOT_YET_VALID,))


def _expired_intermediate() -> Case:
    root = make_root()
    middle = make_intermediate(root, after=NOW - DAY)
    return Case([make_leaf(middle), middle], [root], (ChainFault.EXPIRED,))


def _expired_root() -> Case:
    root = make_root(after=NOW - DAY)
    return Case([make_leaf(root)], [root], (ChainFault.EXPIRED,))


def _other_name() -> Case:
    tree = hierarchy()
    return Case(
        [tree.leaf, tree.intermediate],
        [tree.root],
        (ChainFault.NAME_MISMATCH,),
        name="imap.example.com",
    )


def _client_only() -> Case:
    root = make_root()
    leaf = make_leaf(root, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
    return Case([leaf], [root], (ChainFault.NO_SERVER_AUTH,))


def _any_purpose() -> Case:
    root = make_root()
    leaf = make_leaf(root, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    return Case([leaf], [root], (ChainFault.NO_SERVER_AUTH,))


def _no_purpose_extension() -> Case:
    root = make_root()
    return Case([make_leaf(root, purposes=None)], [root])


def _key_usage_without_handshake() -> Case:
    root = make_root()
    leaf = make_leaf(root, usage=key_usage(crl_sign=True))
    return Case([leaf], [root], (ChainFault.NO_SERVER_AUTH,))


def _leaf_alone() -> Case:
    tree = hierarchy()
    return Case([tree.leaf], [tree.root], (ChainFault.INCOMPLETE,))


def _unknown_root_served() -> Case:
    tree = hierarchy()
    served = [tree.leaf, tree.intermediate, tree.root]
    return Case(served, [make_root("Other")], (ChainFault.NO_TRUST_ANCHOR,))


def _unknown_root_not_served() -> Case:
    root = make_root()
    middle = make_intermediate(root)
    return Case([make_leaf(middle), middle], [make_root("X")], (ChainFault.NO_TRUST_ANCHOR,))


def _impostor_root() -> Case:
    """A root of the trusted name with another key."""
    root, impostor = make_root("Root", identifiers=False), make_root("Root", identifiers=False)
    leaf = make_leaf(impostor, identifiers=False)
    return Case([leaf, impostor], [root], (ChainFault.NO_TRUST_ANCHOR,))


def _self_signed() -> Case:
    return Case([make_leaf(None)], [make_root()], (ChainFault.SELF_SIGNED,))


def _self_signed_trusted() -> Case:
    leaf = make_leaf(None)
    return Case([leaf], [leaf])


def _laboratory_root() -> Case:
    """As `openssl req -x509` makes them: no key usage, hardly an extension."""
    root = issue("Lab", None, ca=True, identifiers=False)
    return Case([make_leaf(root, purposes=None, usage=None, identifiers=False)], [root])


def _issuer_is_no_ca() -> Case:
    tree = hierarchy()
    below = make_leaf(tree.leaf)
    served = [below, tree.leaf, tree.intermediate]
    return Case(served, [tree.root], (ChainFault.INVALID,))


def _issuer_without_constraints() -> Case:
    root = make_root()
    middle = make_intermediate(root, ca=None, usage=None)
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _issuer_may_not_sign() -> Case:
    root = make_root()
    middle = make_intermediate(root, usage=key_usage(crl_sign=True))
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _issuer_for_mail_signing() -> Case:
    root = make_root()
    middle = make_intermediate(root, purposes=[ExtendedKeyUsageOID.EMAIL_PROTECTION])
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _path_too_long() -> Case:
    root = make_root(path_length=0)
    middle = make_intermediate(root)
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _path_length_met() -> Case:
    root = make_root(path_length=1)
    middle = make_intermediate(root, path_length=0)
    return Case([make_leaf(middle), middle], [root])


def _constrained(
    permitted: Sequence[x509.GeneralName] | None, excluded: Sequence[x509.GeneralName] | None
) -> tuple[Issued, Issued]:
    root = make_root()
    constraints = x509.NameConstraints(permitted, excluded)
    return root, make_intermediate(root, extra=[(constraints, True)])


def _name_permitted() -> Case:
    root, middle = _constrained([x509.DNSName("example.com")], None)
    return Case([make_leaf(middle), middle], [root])


def _name_not_permitted() -> Case:
    root, middle = _constrained([x509.DNSName("example.net")], None)
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _name_excluded() -> Case:
    root, middle = _constrained(None, [x509.DNSName("example.com")])
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _address_excluded() -> Case:
    root, middle = _constrained(None, [x509.IPAddress(ip_network("192.0.2.0/24"))])
    leaf = make_leaf(middle, MAIL, "192.0.2.7")
    return Case([leaf, middle], [root], (ChainFault.INVALID,))


def _directory_not_permitted() -> Case:
    root, middle = _constrained([x509.DirectoryName(distinguished("Somebody Else"))], None)
    return Case([make_leaf(middle), middle], [root], (ChainFault.INVALID,))


def _unknown_critical() -> Case:
    root = make_root()
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    return Case([make_leaf(root, extra=[(odd, True)])], [root], (ChainFault.INVALID,))


def _unknown_uncritical() -> Case:
    root = make_root()
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    return Case([make_leaf(root, extra=[(odd, False)])], [root])


def _weak_leaf_key() -> Case:
    root = make_root()
    leaf = make_leaf(root, private_key=fresh_key("rsa1024"))
    return Case([leaf], [root], (ChainFault.WEAK_KEY,), openssl_accepts=True)


def _weak_curve() -> Case:
    root = make_root()
    leaf = make_leaf(root, private_key=fresh_key("p192"))
    return Case([leaf], [root], (ChainFault.WEAK_KEY,), openssl_accepts=True)


def _weak_intermediate_key() -> Case:
    root = make_root()
    middle = make_intermediate(root, private_key=fresh_key("rsa1024"))
    return Case([make_leaf(middle), middle], [root], (ChainFault.WEAK_KEY,), openssl_accepts=True)


def _wrong_key_identifier() -> Case:
    root = make_root()
    wrong = x509.AuthorityKeyIdentifier(b"\1" * 20, None, None)
    leaf = make_leaf(root, identifiers=False, extra=[(wrong, False)])
    return Case([leaf], [root], (ChainFault.INCOMPLETE,))


def _sha384_signature() -> Case:
    root = make_root(private_key=fresh_key("p384"))
    return Case([make_leaf(root, digest=hashes.SHA384())], [root])


CASES: tuple[Callable[[], Case], ...] = (
    _good,
    _good_rsa,
    _good_ed25519,
    _out_of_order,
    _directly_under_root,
    _issuer_in_other_case,
    _root_with_same_key_renewed,
    _cross_signed_expired_branch,
    _cross_signed_only_way,
    _expired,
    _not_yet,
    _expired_intermediate,
    _expired_root,
    _other_name,
    _client_only,
    _any_purpose,
    _no_purpose_extension,
    _key_usage_without_handshake,
    _leaf_alone,
    _unknown_root_served,
    _unknown_root_not_served,
    _impostor_root,
    _self_signed,
    _self_signed_trusted,
    _laboratory_root,
    _issuer_is_no_ca,
    _issuer_without_constraints,
    _issuer_may_not_sign,
    _issuer_for_mail_signing,
    _path_too_long,
    _path_length_met,
    _name_permitted,
    _name_not_permitted,
    _name_excluded,
    _address_excluded,
    _directory_not_permitted,
    _unknown_critical,
    _unknown_uncritical,
    _weak_leaf_key,
    _weak_curve,
    _weak_intermediate_key,
    _wrong_key_identifier,
    _sha384_signature,
)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__.strip("_"))
def test_faults_are_found_and_openssl_agrees(make: Callable[[], Case], tmp_path: Path) -> None:
    case = make()
    trust = TrustStore.of(root.facts for root in case.roots)
    verdict = judge([one.facts for one in case.served], case.name, trust, NOW)
    assert {problem.fault for problem in verdict.problems} == set(case.faults), verdict.problems
    assert verdict.accepted == (not case.faults)
    for problem in verdict.problems:
        assert "\n" not in problem.text
    wanted = verdict.accepted if case.openssl_accepts is None else case.openssl_accepts
    assert openssl_accepts(case, tmp_path) == wanted


def openssl_accepts(case: Case, folder: Path) -> bool:
    (folder / "leaf.pem").write_bytes(case.served[0].pem)
    (folder / "rest.pem").write_bytes(b"".join(one.pem for one in case.served[1:]))
    (folder / "roots.pem").write_bytes(b"".join(one.pem for one in case.roots))
    rest = ["-untrusted", "rest.pem"] if len(case.served) > 1 else []
    done = subprocess.run(
        [
            *("openssl", "verify", "-no-CAfile", "-no-CApath", "-no-CAstore"),
            *("-CAfile", "roots.pem", "-purpose", "sslserver", "-verify_hostname", case.name),
            *("-attime", str(int(NOW.timestamp())), *rest, "leaf.pem"),
        ],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_path_and_anchor_are_told() -> None:
    tree = hierarchy()
    verdict = judge(
        [tree.leaf.facts, tree.intermediate.facts], MAIL, TrustStore.of([tree.root.facts]), NOW
    )
    assert verdict.path == (tree.leaf.facts, tree.intermediate.facts)
    assert verdict.anchor == "CN=Test Root"


def test_missing_intermediate_is_named_with_its_url() -> None:
    tree = hierarchy()
    verdict = judge([tree.leaf.facts], MAIL, TrustStore.of([tree.root.facts]), NOW)
    (problem,) = verdict.problems
    assert "CN=Test Intermediate" in problem.text
    assert "http://ca.example/intermediate.der" in problem.text
    assert verdict.anchor is None


def test_intermediate_known_to_the_store_does_not_count() -> None:
    tree = hierarchy()
    trust = TrustStore.of([tree.root.facts, tree.intermediate.facts])
    assert judge([tree.leaf.facts], MAIL, trust, NOW).has(ChainFault.INCOMPLETE)


def test_all_faults_are_told_at_once() -> None:
    leaf = make_leaf(None, "other.example.com", after=NOW - DAY, private_key=fresh_key("rsa1024"))
    verdict = judge([leaf.facts], MAIL, TrustStore.of([]), NOW)
    assert {problem.fault for problem in verdict.problems} == {
        ChainFault.NAME_MISMATCH,
        ChainFault.EXPIRED,
        ChainFault.WEAK_KEY,
        ChainFault.SELF_SIGNED,
    }


def test_self_signed_allowed_in_laboratories() -> None:
    leaf = make_leaf(None)
    assert judge([leaf.facts], MAIL, TrustStore.of([]), NOW, allow_self_signed=True).accepted
    tree = hierarchy()
    served = [tree.leaf.facts, tree.intermediate.facts, tree.root.facts]
    assert judge(served, MAIL, TrustStore.of([]), NOW, allow_self_signed=True).accepted
    verdict = judge(served[:1], MAIL, TrustStore.of([]), NOW, allow_self_signed=True)
    assert verdict.has(ChainFault.INCOMPLETE)
    wrong = judge([leaf.facts], "x.example", TrustStore.of([]), NOW, allow_self_signed=True)
    assert wrong.has(ChainFault.NAME_MISMATCH)


@pytest.mark.parametrize("second", [timedelta(0), timedelta(seconds=1)])
def test_validity_includes_its_last_second(second: timedelta) -> None:
    leaf = make_leaf(None)
    trust = TrustStore.of([leaf.facts])
    assert judge([leaf.facts], MAIL, trust, leaf.facts.not_after + second).accepted is not bool(
        second
    )
    assert judge([leaf.facts], MAIL, trust, leaf.facts.not_before - second).accepted is not bool(
        second
    )


def test_empty_chain() -> None:
    assert judge([], MAIL, TrustStore.of([]), NOW).has(ChainFault.INVALID)


def test_many_certificates_of_one_name_are_bounded() -> None:
    """A stranger's 400 cross-signs of each other must not take for ever."""
    keys = [fresh_key() for _ in range(8)]
    authorities = [make_root("Same", private_key=one, identifiers=False) for one in keys]
    tangle = [
        make_intermediate(signer, "Same", private_key=one.private_key, identifiers=False)
        for signer in authorities
        for one in authorities
        if one is not signer
    ]
    leaf = make_leaf(authorities[0], identifiers=False)
    verdict = judge([leaf.facts, *(one.facts for one in tangle)], MAIL, TrustStore.of([]), NOW)
    assert not verdict.accepted


@pytest.mark.parametrize("name", ["", " ", "a b", "-a.example", "a..b", "*", "x" * 64 + ".example"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(CertificateError):
        judge([make_leaf(None).facts], name, TrustStore.of([]), NOW)
