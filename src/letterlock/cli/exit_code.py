"""The exit codes, the same for every verb (listed in docs/reference/exit-codes.md)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    FINE = 0
    FINDINGS = 1
    USAGE = 2
    UNDETERMINED = 3
    REFUSED = 4
    INTERRUPTED = 130
