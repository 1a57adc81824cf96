"""How a server of a given version spells what a policy asks: the version tables, read as data."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from letterlock.model.errors import InputError
from letterlock.profiles.profile import PROTOCOL_VERSIONS
from letterlock.servers import spelling_form
from letterlock.servers.spelling_form import Form, Value
from letterlock.servers.version import Version

ServerName = Literal["postfix", "dovecot"]
_TITLES: dict[ServerName, str] = {"postfix": "Postfix", "dovecot": "Dovecot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which versions something is true of: from `since` (inclusive) to `until` (exclusive);
    `source` is the release note, the manual or the source that says so."""

    name: str
    source: str
    since: Version | None = None
    until: Version | None = None

    def known_to(self, version: Version) -> bool:
        return (self.since is None or self.since <= version) and (
            self.until is None or version < self.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling(Span):
    """One row of a version table: those versions call `concept` by `name`. `newest_protocol` is
    the newest protocol version for which they have a word, None for all."""

    concept: str
    form: Form
    newest_protocol: str | None = None

    def write(self, value: Value) -> str:
        return spelling_form.write(self.form, value, self.newest_protocol)

    def reaches(self, floor: str) -> bool:
        """Whether those versions can refuse all that lies below a protocol version."""
        known = [str(version) for version in PROTOCOL_VERSIONS]
        newest = self.newest_protocol
        return newest is None or known.index(floor) <= known.index(newest)

    def read(self, text: str) -> Value | None:
        """The value that `write` would have been given; None where the text does not tell."""
        return spelling_form.read(self.form, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(Span):
    """What a setting is where nothing sets it, as far as a plan must know it."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability(Span):
    """Something that a server of those versions can do, beyond its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obsolete(Span):
    """A name without an heir: the versions of this span refuse it, warn at it or pass over it."""

    why: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All rows of one server's version table, which speaks of the versions from `oldest` on;
    `newest` is the last that it was written for (its patch releases included)."""

    server: ServerName
    oldest: Version
    newest: Version
    spellings: tuple[Spelling, ...]
    defaults: tuple[Default, ...]
    obsolete: tuple[Obsolete, ...]
    abilities: tuple[Ability, ...]

    @property
    def title(self) -> str:
        """The server's name as people write it."""
        return _TITLES[self.server]

    def spelling(self, concept: str, version: Version) -> Spelling | None:
        """The row in force for a version; None where that version has no word for it."""
        for row in self.spellings:
            if row.concept == concept and row.known_to(version):
                return row
        return None

    def names(self, concept: str) -> tuple[str, ...]:
        """Every name the concept ever had, oldest first."""
        return tuple(dict.fromkeys(r.name for r in self.spellings if r.concept == concept))

    def concepts(self) -> tuple[str, ...]:
        """Every concept, in the table's order."""
        return tuple(dict.fromkeys(row.concept for row in self.spellings))

    def outdated(self, version: Version) -> Iterator[Spelling]:
        """The rows that end at or before a version, oldest first, whose name it does not have."""
        present = {row.name for row in self.spellings if row.known_to(version)}
        for row in self.spellings:
            if row.until is not None and row.until <= version and row.name not in present:
                yield row

    def able(self, ability: str, version: Version) -> bool:
        """Whether a version has an ability of the table."""
        return any(row.name == ability and row.known_to(version) for row in self.abilities)

    def default(self, name: str, version: Version) -> str | None:
        """A setting's default in a version, None where the table does not say."""
        return self.default_values(version).get(name)

    def default_values(self, version: Version) -> dict[str, str]:
        """Every default that the table knows for a version, by name."""
        return {row.name: row.value for row in self.defaults if row.known_to(version)}

    def known(self, version: Version) -> Version:
        """The version itself. Raises InputError where it is older than the table."""
        if version < self.oldest:
            raise InputError(
                f"{self.title} {version} is older than {self.oldest.short}, the oldest that is "
                "known here",
                remedy=f"upgrade {self.title}",
            )
        return version

    def newer(self, version: Version) -> bool:
        """Whether a version came after the table was written."""
        return (version.major, version.minor) > (self.newest.major, self.newest.minor)


def _span(row: dict[str, str]) -> dict[str, Version | None]:
    return {key: Version.parse(row[key]) if key in row else None for key in ("since", "until")}


@cache
def vocabulary(server: ServerName) -> Vocabulary:
    """The version table of a server."""
    text = files("letterlock.servers").joinpath(f"{server}_settings.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return Vocabulary(
        server,
        Version.parse(table["oldest"]),
        Version.parse(table["newest"]),
        tuple(
            Spelling(
                concept=row["concept"],
                name=row["name"],
                form=Form(row["form"]),
                source=row["source"],
                newest_protocol=row.get("newest_protocol"),
                **_span(row),
            )
            for row in table["setting"]
        ),
        tuple(
            Default(name=row["name"], value=row["value"], source=row["source"], **_span(row))
            for row in table["default"]
        ),
        tuple(
            Obsolete(name=row["name"], why=row["why"], source=row["source"], **_span(row))
            for row in table["obsolete"]
        ),
        tuple(
            Ability(name=row["name"], source=row["source"], **_span(row))
            for row in table["ability"]
        ),
    )
