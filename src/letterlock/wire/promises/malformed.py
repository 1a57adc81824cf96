"""The one error of everything that reads these texts."""

from __future__ import annotations

from letterlock.model.errors import InputError


class MalformedError(InputError):
    """The text breaks its grammar; whoever goes by the RFC passes it over."""


def shown(text: str, most: int = 60) -> str:
    """A stranger's text in quotes, short enough for a sentence."""
    return repr(text if len(text) <= most else f"{text[:most]}…")
