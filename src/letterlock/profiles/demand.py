"""What a role's profile says of a name: a version, a suite, a group, a signature scheme."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.model.cipher_suites import cipher_suites
from letterlock.model.named_groups import group_named, named_groups
from letterlock.model.signature_schemes import signature_schemes
from letterlock.profiles.profile import PROTOCOL_VERSIONS, RoleProfile, Stance
from letterlock.profiles.suite_class import excluded, is_tls13


def same_group(name: str) -> str:
    """One spelling for a group or curve, IANA's or OpenSSL's; for comparison only."""
    group = group_named(name)
    return name.lower() if group is None else group.name.lower()


def version(role: RoleProfile, name: str) -> Stance:
    """A protocol version (SSLv2, SSLv3, TLSv1 … TLSv1.3)."""
    ranks: tuple[str, ...] = PROTOCOL_VERSIONS
    if name not in ranks:
        return "forbidden"
    allowed = ranks.index(name) >= ranks.index(role.minimum_protocol)
    return "allowed" if allowed else "forbidden"


def cipher_suite(role: RoleProfile, name: str) -> Stance:
    """A cipher suite by IANA's name (SSLv2: the draft's). Where the profile lists suites, the
    list counts; else the classes it excludes. To be phased out counts before excluded: the
    classes are what `secure` writes, which is stricter."""
    if is_tls13(name):
        listed = role.tls13_cipher_suites
        return "allowed" if listed is None or name in listed else "forbidden"
    if role.cipher_suites is not None and name in role.cipher_suites:
        return "allowed"
    if name in role.phase_out_cipher_suites:
        return "phase-out"
    if role.cipher_suites is not None or excluded(name, role.exclude_ciphers):
        return "forbidden"
    return "phase-out" if excluded(name, role.phase_out_ciphers) else "allowed"


def named_group(role: RoleProfile, name: str) -> Stance:
    """A named group by IANA's name or OpenSSL's."""
    if role.allowed_groups is None:
        return "allowed"
    group = same_group(name)
    if group in map(same_group, role.allowed_groups):
        return "allowed"
    return "phase-out" if group in map(same_group, role.phase_out_groups) else "forbidden"


def signature_scheme(role: RoleProfile, name: str) -> Stance:
    """A signature scheme by IANA's name, which ends in its hash: `rsa_pkcs1_sha1`, `ecdsa_sha1`,
    `ecdsa_secp256r1_sha256`; Ed25519 and Ed448 bring their own."""
    if role.signature_schemes is not None and name not in role.signature_schemes:
        return "forbidden"
    hash_ = name.rpartition("_")[2]
    if hash_ in role.forbidden_signature_hashes:
        return "forbidden"
    return "phase-out" if hash_ in role.phase_out_signature_hashes else "allowed"


@dataclass(frozen=True, slots=True)
class Tolerated:
    """What an endpoint may offer and still meet a profile, in IANA's names: what is to be phased
    out included. Whatever else a server agrees to refutes that it does."""

    versions: frozenset[str]
    cipher_suites: frozenset[str]
    groups: frozenset[str]
    signature_schemes: frozenset[str]


def tolerated(role: RoleProfile) -> Tolerated:
    """Of all the names in the registries, those that the profile does not forbid. SSLv2's kinds
    are none of them: the version decides."""
    versions = ("SSLv2", *PROTOCOL_VERSIONS)
    suites = (suite.name for suite in cipher_suites())
    groups = (group.name for group in named_groups())
    schemes = (scheme.name for scheme in signature_schemes())
    return Tolerated(
        versions=frozenset(one for one in versions if version(role, one) != "forbidden"),
        cipher_suites=frozenset(one for one in suites if cipher_suite(role, one) != "forbidden"),
        groups=frozenset(one for one in groups if named_group(role, one) != "forbidden"),
        signature_schemes=frozenset(
            one for one in schemes if signature_scheme(role, one) != "forbidden"
        ),
    )
