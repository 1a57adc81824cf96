"""What every report is made from."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.model.facts import TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """One target: its facts, what there is to say about them, worst first, and the verdict where
    one was asked for."""

    facts: TargetFacts
    findings: tuple[Finding, ...]
    verdict: Verdict | None = None
