"""MTA-STS: the TXT record and the policy (RFC 8461)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from letterlock.model.dns_promises import StsMode, StsPolicy
from letterlock.wire.promises.malformed import MalformedError, shown
from letterlock.wire.promises.tagged import claims, fields, only

#: Of `v=` and `version:`.
VERSION = "STSv1"
#: A year, the most that max_age may say (RFC 8461 section 3.2).
LONGEST = 31557600
#: Lines that are read of a policy; the RFC knows four fields, of which one repeats.
_MOST = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_EXTENSION = re.compile(r"[\x21-\x3a\x3c\x3e-\x7e]+")
_DIGITS = re.compile(r"[0-9]{1,10}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


def is_sts(text: str) -> bool:
    """Whether a TXT record claims to be MTA-STS's."""
    return claims(text, VERSION)


def read_record(texts: Iterable[str]) -> str:
    """The `id` of the one record among all texts at `_mta-sts`.

    Raises MalformedError where there is none, more than one, or one that breaks the grammar: a
    sender then takes the domain to have no policy."""
    text = only(texts, VERSION)
    found = fields(text, VERSION, _EXTENSION)
    if "id" not in found:
        raise MalformedError(f"the record {shown(text)} has no id")
    if not _ID.fullmatch(found["id"]):
        raise MalformedError(f"the id {shown(found['id'])} is not 1 to 32 letters and digits")
    return found["id"]


def read_policy(data: bytes) -> StsPolicy:
    """The policy, its lines ended by LF or CRLF. Raises MalformedError."""
    found: dict[str, str] = {}
    patterns: list[str] = []
    ignored: list[str] = []
    for name, value in _fields(data):
        if name == "mx":
            patterns.append(_pattern(value))
        elif name in found or name not in ("version", "mode", "max_age"):
            ignored.append(f"{name}: {value}")
        else:
            found[name] = value
    if found.get("version") != VERSION:
        raise MalformedError(_what("version", found, VERSION))
    if found.get("mode") not in tuple(StsMode):
        raise MalformedError(_what("mode", found, "enforce, testing or none"))
    mode = StsMode(found["mode"])
    if not patterns and mode is not StsMode.NONE:
        raise MalformedError("the policy has no mx")
    return StsPolicy(mode, tuple(dict.fromkeys(patterns)), _max_age(found), tuple(ignored))


def _fields(data: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("the policy is not UTF-8 text") from None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > _MOST:
        raise MalformedError(f"the policy has more than {_MOST} lines")
    for number, line in enumerate(lines, 1):
        name, colon, value = line.removesuffix("\r").partition(":")
        value = value.strip(" \t")
        if not (colon and value and _NAME.fullmatch(name) and value.isprintable()):
            raise MalformedError(f"line {number} of the policy, {shown(line)}, is not NAME: VALUE")
        yield name, value


def _pattern(value: str) -> str:
    pattern = value.lower()
    if len(pattern) > 255 or not _PATTERN.fullmatch(pattern):
        raise MalformedError(
            f"the policy's mx {shown(value)} is neither a host name nor `*.DOMAIN`"
        )
    return pattern


def _max_age(found: dict[str, str]) -> int:
    value = found.get("max_age", "")
    if not _DIGITS.fullmatch(value) or int(value) > LONGEST:
        raise MalformedError(_what("max_age", found, f"0 to {LONGEST} seconds"))
    return int(value)


def _what(name: str, found: dict[str, str], wanted: str) -> str:
    if name not in found:
        return f"the policy has no {name}"
    return f"the policy's {name} is {shown(found[name])}, not {wanted}"


def policy_text(policy: StsPolicy) -> str:
    """The policy as a file, lines ended by CRLF as the RFC's own are."""
    lines = (
        f"version: {VERSION}",
        f"mode: {policy.mode.value}",
        *(f"mx: {pattern}" for pattern in policy.mx),
        f"max_age: {policy.max_age}",
    )
    return "".join(f"{line}\r\n" for line in lines)
