"""The documents tell the truth: what they quote is what the program prints, their links lead
somewhere, and no path of a machine of ours stands in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path for path in (*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")) if ".venv" not in path.parts
)
VERBS = (
    "secure",
    "names",
    "remove",
    "check",
    "status",
    "fix",
    "watch",
    "listen",
    "serve",
    "explain",
    "diff",
    "schema",
    "deploy",
    "hook",
    "rollback",
    "history",
    "recover",
    "records",
    "cert",
    "demo",
)


def test_help_is_quoted_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts/write_reference", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}run `make docs`"


def test_the_version_tables_are_told_as_they_are() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts/write_versions", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run `make docs`"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_that_quotes_it(verb: str) -> None:
    page = (TOP / f"docs/reference/{verb}.md").read_text("utf-8")
    assert f"$ letterlock {verb} --help" in page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target
