"""Every version in its own words."""

from __future__ import annotations

import pytest

from tests.install.golden_versions import CASES, FOLDER, Golden, applied, before, read_plan, told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_is_as_kept(case: Golden) -> None:
    assert told(case) == (FOLDER / case.name).read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_second_plan_changes_nothing(case: Golden) -> None:
    once = applied(before(case), read_plan(case, before(case)))
    assert read_plan(case, once).changes == ()


def test_nothing_is_kept_that_is_not_tested() -> None:
    assert {path.name for path in FOLDER.glob("*.txt")} == {case.name for case in CASES}
