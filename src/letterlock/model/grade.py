"""How good a choice is, in the words of the Dutch NCSC's guidelines for TLS."""

from __future__ import annotations

from enum import StrEnum


class Grade(StrEnum):
    """The NCSC-NL's four levels (IT Security Guidelines for TLS, 2025-05, section 2), best
    first."""

    GOOD = "good"
    SUFFICIENT = "sufficient"
    PHASE_OUT = "phase-out"
    INSUFFICIENT = "insufficient"
