"""Cipher suites: what IANA's TLS Cipher Suites registry and SSLv2's specification say of each, in
OpenSSL's spelling too. The table is read when something is first asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from letterlock.model.grade import Grade

_TLS1_3 = 0x0304
#: Ephemeral: all of TLS 1.3's, and (EC)DHE (RFC 9325 section 4.1), which anonymous ones are too.
_EPHEMERAL = ("any", "DHE", "ECDHE", "CECPQ1", "ECCPWD")


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One code point. `key_exchange` is RSA, DH, DHE, ECDH, ECDHE, PSK, SRP, KRB5, GOST, … or
    `any` (TLS 1.3); `authentication` RSA, DSS, ECDSA, anon, PSK, SRP, … or `any`; `cipher` AES,
    CHACHA20, 3DES, RC4, … or NULL; `mode` CBC, GCM, CCM, CCM_8, POLY1305, … or empty for a stream;
    `mac` MD5, SHA1, SHA256, …, or AEAD. `first_version` is the lowest protocol version that has
    it; `openssl_name` None where OpenSSL never knew it; `registered` False for drafts' and private
    numbers that were seen in the wild."""

    code: int
    name: str
    key_exchange: str
    authentication: str
    cipher: str
    key_bits: int
    mode: str
    mac: str
    first_version: int
    openssl_name: str | None
    registered: bool

    @property
    def is_tls13(self) -> bool:
        return self.first_version == _TLS1_3

    @property
    def is_aead(self) -> bool:
        return self.mac == "AEAD"

    @property
    def is_export(self) -> bool:
        """Made for the export rules of the 1990s: 40 or 56 bits and RSA or DH of 512 or 1024."""
        return "_EXPORT" in self.name

    @property
    def is_anonymous(self) -> bool:
        """The server proves nothing: whoever is in the middle reads along."""
        return self.authentication in ("anon", "NULL")

    @property
    def is_null(self) -> bool:
        return self.cipher == "NULL"

    @property
    def needs_shared_secret(self) -> bool:
        """Of use only to who has a password, key or ticket in common with the server."""
        return self.authentication in ("PSK", "SRP", "KRB5", "ECCPWD") or self.key_exchange == "SRP"

    @property
    def forward_secrecy(self) -> bool:
        return self.key_exchange in _EPHEMERAL

    @property
    def grade(self) -> Grade:
        """By NCSC-NL 2025-05 appendix B, as internet.nl applies it to mail since 2026-07. RFC 9325
        section 4.2 recommends the ECDHE suites with AES-GCM that are sufficient or good here."""
        if not self.registered or self.is_null or self.is_anonymous or not self._known_cipher:
            return Grade.INSUFFICIENT
        if self.is_tls13:
            strong = self.cipher in ("AES", "CHACHA20") and self.key_bits == 256
            return Grade.GOOD if strong else Grade.SUFFICIENT
        return self._grade_tls12()

    @property
    def _known_cipher(self) -> bool:
        modern = self.is_aead or self.mac in ("SHA256", "SHA384")
        listed = ("AES", "CHACHA20") if self.is_tls13 else ("AES", "CHACHA20", "CAMELLIA", "ARIA")
        return modern and self.mode != "CCM_8" and self.cipher in listed

    def _grade_tls12(self) -> Grade:
        ecdhe = self.key_exchange == "ECDHE" and self.authentication in ("RSA", "ECDSA")
        if ecdhe and self.is_aead and self.cipher in ("AES", "CHACHA20"):
            return Grade.SUFFICIENT
        if ecdhe or (self.key_exchange == "DHE" and self.authentication == "RSA"):
            return Grade.PHASE_OUT
        return Grade.INSUFFICIENT


@dataclass(frozen=True, slots=True)
class CipherKind:
    """A cipher kind of SSLv2: three bytes of `code`; all are RSA, and none is fit for use (RFC
    6176)."""

    code: int
    name: str
    cipher: str
    key_bits: int
    mode: str
    mac: str
    openssl_name: str

    @property
    def is_export(self) -> bool:
        return "_EXPORT" in self.name


@cache
def _suites() -> Mapping[int, CipherSuite]:
    from letterlock.model.tls_registry import CIPHER_SUITES

    rows = (CipherSuite(*row[:9], row[9] or None, row[10]) for row in CIPHER_SUITES)
    return {suite.code: suite for suite in rows}


@cache
def _by_name() -> Mapping[str, CipherSuite]:
    return {suite.name: suite for suite in _suites().values()}


@cache
def _kinds() -> Mapping[int, CipherKind]:
    from letterlock.model.tls_registry import SSL2_CIPHER_KINDS

    return {row[0]: CipherKind(*row) for row in SSL2_CIPHER_KINDS}


def cipher_suites() -> tuple[CipherSuite, ...]:
    """Every suite of SSLv3 to TLS 1.3, by code; the signalling values are none."""
    return tuple(_suites().values())


def cipher_suite(code: int) -> CipherSuite | None:
    return _suites().get(code)


def cipher_suite_named(iana: str) -> CipherSuite | None:
    return _by_name().get(iana)


def suite_name(code: int) -> str:
    """IANA's name; `0x` and four digits for a code in no registry."""
    suite = _suites().get(code)
    return f"0x{code:04x}" if suite is None else suite.name


def cipher_kinds() -> tuple[CipherKind, ...]:
    """SSLv2's seven."""
    return tuple(_kinds().values())


def kind_name(code: int) -> str:
    kind = _kinds().get(code)
    return f"0x{code:06x}" if kind is None else kind.name


class _IanaNames(Mapping[str, str]):
    """OpenSSL's names → IANA's, of the registered suites."""

    @property
    def _names(self) -> Mapping[str, str]:
        return _openssl_to_iana()

    def __getitem__(self, openssl_name: str) -> str:
        return self._names[openssl_name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def _openssl_to_iana() -> Mapping[str, str]:
    return {
        suite.openssl_name: suite.name
        for suite in _suites().values()
        if suite.openssl_name and suite.registered
    }


#: OpenSSL's name → IANA's. TLS 1.3's suites have the same name in both.
IANA_NAMES: Mapping[str, str] = _IanaNames()


def iana_name(openssl_name: str) -> str:
    """IANA's name; a name that is not in the table is given back as it is."""
    return IANA_NAMES.get(openssl_name, openssl_name)


def has_forward_secrecy(iana: str) -> bool:
    """Whether the key exchange is ephemeral: all of TLS 1.3's suites, and (EC)DHE (RFC 9325
    section 4.1); False for a name in no registry and for SSLv2's."""
    suite = cipher_suite_named(iana)
    return suite is not None and suite.forward_secrecy
