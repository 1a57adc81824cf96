"""How good a cipher suite or a group is, in a word and a tone."""

from __future__ import annotations

from enum import StrEnum

from letterlock.model.cipher_suites import CipherSuite, cipher_suite_named
from letterlock.model.grade import Grade
from letterlock.model.named_groups import group_named
from letterlock.model.wording import Wording


class Tone(StrEnum):
    """How a phrase is meant; each format has its own colours, and none says it by colour alone."""

    GOOD = "good"
    PLAIN = "plain"
    WEAK = "weak"
    BAD = "bad"
    DIM = "dim"


_SMALL_BLOCKS = ("3DES", "IDEA", "RC2", "DES", "GOST")


#: NCSC-NL's levels in words.
GRADE_WORDS = {
    Grade.GOOD.value: Wording("good"),
    Grade.SUFFICIENT.value: Wording("sufficient"),
    Grade.PHASE_OUT.value: Wording("phase-out"),
    Grade.INSUFFICIENT.value: Wording("insufficient"),
}


def suite_tone(iana: str) -> tuple[Tone, str]:
    """The tone of a suite and what is weak about it, empty where nothing is (RFC 9325 sections 4.1
    and 4.2, RFC 7465, RFC 8429)."""
    suite = cipher_suite_named(iana)
    if suite is None:
        return (Tone.BAD, "SSLv2") if iana.startswith("SSL_CK") else (Tone.PLAIN, "")
    broken = _broken(suite)
    if broken:
        return Tone.BAD, broken
    if suite.cipher in _SMALL_BLOCKS:
        return Tone.WEAK, Wording("64-bit blocks")
    if not suite.forward_secrecy:
        return Tone.WEAK, Wording("no forward secrecy")
    if suite.mode == "CCM_8":
        return Tone.WEAK, Wording("a short tag")
    if suite.mode == "CBC":
        return Tone.PLAIN, "CBC"
    recommended = suite.grade in (Grade.GOOD, Grade.SUFFICIENT)
    return (Tone.GOOD if recommended else Tone.PLAIN), ""


def _broken(suite: CipherSuite) -> str:
    words = (
        (suite.is_null, Wording("no encryption")),
        (suite.is_anonymous, Wording("anonymous")),
        (suite.is_export, Wording("export")),
        (suite.cipher == "RC4", "RC4"),
        (suite.key_bits < 112, Wording("a short key")),
    )
    return next((word for is_so, word in words if is_so), "")


def suite_grade(iana: str) -> str:
    """NCSC-NL's level (`model.grade`); empty for a suite in no registry."""
    suite = cipher_suite_named(iana)
    if suite is None:
        return Grade.INSUFFICIENT.value if iana.startswith("SSL_CK") else ""
    return suite.grade.value


def grade_word(iana: str) -> str:
    """The level in words for people; empty where there is none."""
    return GRADE_WORDS.get(suite_grade(iana), "")


def openssl_name(iana: str) -> str | None:
    suite = cipher_suite_named(iana)
    return suite.openssl_name if suite else None


def is_post_quantum(group: str) -> bool:
    """A KEM, or a hybrid with one."""
    found = group_named(group)
    return found is not None and found.post_quantum


def is_small(group: str) -> bool:
    """Smaller than RFC 9325 section 4.3 wants: 2048 bits of DH, which RFC 7919 takes for 103 bits
    of strength, or a curve of 224."""
    found = group_named(group)
    return found is not None and 0 < found.security_bits < 103


def has_broken_hash(scheme: str) -> bool:
    """RFC 9155."""
    return scheme.endswith(("_sha1", "_md5"))


_VERSION_TONES = {
    "SSLv2": (Tone.BAD, Wording("broken")),
    "SSLv3": (Tone.BAD, Wording("broken")),
    "TLSv1": (Tone.WEAK, Wording("old")),
    "TLSv1.1": (Tone.WEAK, Wording("old")),
    "TLSv1.2": (Tone.GOOD, ""),
    "TLSv1.3": (Tone.GOOD, ""),
}


def version_tone(name: str) -> tuple[Tone, str]:
    """RFC 6176, RFC 7568 and RFC 8996 have retired all before TLS 1.2."""
    return _VERSION_TONES.get(name, (Tone.PLAIN, ""))
