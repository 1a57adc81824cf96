"""TLS reporting: the TXT record that says where reports go (RFC 8460 section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from letterlock.wire.promises.malformed import MalformedError, shown
from letterlock.wire.promises.tagged import claims, fields, only

#: Of `v=`.
VERSION = "TLSRPTv1"
_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e\t]+")
_BETWEEN = re.compile(r"[ \t]*,[ \t]*")
_MAILTO = re.compile(r"mailto:[^@\s!,;<>]+@[A-Za-z0-9._-]+(\?\S*)?", re.IGNORECASE)
_HTTPS = re.compile(r"https://[^\s/!,;<>]+(/[^\s!,;<>]*)?", re.IGNORECASE)


def is_tls_rpt(text: str) -> bool:
    """Whether a TXT record claims to be TLS reporting's."""
    return claims(text, VERSION)


def read_tls_rpt(texts: Iterable[str]) -> tuple[str, ...]:
    """The addresses (mailto: or https:) of the one record among all texts at `_smtp._tls`.

    Raises MalformedError where there is none, more than one, or one that breaks the grammar: no
    reports are sent then."""
    text = only(texts, VERSION)
    said = fields(text, VERSION, _VALUE).get("rua")
    if said is None:
        raise MalformedError(f"the record {shown(text)} has no rua")
    found = tuple(_BETWEEN.split(said))
    for uri in found:
        if not _MAILTO.fullmatch(uri) and not _HTTPS.fullmatch(uri):
            raise MalformedError(f"{shown(uri)} is neither a mailto: nor an https: address")
    return found
