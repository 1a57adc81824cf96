"""Whatever a test here has a rule say can be said in every complete language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from letterlock.findings.rule import Rule
from letterlock.languages.catalogues import language
from letterlock.model.finding import Finding
from tests.languages.leftover import english_left


@pytest.fixture(autouse=True)
def said_in_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[Finding] = []

    def keeping(make: object) -> object:
        def kept(self: Rule, *arguments: object, **more: object) -> Finding:
            finding: Finding = make(self, *arguments, **more)  # type: ignore[operator]
            made.append(finding)
            return finding

        return kept

    monkeypatch.setattr(Rule, "at", keeping(Rule.at))
    monkeypatch.setattr(Rule, "of_server", keeping(Rule.of_server))
    yield
    chinese = language("zh-Hant")
    for each in made:
        for text in (each.title, each.evidence, each.remedy):
            assert not english_left(chinese, text), (each.id, chinese.say(text))
