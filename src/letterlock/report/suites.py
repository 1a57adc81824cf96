"""How good a cipher suite or a group is, in a word and a tone."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """How a phrase is meant; each format has its own colours, and none says it by colour alone."""

    GOOD = "good"
    PLAIN = "plain"
    WEAK = "weak"
    BAD = "bad"
    DIM = "dim"


#: The mark beside the colour.
MARKS = {Tone.GOOD: "", Tone.PLAIN: "", Tone.WEAK: "!", Tone.BAD: "✗", Tone.DIM: ""}

_BROKEN = ("_NULL", "_anon_", "EXPORT", "_RC4_", "_RC2_", "_DES_", "_DES40_", "SSL2_", "SSL_CK_")


def suite_tone(iana: str) -> tuple[Tone, str]:
    """The tone of a suite and what is weak about it, empty where nothing is (RFC 9325 sections 4.1
    and 4.2, RFC 7465, RFC 8429)."""
    for part in _BROKEN:
        if part in iana:
            return Tone.BAD, part.strip("_").replace("SSL2", "SSLv2").replace("SSL_CK", "SSLv2")
    if "3DES" in iana or "IDEA" in iana:
        return Tone.WEAK, "64-bit blocks"
    if "_WITH_" not in iana:
        return Tone.GOOD, ""
    if not iana.startswith(("TLS_ECDHE_", "TLS_DHE_")):
        return Tone.WEAK, "no forward secrecy"
    if any(mode in iana for mode in ("GCM", "CHACHA20", "CCM")):
        return Tone.GOOD, ""
    return Tone.PLAIN, "CBC"


def is_post_quantum(group: str) -> bool:
    """A hybrid with ML-KEM (RFC 9954's registrations and draft-ietf-tls-ecdhe-mlkem), or ML-KEM."""
    return "MLKEM" in group.upper() or "KYBER" in group.upper()


_VERSION_TONES = {
    "SSLv2": (Tone.BAD, "broken"),
    "SSLv3": (Tone.BAD, "broken"),
    "TLSv1": (Tone.WEAK, "old"),
    "TLSv1.1": (Tone.WEAK, "old"),
    "TLSv1.2": (Tone.GOOD, ""),
    "TLSv1.3": (Tone.GOOD, ""),
}


def version_tone(name: str) -> tuple[Tone, str]:
    """RFC 6176, RFC 7568 and RFC 8996 have retired all before TLS 1.2."""
    return _VERSION_TONES.get(name, (Tone.PLAIN, ""))
