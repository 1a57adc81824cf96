"""Which languages there are, and which of them a reader wants.

A catalogue is `TAG.po` in this folder, `TAG` as in BCP 47 (`zh-Hant`, `de`), compiled to `TAG.mo`
by the build or by `make catalogues`; it is offered as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path

from letterlock.model.errors import InputError
from letterlock.model.language import ENGLISH, Language

FOLDER = Path(__file__).parent
#: The script that a region writes Chinese in (CLDR's likely subtags), where the reader says none.
_SCRIPTS = {"tw": "hant", "hk": "hant", "mo": "hant", "cn": "hans", "sg": "hans", "my": "hans"}


@lru_cache
def offered(folder: Path = FOLDER) -> tuple[Language, ...]:
    """English, then every catalogue in `folder`, by tag."""
    return (ENGLISH, *map(_read, sorted(folder.glob("*.mo"))))


def _read(path: Path) -> Language:
    with path.open("rb") as file:
        return Language(path.stem, GNUTranslations(file))


def language(wanted: str, folder: Path = FOLDER) -> Language:
    """The language that somebody named: `zh-Hant`, `zh_TW`. Raises InputError where it is none."""
    found = _lookup(wanted, offered(folder))
    if found is None:
        tags = ", ".join(each.tag for each in offered(folder))
        raise InputError(f"no language {wanted!r}", remedy=f"say one of {tags}")
    return found


def best(wanted: Iterable[str], folder: Path = FOLDER) -> Language:
    """The first of the wanted that is offered (RFC 4647 section 3.4), else English."""
    found = (_lookup(each, offered(folder)) for each in wanted)
    return next((each for each in found if each is not None), ENGLISH)


def of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """What LANGUAGE, LC_ALL, LC_MESSAGES or LANG ask for, as gettext reads them."""
    locale = next(
        (value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "C"
    )
    if locale.partition(".")[0] in ("C", "POSIX"):
        return  # then gettext does not look at LANGUAGE either
    for each in (*environ.get("LANGUAGE", "").split(":"), locale):
        if name := each.partition(".")[0].partition("@")[0]:
            yield name


def of_header(accept_language: str) -> Iterator[str]:
    """What a browser's Accept-Language asks for, best first (RFC 9110 section 12.5.4)."""
    weighed = []
    for each in accept_language[:1000].split(","):
        tag, _, parameters = each.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if tag and weight > 0:
            weighed.append((-weight, tag.strip()))
    yield from (tag for _, tag in sorted(weighed, key=lambda one: one[0]))


def _lookup(wanted: str, languages: tuple[Language, ...]) -> Language | None:
    """The tag itself or what is left of it when its end is cut off; last, one that it begins:
    `zh` is content with `zh-Hant`, `zh-CN` is not."""
    by_tag = {each.tag.lower(): each for each in languages}
    parts = _scripted(wanted.replace("_", "-").lower().split("-"))
    for length in range(len(parts), 0, -1):
        if found := by_tag.get("-".join(parts[:length])):
            return found
    narrower = (each for tag, each in by_tag.items() if tag.startswith(f"{'-'.join(parts)}-"))
    return next(narrower, None)


def _scripted(parts: list[str]) -> list[str]:
    if parts[0] == "zh" and len(parts) == 2 and parts[1] in _SCRIPTS:
        return ["zh", _SCRIPTS[parts[1]], parts[1]]
    return parts
