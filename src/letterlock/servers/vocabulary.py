"""How a server of a given version spells what a policy asks: the version tables, read as data."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from letterlock.profiles.profile import PROTOCOL_VERSIONS
from letterlock.servers.version import Version

ServerName = Literal["postfix", "dovecot"]
Value = bool | str | Sequence[str]


class Form(StrEnum):
    """How a value is written."""

    TEXT = "text"
    SWITCH = "switch"
    INVERTED_SWITCH = "inverted-switch"
    FILE_CONTENTS = "file-contents"
    PROTOCOL_FLOOR = "protocol-floor"
    PROTOCOL_EXCLUSIONS = "protocol-exclusions"
    PREFERENCE_SIDE = "preference-side"
    COLON_LIST = "colon-list"
    COMMA_LIST = "comma-list"
    SPACE_LIST = "space-list"


_SEPARATORS = {Form.COLON_LIST: ":", Form.COMMA_LIST: ", ", Form.SPACE_LIST: " "}


def write(form: Form, value: Value) -> str:
    """A policy's value as the server writes it: a switch from bool, a floor or an exclusion list
    from the lowest version allowed, a list from its items, the rest from text."""
    if isinstance(value, bool):
        return _write_switch(form, value)
    if not isinstance(value, str):
        return _SEPARATORS[form].join(value)
    match form:
        case Form.FILE_CONTENTS:
            return f"<{value}"
        case Form.PROTOCOL_FLOOR:
            return f">={value}"
        case Form.PROTOCOL_EXCLUSIONS:
            return ", ".join(f"!{version}" for version in ["SSLv2", *_below(value)])
        case _:
            return value


def _write_switch(form: Form, value: bool) -> str:
    if form is Form.PREFERENCE_SIDE:
        return "server" if value else "client"
    return "yes" if value is not (form is Form.INVERTED_SWITCH) else "no"


def _below(floor: str) -> list[str]:
    return [v for v in PROTOCOL_VERSIONS if PROTOCOL_VERSIONS.index(v) < _rank(floor)]


def _rank(version: str) -> int:
    return [str(v) for v in PROTOCOL_VERSIONS].index(version)


@dataclass(frozen=True, slots=True)
class Spelling:
    """One row of a version table: from `since` (inclusive) to `until` (exclusive) the server
    calls `concept` by `name`; `source` is the release note or manual that says so."""

    concept: str
    name: str
    form: Form
    source: str
    since: Version | None = None
    until: Version | None = None

    def known_to(self, version: Version) -> bool:
        return (self.since is None or self.since <= version) and (
            self.until is None or version < self.until
        )

    def write(self, value: Value) -> str:
        return write(self.form, value)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All rows of one server's version table."""

    server: ServerName
    spellings: tuple[Spelling, ...]

    def spelling(self, concept: str, version: Version) -> Spelling | None:
        """The row in force for a version; None where that version has no word for it."""
        for row in self.spellings:
            if row.concept == concept and row.known_to(version):
                return row
        return None

    def names(self, concept: str) -> tuple[str, ...]:
        """Every name the concept ever had, oldest first."""
        return tuple(dict.fromkeys(r.name for r in self.spellings if r.concept == concept))


def _version(row: dict[str, str], key: str) -> Version | None:
    return Version.parse(row[key]) if key in row else None


@cache
def vocabulary(server: ServerName) -> Vocabulary:
    """The version table of a server."""
    text = files("letterlock.servers").joinpath(f"{server}_settings.toml").read_text("utf-8")
    rows: list[dict[str, str]] = tomllib.loads(text)["setting"]
    return Vocabulary(
        server,
        tuple(
            Spelling(
                concept=row["concept"],
                name=row["name"],
                form=Form(row["form"]),
                source=row["source"],
                since=_version(row, "since"),
                until=_version(row, "until"),
            )
            for row in rows
        ),
    )
