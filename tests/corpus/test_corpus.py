"""Configurations that strangers published, all of them: parsed, printed byte for byte, read as the
servers' own tools of three Debian generations read them, and secured so that those tools accept
them still. `python -m bench.corpus` prints the counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conf import corpus
from tests.corpus import dovecot, postfix
from tests.generation import SUITES, generation

pytestmark = corpus.needs_corpus


@pytest.mark.parametrize("suite", SUITES)
def test_postfix(suite: str, tmp_path: Path) -> None:
    judged = postfix.judge(generation(suite), tmp_path)
    assert {each.case.name: each.wrong for each in judged if each.wrong} == {}
    assert {each.case.name: each.refused for each in judged if each.refused} == {}
    accepted = [each for each in judged if each.accepted]
    assert len(accepted) >= len(judged) - 2
    assert all(each.planned is not None for each in accepted)
    assert sum(each.compared for each in judged) >= 15_000


@pytest.mark.parametrize("suite", SUITES)
def test_dovecot(suite: str, tmp_path: Path) -> None:
    judged = dovecot.judge(generation(suite), tmp_path)
    assert {each.name: each.wrong for each in judged if each.wrong} == {}
    assert {each.name: each.refused for each in judged if each.refused} == {}
    accepted = [each for each in judged if each.accepted]
    assert len(accepted) >= 0.75 * len(judged)
    assert all(each.planned is not None for each in accepted)
    # What is left is wrong by itself: an unfinished template, braces that do not match.
    assert sum(each.accepted or each.by_properties for each in judged) >= 0.97 * len(judged)
