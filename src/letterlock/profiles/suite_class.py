"""Classes of cipher suites, in OpenSSL's words (ciphers(1), "Cipher strings") and by predicates on
IANA's names. A name in no registry belongs to no class; SSLv2's kinds are RSA (RFC 6176)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from letterlock.model.cipher_suites import (
    CipherKind,
    CipherSuite,
    cipher_kinds,
    cipher_suite_named,
    iana_name,
)

_Suite = CipherSuite | CipherKind


def _find(name: str) -> _Suite | None:
    suite = cipher_suite_named(name)
    if suite is not None:
        return suite
    return next((kind for kind in cipher_kinds() if kind.name == name), None)


def is_ssl2(name: str) -> bool:
    return isinstance(_find(name), CipherKind)


def is_tls13(name: str) -> bool:
    suite = cipher_suite_named(name)
    return suite is not None and suite.is_tls13


def is_null(name: str) -> bool:
    """No encryption; TLS 1.3 has two such as well (RFC 9150)."""
    suite = cipher_suite_named(name)
    return suite is not None and suite.is_null


def is_anonymous(name: str) -> bool:
    suite = cipher_suite_named(name)
    return suite is not None and suite.is_anonymous


def is_export(name: str) -> bool:
    suite = _find(name)
    return suite is not None and suite.is_export


def _has_cipher(name: str, *ciphers: str) -> bool:
    suite = _find(name)
    return suite is not None and suite.cipher in ciphers


def is_rc4(name: str) -> bool:
    return _has_cipher(name, "RC4")


def is_3des(name: str) -> bool:
    return _has_cipher(name, "3DES")


def is_single_des(name: str) -> bool:
    return _has_cipher(name, "DES")


def is_rc2(name: str) -> bool:
    return _has_cipher(name, "RC2")


def is_cbc(name: str) -> bool:
    suite = _find(name)
    return suite is not None and suite.mode == "CBC"


def is_aead(name: str) -> bool:
    """Authenticated encryption (RFC 5116): GCM, CCM, ChaCha20-Poly1305."""
    suite = cipher_suite_named(name)
    return suite is not None and suite.is_aead and not suite.is_null


def is_static(name: str) -> bool:
    """The key exchange is static RSA or static (EC)DH: no forward secrecy."""
    suite = cipher_suite_named(name)
    return suite is not None and suite.key_exchange in ("RSA", "DH", "ECDH")


def needs_shared_secret(name: str) -> bool:
    suite = cipher_suite_named(name)
    return suite is not None and suite.needs_shared_secret


Test = Callable[[CipherSuite], bool]


def _exchange(exchange: str, *authentications: str) -> Test:
    return lambda suite: suite.key_exchange == exchange and suite.authentication in authentications


def _cipher(*ciphers: str) -> Test:
    return lambda suite: suite.cipher in ciphers


def _mac(mac: str) -> Test:
    return lambda suite: suite.mac == mac


def _psk(exchange: str) -> Test:
    return _exchange(exchange, "PSK")


#: The words that profiles exclude by.
WORDS: Mapping[str, Test] = {
    "aNULL": lambda suite: suite.is_anonymous,
    "ADH": _exchange("DHE", "anon"),
    "AECDH": _exchange("ECDHE", "anon"),
    "eNULL": lambda suite: suite.is_null,
    "NULL": lambda suite: suite.is_null,
    "EXPORT": lambda suite: suite.is_export,
    "LOW": lambda suite: suite.is_export or suite.cipher in ("DES", "RC2"),
    "CBC": lambda suite: suite.mode == "CBC",
    "DES": _cipher("DES"),
    "3DES": _cipher("3DES"),
    "RC4": _cipher("RC4"),
    "RC2": _cipher("RC2"),
    "MD5": _mac("MD5"),
    "SHA1": _mac("SHA1"),
    "SHA256": _mac("SHA256"),
    "SHA384": _mac("SHA384"),
    "kRSA": _exchange("RSA", "RSA"),
    "kDHE": _exchange("DHE", "RSA", "DSS", "anon"),
    "kECDHE": _exchange("ECDHE", "RSA", "ECDSA", "anon"),
    "kDHr": _exchange("DH", "RSA"),
    "kDHd": _exchange("DH", "DSS"),
    "kECDH": _exchange("ECDH", "RSA", "ECDSA"),
    "kPSK": _psk("PSK"),
    "kDHEPSK": _psk("DHE"),
    "kRSAPSK": _psk("RSA"),
    "kECDHEPSK": _psk("ECDHE"),
    "PSK": lambda suite: suite.authentication == "PSK",
    "kSRP": lambda suite: suite.key_exchange == "SRP",
    "aDSS": lambda suite: suite.authentication == "DSS",
    "AES": _cipher("AES"),
    "AESCCM": lambda suite: suite.cipher == "AES" and suite.mode.startswith("CCM"),
    "AESCCM8": lambda suite: suite.cipher == "AES" and suite.mode == "CCM_8",
    "CAMELLIA": _cipher("CAMELLIA"),
    "ARIA": _cipher("ARIA"),
    "SEED": _cipher("SEED"),
    "IDEA": _cipher("IDEA"),
    "CHACHA20": _cipher("CHACHA20"),
}


def is_word(word: str) -> bool:
    """Whether a profile may exclude by it: a class, or a suite in OpenSSL's or IANA's name."""
    return word in WORDS or cipher_suite_named(iana_name(word)) is not None


def excluded(name: str, words: Iterable[str]) -> bool:
    """Whether one of OpenSSL's words covers a suite. TLS 1.3's are out of reach of those words."""
    suite = cipher_suite_named(name)
    if suite is None or suite.is_tls13:
        return False
    return any(WORDS[word](suite) if word in WORDS else iana_name(word) == name for word in words)
