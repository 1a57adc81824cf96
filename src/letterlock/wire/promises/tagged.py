"""TXT records that are a version and `name=value` fields between semicolons: MTA-STS's and TLS
reporting's."""

from __future__ import annotations

import re
from collections.abc import Iterable

from letterlock.wire.promises.malformed import MalformedError, shown

#: Fields of one record that are read.
_MOST = 1000
_DELIMITER = re.compile(r"[ \t]*;[ \t]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


def claims(text: str, version: str) -> bool:
    """Whether a text begins with `v=VERSION`; others at the name do not count (RFC 8460 section 3,
    RFC 8461 section 3.1)."""
    return re.match(rf"v={version}[ \t]*(;|$)", text) is not None


def only(texts: Iterable[str], version: str) -> str:
    """The one text of a version among all at a name. Raises MalformedError where there is none or
    more than one: nobody goes by any of them."""
    found = [text for text in texts if claims(text, version)]
    if not found:
        raise MalformedError(f"no text at the name begins with `v={version};`")
    if len(found) > 1:
        raise MalformedError(f"{len(found)} records where there must be one")
    return found[0]


def fields(text: str, version: str, value: re.Pattern[str]) -> dict[str, str]:
    """The fields after the version, of repeated ones the first; each must be a name and a `value`.
    Raises MalformedError."""
    if not text.isascii():
        raise MalformedError(f"the record {shown(text)} is not ASCII")
    first, *rest = _DELIMITER.split(text, maxsplit=_MOST)
    if rest and not rest[-1]:
        rest.pop()
    if first != f"v={version}":
        raise MalformedError(f"the record {shown(text)} does not begin with `v={version};`")
    found: dict[str, str] = {}
    for field in rest:
        name, equals, said = field.partition("=")
        if not (equals and _NAME.fullmatch(name) and value.fullmatch(said)):
            raise MalformedError(f"the record's field {shown(field)} is not NAME=VALUE")
        found.setdefault(name, said)
    return found
