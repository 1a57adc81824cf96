"""Signature schemes: IANA's TLS SignatureScheme registry, and TLS 1.2's pairs of hash and
signature algorithm, which share its numbers (RFC 8446 section 4.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from letterlock.model.grade import Grade


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """One code point. `signature` is rsa (PKCS #1 v1.5), rsa-pss, dsa, ecdsa, ed25519, ed448,
    ml-dsa, slh-dsa, sm2 or gost; `hash` is md5, sha1, sha224, sha256, …, None where it belongs to
    the scheme; `versions` as in `named_groups`. A pair that TLS 1.3 did not take up has a name made
    as the others' are (`rsa_pkcs1_sha224`)."""

    code: int
    name: str
    signature: str
    hash: str | None
    versions: str

    @property
    def in_tls12(self) -> bool:
        return "2" in self.versions

    @property
    def in_tls13(self) -> bool:
        return "3" in self.versions

    @property
    def is_sha1(self) -> bool:
        return self.hash == "sha1"

    @property
    def post_quantum(self) -> bool:
        return self.signature in ("ml-dsa", "slh-dsa")

    @property
    def grade(self) -> Grade:
        """By its hash: NCSC-NL 2025-05 section 3.3.5; RFC 9155 takes MD5 and SHA-1 out of TLS
        1.2."""
        if self.hash in ("md5", "sha1") or self.signature == "dsa":
            return Grade.INSUFFICIENT
        return Grade.PHASE_OUT if self.hash == "sha224" else Grade.GOOD


@cache
def _schemes() -> Mapping[int, SignatureScheme]:
    from letterlock.model.tls_registry import SIGNATURE_SCHEMES

    return {
        code: SignatureScheme(code, name, signature, hash_ or None, versions)
        for code, name, signature, hash_, versions in SIGNATURE_SCHEMES
    }


def signature_schemes() -> tuple[SignatureScheme, ...]:
    """All of them, by code."""
    return tuple(_schemes().values())


def signature_scheme(code: int) -> SignatureScheme | None:
    return _schemes().get(code)


def scheme_name(code: int) -> str:
    """Its name; `0x` and four digits for a code in no registry."""
    scheme = _schemes().get(code)
    return f"0x{code:04x}" if scheme is None else scheme.name
