"""The program killed at every state-changing system call, and every one of them failing."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults import striker
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.striker import KILLED

pytestmark = pytest.mark.faults

#: Each of these fails once; with the plus sign, from that call on for good.
ERRORS: tuple[str, ...] = ("ENOSPC", "EACCES", "EIO", "EIO+")
if os.environ.get("LETTERLOCK_EVERY_FAULT"):
    ERRORS += ("ENOSPC+", "EACCES+")


@pytest.mark.parametrize("fault", (KILLED, *ERRORS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_old_or_new_at_every_point(
    scenario: Scenario, fault: str, record_property: Callable[[str, object], None]
) -> None:
    struck = striker.run(scenario.name, fault)
    record_property("fault points", (scenario.name, fault, struck.points, len(struck.wrong)))
    assert struck.points >= scenario.least
    assert not struck.wrong
