"""English that a sentence of ours still has in another language; what it quotes is left out."""

from __future__ import annotations

import re

from letterlock.model.language import Language
from letterlock.model.wording import Wording

#: Words that hold English sentences together; `= no` is a setting's value, `D(HE)at` a name.
_GLUE = re.compile(
    r"(?<![\w.)-])(?<!= )(?:the|is|are|was|were|of|not|with|and|or|by|an?|to|in|at|for|from|no|"
    r"its?|has|have|that|which|than|only|until|while)(?![\w.-])"
)


def english_left(language: Language, text: str) -> list[str]:
    ours = text.mapped(lambda _: "×") if isinstance(text, Wording) else ""
    return _GLUE.findall(language.say(ours))
