"""In which language a page is said. English alone until catalogues are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Language:
    tag: str
    name: str

    def in_templates(self) -> dict[str, Any]:
        words: Callable[..., str] = lambda text, /, **values: text.format(**values)  # noqa: E731
        return {
            "lang": self.tag,
            "said": lambda text: text,
            "_": words,
            "counted": lambda one, many, count, /, **values: (one if count == 1 else many).format(
                count=count, **values
            ),
            "in_context": lambda _context, text, /, **values: text.format(**values),
        }


ENGLISH = Language("en", "English")


def offered() -> tuple[Language, ...]:
    return (ENGLISH,)


def chosen(_wanted: str | None, _accept_language: str) -> Language:
    """The one that was asked for, else the reader's best."""
    return ENGLISH
