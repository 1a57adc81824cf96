"""A language, and how a `Wording` is said in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from gettext import NullTranslations

from letterlock.model.wording import Wording, counted, in_context


@dataclass(frozen=True, slots=True)
class Language:
    """`tag` is its BCP 47 tag (`zh-Hant`), right for HTML's lang. What the catalogue lacks is said
    in English, sentence by sentence."""

    tag: str
    catalogue: NullTranslations = field(default_factory=NullTranslations, repr=False, compare=False)

    @property
    def name(self) -> str:
        """In the language itself: `繁體中文`."""
        own = self.say(in_context("name of this language", "English"))
        return own if own != "English" or self.tag == "en" else self.tag

    def say(self, text: str) -> str:
        """A Wording in this language; any other text is somebody's own and stays as it is."""
        return text.said(self) if isinstance(text, Wording) else text

    def message(self, wording: Wording) -> str:
        one, many, context = wording.template, wording.plural, wording.context
        if not one:  # gettext's name for the catalogue's header
            return one
        match bool(many), bool(context):
            case False, False:
                return self.catalogue.gettext(one)
            case False, True:
                return self.catalogue.pgettext(context, one)
            case True, False:
                return self.catalogue.ngettext(one, many, wording.number)
            case _:
                return self.catalogue.npgettext(context, one, many, wording.number)

    def separator(self, english: str) -> str:
        return self.catalogue.pgettext("separator", english)

    def in_templates(self) -> dict[str, object]:
        """What a template is rendered with, beside its own variables: `_("…", name=value)`,
        `counted("…", "…", count, …)` and `in_context("…", "…")` for its own words, `said(text)`
        for a text that it was given, `lang` for HTML."""
        return {
            "lang": self.tag,
            "said": self.say,
            "_": lambda template, /, **values: self.say(Wording(template, **values)),
            "counted": lambda one, many, count, /, **values: self.say(
                counted(one, many, count, **values)
            ),
            "in_context": lambda context, template, /, **values: self.say(
                in_context(context, template, **values)
            ),
        }


ENGLISH = Language("en")
