"""How many points were struck, said at the end of the tests, also when workers ran them."""

from __future__ import annotations

from collections import defaultdict

import pytest


def tell_points(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a scenario and one for all."""
    counted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    wrong = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault points" and report.when == "call":
                    scenario, fault, points, bad = value
                    counted[scenario][fault] = points
                    wrong += bad
    for scenario, faults in counted.items():
        struck = ", ".join(f"{fault} {points}" for fault, points in faults.items())
        terminalreporter.write_line(f"fault points, {scenario}: {struck}")
    if counted:
        total = sum(sum(faults.values()) for faults in counted.values())
        terminalreporter.write_line(
            f"fault points in all: {total}, of which {total - wrong} left the old or the new state"
        )
