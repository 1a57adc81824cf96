"""Named groups (IANA's TLS Supported Groups registry, and drafts' that are met in the wild)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from letterlock.model.grade import Grade


class GroupKind(StrEnum):
    """What is exchanged: a point of a curve, a number modulo a prime, a KEM's key, or both of a
    curve and a KEM."""

    ECDHE = "ecdhe"
    FFDHE = "ffdhe"
    KEM = "kem"
    HYBRID = "hybrid"


_GOOD = frozenset({"secp256r1", "secp384r1", "secp521r1", "x25519", "x448"})


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """One code point. `security_bits` is the strength against a classical attacker, about: half
    the size of a curve, RFC 7919 appendix A, the category of an ML-KEM (a hybrid's stronger part),
    0 for the two that stand for a curve spelled out. `versions` is `2` (TLS 1.2 and below), `3`
    (TLS 1.3) or `23`; `openssl_name` None where OpenSSL has none."""

    code: int
    name: str
    kind: GroupKind
    security_bits: int
    versions: str
    openssl_name: str | None

    @property
    def post_quantum(self) -> bool:
        return self.kind in (GroupKind.KEM, GroupKind.HYBRID)

    @property
    def in_tls12(self) -> bool:
        """Usable in TLS 1.2 and below."""
        return "2" in self.versions

    @property
    def in_tls13(self) -> bool:
        return "3" in self.versions

    @property
    def is_placeholder(self) -> bool:
        """Stands for a curve spelled out in the message (RFC 4492 section 5.1.1)."""
        return not self.security_bits

    @property
    def grade(self) -> Grade | None:
        """By NCSC-NL 2025-05 section 3.3.2, as internet.nl applies it to mail since 2026-07, which
        does not judge post-quantum groups yet: None."""
        if self.post_quantum:
            return None
        if self.name in _GOOD or self.name.startswith("brainpool"):
            return Grade.GOOD
        if self.name == "secp224r1" or (self.kind is GroupKind.FFDHE and self.name != "ffdhe2048"):
            return Grade.PHASE_OUT
        return Grade.INSUFFICIENT


@cache
def _groups() -> Mapping[int, NamedGroup]:
    from letterlock.model.tls_registry import NAMED_GROUPS

    return {
        code: NamedGroup(code, name, GroupKind(kind), bits, versions, openssl or None)
        for code, name, kind, bits, versions, openssl in NAMED_GROUPS
    }


@cache
def _by_name() -> Mapping[str, NamedGroup]:
    """By IANA's name and by OpenSSL's, in lower case."""
    found = {each.openssl_name.lower(): each for each in _groups().values() if each.openssl_name}
    return found | {each.name.lower(): each for each in _groups().values()}


def named_groups() -> tuple[NamedGroup, ...]:
    """All of them, by code."""
    return tuple(_groups().values())


def named_group(code: int) -> NamedGroup | None:
    return _groups().get(code)


def group_named(name: str) -> NamedGroup | None:
    """By IANA's name or OpenSSL's, whatever the case."""
    return _by_name().get(name.lower())


def group_name(code: int) -> str:
    """IANA's name; `0x` and four digits for a code in no registry."""
    group = _groups().get(code)
    return f"0x{code:04x}" if group is None else group.name
