"""The program killed at every state-changing system call, and every one of them failing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from letterlock import install
from letterlock.model import rooted
from tests.faults import striker
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.striker import ERRORS, FAILING, KILLED

pytestmark = pytest.mark.faults

#: Each call fails once, by one of three errors in turn; with the plus sign, from that call on for
#: good. Set to anything: by each of the three.
FAULTS: tuple[str, ...] = (FAILING, "EIO+")
if os.environ.get("LETTERLOCK_EVERY_FAULT"):
    FAULTS = (*ERRORS, "EIO+", "ENOSPC+", "EACCES+")


def test_one_error_is_as_good_as_another() -> None:
    """The program tells none of the three apart; only a remedy for who is not root names one."""
    rooms = Path(install.__file__).parent
    for path in (*rooms.glob("*.py"), Path(rooted.__file__)):
        text = path.read_text("utf-8")
        assert not re.findall(rf"errno\.(?:{'|'.join(ERRORS)})\b", text), path
        named = [line for line in text.splitlines() if "PermissionError" in line]
        assert len(named) == (path.name == "state.py"), named
        assert all("os.geteuid()" in line for line in named)


@pytest.mark.parametrize("fault", (KILLED, *FAULTS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_old_or_new_at_every_point(
    scenario: Scenario, fault: str, record_property: Callable[[str, object], None]
) -> None:
    struck = striker.run(scenario.name, fault)
    record_property("fault points", (scenario.name, fault, struck.points, len(struck.wrong)))
    assert struck.points >= scenario.least
    assert not struck.wrong
