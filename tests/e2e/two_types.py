"""An RSA and an ECDSA certificate for one host, delivered, and each seen by an `openssl s_client`
that speaks only that one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from letterlock.model.certificate import KeyType
from tests.certs.authority import Issued, fresh_key, make_intermediate, make_leaf, make_root
from tests.e2e.ports import PORTS, Seen, seen_by_openssl
from tests.machine import HOSTNAME, Machine

#: What makes s_client one that cannot verify the other kind: schemes decide in TLS 1.3, suites in
#: TLS 1.2.
ALONE = {
    (KeyType.RSA, "TLSv1.3"): ("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"),
    (KeyType.RSA, "TLSv1.2"): ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
    (KeyType.ECDSA, "TLSv1.3"): ("-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"),
    (KeyType.ECDSA, "TLSv1.2"): ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
}
_KINDS = {KeyType.RSA: "rsa2048", KeyType.ECDSA: "p256"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """A leaf's file and its key's, and the SHA-256 of the leaf."""

    certificate: str
    key: str
    leaf: str


@dataclass(frozen=True, slots=True)
class Two:
    """What a CA delivers twice: `chain` holds the intermediates of both, `roots` both roots."""

    by_type: dict[KeyType, Delivered]
    chain: str
    roots: Path

    @property
    def rsa(self) -> Delivered:
        return self.by_type[KeyType.RSA]

    @property
    def ecdsa(self) -> Delivered:
        return self.by_type[KeyType.ECDSA]

    def arguments(self, *more: str, types: Iterable[KeyType] = (KeyType.RSA, KeyType.ECDSA)) -> Any:
        """`secure` with the certificates of these types, the keys in the other order."""
        chosen = [self.by_type[each] for each in types]
        return (
            "secure", HOSTNAME, *(w for one in chosen for w in ("--cert", one.certificate)),
            *(w for one in reversed(chosen) for w in ("--key", one.key)),
            "--chain", self.chain, "--ca-file", str(self.roots), "--yes", *more,
        )  # fmt: skip


def deliver_two(
    machine: Machine, folder: str = "/root/two", *, issuers: Two | None = None, one_ca: bool = False
) -> Two:
    """Two hierarchies, each of its leaf's key type; with `one_ca` both leaves come from the RSA
    one, as from CAs that have no other. `issuers` is a delivery whose CAs go on."""
    authorities = {kind: _authority(kind, one_ca=one_ca) for kind in KeyType}
    if issuers is not None:
        authorities = _ISSUERS[issuers.chain]
    _ISSUERS[f"{folder}/chain.pem"] = authorities
    by_type = {}
    for kind, (_, intermediate) in authorities.items():
        leaf = make_leaf(
            intermediate,
            private_key=fresh_key(_KINDS[kind]),
            after=datetime.now(UTC) + timedelta(days=90),
        )
        name = f"{folder}/{kind.lower()}"
        machine.write(f"{name}.crt", leaf.pem)
        machine.write(f"{name}.key", leaf.key_pem, 0o600)
        by_type[kind] = Delivered(f"{name}.crt", f"{name}.key", leaf.facts.sha256)
    pairs = tuple(authorities.values())
    machine.write(f"{folder}/chain.pem", b"".join(one.pem for _, one in pairs))
    machine.write(f"{folder}/roots.pem", b"".join(one.pem for one, _ in pairs))
    return Two(by_type, f"{folder}/chain.pem", Path(f"{folder}/roots.pem"))


_Authority = tuple[Issued, Issued]
_ISSUERS: dict[str, dict[KeyType, _Authority]] = {}


def _authority(kind: KeyType, *, one_ca: bool) -> _Authority:
    shared = _KINDS[KeyType.RSA if one_ca else kind]
    root = make_root(f"Root {kind}", private_key=fresh_key(shared))
    return root, make_intermediate(root, f"CA {kind}", private_key=fresh_key(shared))


def assert_each_served(
    machine: Machine,
    two: Two,
    ports: Iterable[int] = tuple(PORTS),
    versions: Iterable[str] = ("TLSv1.3", "TLSv1.2"),
) -> None:
    """On every port a client of one key type alone gets that certificate, with its own chain."""
    for port in ports:
        for kind, one in two.by_type.items():
            for version in versions:
                seen = seen_by_openssl(machine, port, two.roots, *ALONE[kind, version])
                assert seen == Seen(one.leaf, 2, "0 (ok)", version), (port, kind, seen)
