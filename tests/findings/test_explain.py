"""`letterlock explain`, and the page of all findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from letterlock.findings.assess import RULES
from letterlock.model.service import Role

TOP = Path(__file__).parents[2]


def explain(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "letterlock", "explain", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_name_all_are_listed() -> None:
    done = explain()
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(RULES)


def test_one_says_everything() -> None:
    done = explain("cleartext-login")
    rule = RULES["cleartext-login"]
    said = " ".join(done.stdout.split())
    for text in (rule.title, rule.explanation, rule.source, rule.postfix, rule.dovecot):
        assert text in said
    assert "high; on port 25, between servers, medium" in said
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_every_one_can_be_explained() -> None:
    done = explain(*RULES, "--json", "-")
    assert done.returncode == 0
    documents = json.loads(done.stdout)
    assert [each["id"] for each in documents] == list(RULES)
    assert all(set(each["severity"]) == {role.value for role in Role} for each in documents)
    assert all(each["remedy"]["postfix"] and each["remedy"]["dovecot"] for each in documents)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("cleartext-logn", "did you mean cleartext-login?"), ("@", "letterlock explain lists them")],
)
def test_a_wrong_name_is_one_line(wrong: str, hint: str) -> None:
    done = explain(wrong)
    assert done.returncode == 2
    assert hint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_page_of_all_findings_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts/write_findings", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}run `make docs`"


def test_each_has_a_section_and_says_why_port_25_differs() -> None:
    page = (TOP / "docs/findings.md").read_text("utf-8")
    assert all(f"\n## {id_}\n" in page for id_ in RULES)
