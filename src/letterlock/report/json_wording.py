"""What a JSON report needs to be read in another language: beside its English texts, once each,
what they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from letterlock.model.wording import Wording, from_members


def messages(document: object) -> dict[str, Any]:
    """Every Wording anywhere in the document: its English → its template and values."""
    found: dict[str, Any] = {}
    _collect(document, found)
    return found


def _collect(value: object, found: dict[str, Any]) -> None:
    if isinstance(value, Wording):
        found.setdefault(str(value), value.members())
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, found)
    elif isinstance(value, list):
        for each in value:
            _collect(each, found)


def restored(document: Mapping[str, Any]) -> dict[str, Any]:
    """A report read from its JSON (`json.loads`), with every text in it that `messages` tells of a
    Wording again: `Language.say` says it in any language. Without `messages`, as it is; of those
    that are malformed, or say something else than their English, nothing is believed."""
    told = document.get("messages")
    known = dict(_believable(told)) if isinstance(told, dict) else {}
    return {
        name: value if name == "messages" else _restored(value, known)
        for name, value in document.items()
    }


def wording_of(text: str, told: object) -> str:
    """The text as a Wording, where `told` (a report's `messages`) has it and says just that."""
    members = told.get(text) if isinstance(told, dict) else None
    return dict(_believable({text: members})).get(text, text) if members is not None else text


def _believable(told: Mapping[str, Any]) -> list[tuple[str, Wording]]:
    found = []
    for english, members in told.items():
        try:
            wording = from_members(members)
        except ValueError:
            continue
        if wording == english:
            found.append((english, wording))
    return found


def _restored(value: Any, known: Mapping[str, Wording]) -> Any:
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, dict):
        return {name: _restored(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_restored(each, known) for each in value]
    return value
