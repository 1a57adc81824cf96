"""`deploy` killed, and failing: what was handed over is in service or pending, never neither."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.machine import REPOSITORY

pytestmark = pytest.mark.faults


def test_done_or_pending_at_every_point(record_property: Callable[[str, object], None]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.deploying"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    told = ("deploy", "killed or failing", result["struck"], len(result["wrong"]))
    record_property("fault points", told)
    assert result["points"] > 60
    assert not result["wrong"]
