"""Classes of cipher suites in OpenSSL's words (ciphers(1)), told from IANA's names.

The names say it all (RFC 5246 appendix C): `TLS_` key exchange `_WITH_` cipher `_` MAC; TLS 1.3's
have no `_WITH_` (RFC 8446 appendix B.4); SSLv2's are `SSL_CK_` cipher `_WITH_MD5`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from letterlock.model.cipher_suites import IANA_NAMES, iana_name

Test = Callable[[str], bool]


def key_exchange(suite: str) -> str:
    """`ECDHE_RSA`, `RSA_EXPORT`, `DH_anon`; empty for TLS 1.3; SSLv2 knows RSA only."""
    if suite.startswith("SSL"):
        return "RSA"
    before, with_, _ = suite.partition("_WITH_")
    return before.removeprefix("TLS_") if with_ else ""


def cipher(suite: str) -> str:
    """Bulk cipher and MAC: `AES_128_CBC_SHA`, `AES_128_GCM_SHA256`."""
    if suite.startswith("SSL"):
        return suite.removeprefix("SSL_CK_").removeprefix("SSL2_")
    return suite.partition("_WITH_")[2] or suite.removeprefix("TLS_")


def is_tls13(suite: str) -> bool:
    return suite.startswith("TLS_") and "_WITH_" not in suite


def is_ssl2(suite: str) -> bool:
    return suite.startswith(("SSL_CK_", "SSL2_"))


def is_null(suite: str) -> bool:
    """No encryption; TLS 1.3 has two such as well (RFC 9150)."""
    return cipher(suite).startswith("NULL") or suite in ("TLS_SHA256_SHA256", "TLS_SHA384_SHA384")


def is_anonymous(suite: str) -> bool:
    return "_anon" in key_exchange(suite) or suite == "TLS_NULL_WITH_NULL_NULL"


def is_export(suite: str) -> bool:
    return "EXPORT" in suite


def is_rc4(suite: str) -> bool:
    return cipher(suite).startswith("RC4_")


def is_3des(suite: str) -> bool:
    return cipher(suite).startswith(("3DES_", "DES_192_EDE3"))


def is_single_des(suite: str) -> bool:
    return cipher(suite).startswith(("DES_", "DES40_")) and not is_3des(suite)


def is_rc2(suite: str) -> bool:
    return cipher(suite).startswith("RC2_")


def is_cbc(suite: str) -> bool:
    return "_CBC" in cipher(suite)


def is_aead(suite: str) -> bool:
    """Authenticated encryption (RFC 5116): all of TLS 1.3, GCM, CCM, ChaCha20-Poly1305."""
    words = cipher(suite)
    encrypts = not is_null(suite) and not is_ssl2(suite)
    return encrypts and (is_tls13(suite) or any(w in words for w in ("_GCM", "_CCM", "POLY1305")))


def is_static(suite: str) -> bool:
    """The key exchange is static RSA or static (EC)DH: no forward secrecy."""
    return key_exchange(suite).startswith(("RSA", "DH_RSA", "DH_DSS", "ECDH_RSA", "ECDH_ECDSA"))


def is_dhe(suite: str) -> bool:
    return key_exchange(suite).startswith(("DHE_", "DH_anon"))


def needs_shared_secret(suite: str) -> bool:
    """PSK, SRP, Kerberos, a password: nothing that a mail server's client can have."""
    return any(word in key_exchange(suite) for word in ("PSK", "SRP", "KRB5", "ECCPWD"))


def _exchange(*starts: str) -> Test:
    return lambda suite: key_exchange(suite).startswith(starts)


def _cipher(start: str) -> Test:
    return lambda suite: cipher(suite).startswith(start)


def _mac(*ends: str) -> Test:
    """Suites with such a MAC; an AEAD has none, its hash is the PRF's."""
    return lambda suite: not is_aead(suite) and cipher(suite).endswith(ends)


#: The words that profiles exclude by (ciphers(1), "Cipher strings").
WORDS: Mapping[str, Test] = {
    "aNULL": is_anonymous,
    "ADH": lambda suite: key_exchange(suite).startswith("DH_anon"),
    "AECDH": lambda suite: key_exchange(suite).startswith("ECDH_anon"),
    "eNULL": is_null,
    "NULL": is_null,
    "EXPORT": is_export,
    "LOW": lambda suite: is_single_des(suite) or is_rc2(suite) or is_export(suite),
    "CBC": is_cbc,
    "DES": is_single_des,
    "3DES": is_3des,
    "RC4": is_rc4,
    "RC2": is_rc2,
    "MD5": _mac("_MD5"),
    "SHA1": _mac("_SHA"),
    "SHA256": _mac("_SHA256"),
    "SHA384": _mac("_SHA384"),
    "kRSA": lambda suite: key_exchange(suite) in ("RSA", "RSA_EXPORT", "RSA_EXPORT1024"),
    "kDHE": _exchange("DHE_RSA", "DHE_DSS", "DH_anon"),
    "kECDHE": _exchange("ECDHE_RSA", "ECDHE_ECDSA", "ECDH_anon"),
    "kDHr": _exchange("DH_RSA"),
    "kDHd": _exchange("DH_DSS"),
    "kECDH": _exchange("ECDH_RSA", "ECDH_ECDSA"),
    "kPSK": lambda suite: key_exchange(suite) == "PSK",
    "kDHEPSK": lambda suite: key_exchange(suite) == "DHE_PSK",
    "kRSAPSK": lambda suite: key_exchange(suite) == "RSA_PSK",
    "kECDHEPSK": lambda suite: key_exchange(suite) == "ECDHE_PSK",
    "PSK": lambda suite: "PSK" in key_exchange(suite),
    "kSRP": lambda suite: key_exchange(suite).startswith("SRP"),
    "aDSS": lambda suite: "DSS" in key_exchange(suite),
    "AES": _cipher("AES_"),
    "AESCCM": lambda suite: cipher(suite).startswith("AES_") and "_CCM" in cipher(suite),
    "AESCCM8": lambda suite: cipher(suite).startswith("AES_") and "_CCM_8" in cipher(suite),
    "CAMELLIA": _cipher("CAMELLIA_"),
    "ARIA": _cipher("ARIA_"),
    "SEED": _cipher("SEED_"),
    "IDEA": _cipher("IDEA_"),
    "CHACHA20": _cipher("CHACHA20_"),
}


def is_word(word: str) -> bool:
    """Whether a profile may exclude by it: a class, or a suite in OpenSSL's or IANA's name."""
    return word in WORDS or word in IANA_NAMES or word.startswith("TLS_")


def excluded(suite: str, words: Iterable[str]) -> bool:
    """Whether one of OpenSSL's words covers a suite. TLS 1.3's are out of reach of those words."""
    if is_tls13(suite):
        return False
    return any(WORDS[word](suite) if word in WORDS else iana_name(word) == suite for word in words)
