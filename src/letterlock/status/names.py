"""Which names to send, and which to hold a certificate against."""

from __future__ import annotations

from collections.abc import Iterable

from letterlock.model.certificate import Certificate
from letterlock.model.status import Reference

#: Stands for some name below a domain, where the certificate itself says none that fits.
_LABEL = "letterlock-status"


def is_pattern(name: str) -> bool:
    """`.example.net` (Postfix) or `*.example.net` (Dovecot)."""
    return name.startswith((".", "*."))


def fits(pattern: str, name: str) -> bool:
    """Whether a server takes a name sent as SNI for that entry of its own."""
    pattern, name = pattern.lower(), name.lower()
    if not is_pattern(pattern):
        return pattern == name
    return name.endswith(pattern.removeprefix("*")) and name != pattern.lstrip("*.")


def sent_for(pattern: str, leaf: Certificate | None, others: Iterable[str]) -> str:
    """The name to send so that an entry is found: the entry's own; for a pattern one that the
    certificate is for and no other entry, else any below it."""
    if not is_pattern(pattern):
        return pattern
    taken = {each for each in others if not is_pattern(each)}
    for name in leaf.dns_names if leaf else ():
        if not is_pattern(name) and fits(pattern, name) and name not in taken:
            return name
    return f"{_LABEL}{pattern.removeprefix('*')}"


def verified_name(reference: Reference, leaf: Certificate, asked: str | None) -> str | None:
    """What a reference's certificate is held against: the name in the configuration that it is for;
    for the server's default one the name that was asked for, else none, since no configuration says
    what clients call the server."""
    for pattern in reference.names:
        if not is_pattern(pattern):
            return pattern
    if reference.names:
        return sent_for(reference.names[0], leaf, ())
    return asked
