"""What to ask a server so that each connection tells the most: pure, no I/O, no clock."""

from __future__ import annotations

from letterlock.probe.plan.planner import Planner
from letterlock.probe.plan.reading import ChainReader
from letterlock.probe.plan.verdict import Demands

__all__ = ["ChainReader", "Demands", "Planner"]
