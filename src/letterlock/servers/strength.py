"""Which of two settings is the stronger, so that no edit weakens what an admin chose."""

from __future__ import annotations

import re
from collections.abc import Iterable

from letterlock.profiles.profile import PROTOCOL_VERSIONS
from letterlock.servers.tools import Tools

_VERSIONS = tuple(str(version) for version in PROTOCOL_VERSIONS)
#: Cipher grades from weakest to strongest.
_GRADES = ("export", "low", "medium", "high")
#: TLS levels from weakest to strongest (postconf(5) smtpd_tls_security_level).
_LEVELS = ("", "none", "may", "encrypt")


def protocol_floor(expression: str) -> str | None:
    """The lowest version that a protocol setting lets in; None where it cannot be told.

    Takes Postfix's `>=TLSv1.2`, exclusions `!SSLv2, !SSLv3`, plain lists `TLSv1.2 TLSv1.3`
    (postconf(5) smtpd_tls_protocols) and Dovecot's `TLSv1.2`, `ANY`, `LATEST`."""
    allowed = set(_VERSIONS)
    named: set[str] = set()
    for word in re.split(r"[\s,:]+", expression.strip()):
        if not word or word == "<=TLSv1.3":
            continue
        if word == "LATEST":
            return _VERSIONS[-1]
        if word in ("ANY", "!SSLv2", "SSLv2"):
            continue
        version = _canonical(word.removeprefix(">=").removeprefix("!"))
        if version is None:
            return None
        if word.startswith(">="):
            allowed -= set(_VERSIONS[: _VERSIONS.index(version)])
        elif word.startswith("!"):
            allowed.discard(version)
        else:
            named.add(version)
    left = allowed & named if named else allowed
    return next((version for version in _VERSIONS if version in left), None)


def _canonical(word: str) -> str | None:
    return next((version for version in _VERSIONS if version.lower() == word.lower()), None)


def stronger_protocol(first: str, second: str) -> str:
    """The higher of two floors."""
    return max(first, second, key=_VERSIONS.index)


def stronger_level(first: str, second: str) -> str:
    """The stricter of two TLS levels; an unknown one (`ask`, a `$name`) is left to the admin."""
    if first not in _LEVELS:
        return first
    return max(first, second, key=_LEVELS.index)


def weaker_grade(present: str, wanted: str) -> bool:
    """Whether a cipher grade (postconf(5) smtpd_tls_mandatory_ciphers) is below another; an
    unknown one (`null`) is."""
    return present not in _GRADES or _GRADES.index(present) < _GRADES.index(wanted)


def with_exclusions(present: str, wanted: Iterable[str]) -> str | None:
    """An exclusion list with the wanted words added at its end; None when it has them all."""
    words = [word for word in re.split(r"[\s,:]+", present) if word]
    missing = [word for word in wanted if word not in words]
    return ", ".join([*words, *missing]) if missing else None


def cipher_suites(tools: Tools, cipher_list: str) -> frozenset[str] | None:
    """The suites of TLS 1.2 and below that that system's OpenSSL makes of a cipher list, in its
    names; None where it does not understand the list or is not there."""
    if not tools.has("openssl"):
        return None
    done = tools.run("openssl", "ciphers", "-tls1_2", "-s", cipher_list)
    if not done.ok:
        return None
    return frozenset(name for name in done.text.strip().split(":") if not name.startswith("TLS_"))


def openssl_knows_group(tools: Tools, group: str) -> bool:
    """Whether that system's OpenSSL can do a named group.

    Post-quantum hybrids came with OpenSSL 3.5; all others that profiles name are in 1.1.1."""
    if "MLKEM" not in group.upper():
        return True
    if not tools.has("openssl"):
        return False
    match = re.match(r"OpenSSL (\d+)\.(\d+)", tools.run("openssl", "version").text)
    return match is not None and (int(match[1]), int(match[2])) >= (3, 5)
