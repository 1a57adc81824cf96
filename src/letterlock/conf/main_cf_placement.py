"""Where in main.cf a new setting belongs: the stock comment that mentions it, else its relatives,
else the TLS section, else the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from letterlock.conf.logical_line import LogicalLine
from letterlock.conf.text import Lines, body

_TLS_FAMILIES = ("smtpd_tls_", "smtp_tls_", "lmtp_tls_", "tls_")
_TLS_HEADING = re.compile(r"#.*\bTLS\b")

#: A setting's name, its lines, and its equals sign with the blanks around it.
Placed = tuple[str, LogicalLine, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """Before line `index`, written with `sign` between name and value."""

    index: int
    sign: str = " = "


def place(
    name: str, lines: Lines, logical: tuple[LogicalLine, ...], settings: Sequence[Placed]
) -> Spot:
    """The place for a setting that the file does not have."""
    comment = stock_comment(name, lines, logical)
    if comment is not None:
        return Spot(comment + 1)
    relatives = [placed for placed in settings if placed[0].startswith(_family(name))]
    if not relatives and "tls" in name:
        relatives = [placed for placed in settings if "tls" in placed[0]]
    if relatives:
        _, line, sign = relatives[-1]
        return Spot(line.last + 1, sign)
    heading = _tls_heading(lines) if "tls" in name else None
    return Spot(len(lines) if heading is None else heading)


def stock_comment(name: str, lines: Lines, logical: tuple[LogicalLine, ...]) -> int | None:
    """The last line that is the setting commented out, with what continues it; `#name =` before
    `# name =`, which may be prose. None inside another setting's value."""
    inside = {at for line in logical for at in range(line.first, line.last)}
    for pattern in (rf"#{re.escape(name)}[ \t]*=", rf"#[ \t]{re.escape(name)} ="):
        found = re.compile(pattern)
        hits = [at for at, line in enumerate(lines) if found.match(line) and at not in inside]
        if hits:
            return _with_continuation(lines, hits[-1])
    return None


def _with_continuation(lines: Lines, at: int) -> int:
    """A commented value may go on in comments that are indented: `#    permit_mynetworks`."""
    if body(lines[at]).rstrip(" \t")[-1] in "=,":
        while at + 1 < len(lines) and re.match(r"#[ \t]{2,}\S", lines[at + 1]):
            at += 1
    return at


def _family(name: str) -> str:
    """The prefix that a setting shares with its relatives: `smtpd_tls_`, `smtpd_sasl_`."""
    for prefix in _TLS_FAMILIES:
        if name.startswith(prefix):
            return prefix
    return "_".join(name.split("_")[:2]) + "_"


def _tls_heading(lines: Lines) -> int | None:
    """The line after the comment that opens a TLS section."""
    at = next((at for at, line in enumerate(lines) if _TLS_HEADING.match(line)), None)
    if at is None:
        return None
    while at < len(lines) and lines[at].startswith("#"):
        at += 1
    return at
