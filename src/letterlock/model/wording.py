"""English that can be said in another language later.

`Wording("negotiated {version}", version="TLSv1.2")` is the English sentence, a `str` like any
other, that remembers its template and its values: rules stay plain, JSON and terminal stay English,
and a `Language` says it anew whenever somebody reads it. What a server sent goes in as a value:
values are put in once and never looked at for placeholders or in a catalogue.

An f-string, `+` or `.join` makes a plain `str` of it, which stays English: sentences are put
together with `joined`, or by giving one as a value to another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

#: What `joined` puts between parts; a language has its own (`、`).
SEPARATORS = (", ", "; ", " and ", " or ", " ", ": ")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Tongue(Protocol):
    """What can say a message: `gettext`'s lookup by context, template and plural form."""

    def message(self, wording: Wording) -> str:
        """The template in this language, English where it is not translated."""

    def separator(self, english: str) -> str: ...

    def say(self, text: str) -> str: ...


class Wording(str):
    """A sentence, or a few words. `template` has its placeholders as `{name}`; `plural` is the
    template for any `number` but 1, empty where nothing is counted; `context` tells apart what
    English says with the same words."""

    __slots__ = ("context", "number", "plural", "template", "values")
    template: str
    values: Mapping[str, str]
    plural: str
    number: int
    context: str

    def __new__(cls, template: str, /, **values: object) -> Wording:
        return cls._of(template, values)

    @classmethod
    def _of(
        cls,
        template: str,
        values: Mapping[str, object],
        *,
        plural: str = "",
        count: int = 1,
        context: str = "",
    ) -> Wording:
        words = {k: each if isinstance(each, str) else str(each) for k, each in values.items()}
        self = str.__new__(cls, filled(plural if plural and count != 1 else template, words))
        self.template, self.values, self.context = template, words, context
        self.plural, self.number = plural, count
        return self

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Any]], Wording], tuple[dict[str, Any]]]:
        return from_members, (self.members(),)

    def said(self, tongue: Tongue) -> str:
        values = {name: tongue.say(value) for name, value in self.values.items()}
        return filled(tongue.message(self), values)

    def mapped(self, change: Callable[[str], str]) -> Wording:
        """The same with every value changed."""
        return self._with({name: _mapped(value, change) for name, value in self.values.items()})

    def with_values(self, **values: object) -> Wording:
        """The same with some of its values replaced, wherever it has them."""
        return self._with({name: values.get(name, old) for name, old in self.values.items()})

    def _with(self, values: Mapping[str, object]) -> Wording:
        return self._of(
            self.template, values, plural=self.plural, count=self.number, context=self.context
        )

    def sentences(self) -> Iterator[Wording]:
        """It and those among its values: what a catalogue has to have."""
        yield self
        for value in self.values.values():
            if isinstance(value, Wording):
                yield from value.sentences()

    def members(self) -> dict[str, Any]:
        """As JSON; what is empty is left out."""
        told: dict[str, Any] = {"template": self.template}
        if self.context:
            told["context"] = self.context
        if self.plural:
            told |= {"plural": self.plural, "count": self.number}
        if self.values:
            told["values"] = {name: _members(value) for name, value in self.values.items()}
        return told


class Joined(Wording):
    """Texts in a row. Made by `joined`."""

    __slots__ = ("parts", "separator_")
    parts: tuple[str, ...]
    separator_: str

    @classmethod
    def between(cls, separator: str, parts: tuple[str, ...]) -> Joined:
        self = str.__new__(cls, separator.join(parts))
        self.template, self.values, self.context, self.plural, self.number = "", {}, "", "", 1
        self.separator_, self.parts = separator, parts
        return self

    def said(self, tongue: Tongue) -> str:
        return tongue.separator(self.separator_).join(map(tongue.say, self.parts))

    def mapped(self, change: Callable[[str], str]) -> Wording:
        return self.between(self.separator_, tuple(_mapped(each, change) for each in self.parts))

    def with_values(self, **values: object) -> Wording:
        return self.between(
            self.separator_,
            tuple(
                each.with_values(**values) if isinstance(each, Wording) else each
                for each in self.parts
            ),
        )

    def sentences(self) -> Iterator[Wording]:
        for each in self.parts:
            if isinstance(each, Wording):
                yield from each.sentences()

    def members(self) -> dict[str, Any]:
        return {"separator": self.separator_, "parts": [_members(each) for each in self.parts]}


def counted(singular: str, plural: str, count: int, /, **values: object) -> Wording:
    """One form for a count of 1, one for all others; both may have `{count}`. A language may have
    fewer forms or more."""
    return Wording._of(singular, {"count": count, **values}, plural=plural, count=count)


def in_context(context: str, template: str, /, **values: object) -> Wording:
    """For words that English has once and another language twice: `context` says which is meant."""
    return Wording._of(template, values, context=context)


def joined(separator: str, parts: Iterable[str]) -> str:
    """What `separator.join(parts)` is, still to be said in another language. `separator` is one of
    SEPARATORS."""
    all_ = tuple(parts)
    if len(all_) < 2:
        return all_[0] if all_ else ""
    return Joined.between(separator, all_)


def filled(template: str, values: Mapping[str, str]) -> str:
    """`{name}` replaced by its value, once; what is no name of a value stays as it stands."""
    if not values:
        return template
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def from_members(members: Mapping[str, Any]) -> Wording:
    """What `members` wrote. Raises ValueError where it is anything else."""
    try:
        if "separator" in members:
            parts = tuple(_from(each) for each in members["parts"])
            return Joined.between(_text(members["separator"]), parts)
        return Wording._of(
            _text(members["template"]),
            {name: _from(each) for name, each in members.get("values", {}).items()},
            plural=_text(members.get("plural", "")),
            count=int(members.get("count", 1)),
            context=_text(members.get("context", "")),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a wording: {error}") from None


def _members(text: str) -> str | dict[str, Any]:
    return text.members() if isinstance(text, Wording) else text


def _from(value: Any) -> str:
    return value if isinstance(value, str) else from_members(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _mapped(value: str, change: Callable[[str], str]) -> str:
    return value.mapped(change) if isinstance(value, Wording) else change(value)
