"""The real `letterlock secure` on stopped servers, killed or failed at every call."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine import REPOSITORY, Machine

pytestmark = [pytest.mark.faults, pytest.mark.machine]

#: Set to anything: each error at each point, instead of one of the three in turn.
EVERY = "every" if os.environ.get("LETTERLOCK_EVERY_FAULT") else "one"


@pytest.mark.parametrize("fault", ["killed", "failing"])
def test_old_or_new_at_every_point(
    stock_machine: Machine, fault: str, record_property: Callable[[str, object], None]
) -> None:
    stock_machine.call(_thin_out)
    delivery = stock_machine.delivery()
    done = stock_machine.tools.run(
        "env", f"PYTHONPATH={REPOSITORY}", "PYTHONDONTWRITEBYTECODE=1",
        str(REPOSITORY / ".venv/bin/python"), "-m", "tests.faults.inside",
        str(Path(delivery.key).parent), fault, EVERY, timeout=900,
    )  # fmt: skip
    assert done.ok, "\n".join(done.complaints)
    result = json.loads(done.text.splitlines()[-1])
    assert result["points"] > 100
    record_property(
        "fault points",
        ("secure, stopped servers", f"{fault}", result["struck"], len(result["wrong"])),
    )
    assert not result["wrong"]


def _thin_out() -> None:
    """A few of Debian's roots stand for the 290: links, all of them compared and put back at each
    point."""
    links = sorted(path for path in Path("/etc/ssl/certs").iterdir() if path.is_symlink())
    for link in links[10:]:
        link.unlink()
