"""Sentences for people are made so that they can be found and said in another language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src/letterlock"
_GLUE = re.compile(r"\b(the|is|are|was|not|with|and|or|by|an?|to|in|at|for|from|no|has|that)\b")
#: What they say becomes an error, or the watch's own admin's news.
ERRORS = ("resolver.py", "smarthost.py", "webhook.py", "https.py", "service.py", "guard.py")
#: Where facts, findings and the page get their words.
SPEAKING = sorted(
    path
    for path in (
        *SOURCE.glob("findings/*.py"),
        *SOURCE.glob("probe/**/*.py"),
        *(SOURCE / "certs" / f"{name}.py" for name in ("judge", "dane", "constraints", "names")),
        *(
            SOURCE / "report" / f"{name}.py"
            for name in (
                "sheet",
                "compact",
                "comparison",
                "ports",
                "text",
                "domain_rows",
                "suites",
                "html_report",
            )
        ),
    )
    if path.name not in ERRORS
)
#: Take a template from elsewhere: constants of a registry, which the catalogues are taken from too.
FROM_ELSEWHERE = ("_wording", "_rule", "_and_secure", "_title", "in_templates")


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_sentence_is_an_f_string(path: Path) -> None:
    """Such a sentence would stay English. What is raised as an error is for the terminal."""
    tree = ast.parse(path.read_text("utf-8"))
    raised = {
        id(part)
        for each in ast.walk(tree)
        if isinstance(each, ast.Raise)
        for part in ast.walk(each)
    }
    functions = [
        each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    inside = {id(part): part for each in functions for part in ast.walk(each)}
    found = [
        (part.lineno, words)
        for part in inside.values()
        if isinstance(part, ast.JoinedStr) and id(part) not in raised
        if _GLUE.search(words := " ".join(_literals(part)))
    ]
    assert not found


def _literals(text: ast.JoinedStr) -> Iterator[str]:
    for each in text.values:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.rglob("*.py")) if path.name != "wording.py"],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_templates_are_literal(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    allowed = {
        id(part)
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name in FROM_ELSEWHERE
        for part in ast.walk(each)
    }
    for each in ast.walk(tree):
        if not (isinstance(each, ast.Call) and isinstance(each.func, ast.Name)):
            continue
        count = {"Wording": 1, "counted": 2, "in_context": 2}.get(each.func.id, 0)
        if count and id(each) not in allowed:
            literal = [isinstance(one, ast.Constant) for one in each.args[:count]]
            assert literal == [True] * count, f"line {each.lineno}"
