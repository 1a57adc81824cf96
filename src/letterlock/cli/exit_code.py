"""The exit codes, the same for every verb (listed in docs/reference/exit-codes.md)."""

from __future__ import annotations

from enum import IntEnum

from letterlock.model.errors import InputError, LetterlockError, RefusedError, UndeterminedError


class ExitCode(IntEnum):
    """What the shell is told."""

    FINE = 0
    FINDINGS = 1
    USAGE = 2
    UNDETERMINED = 3
    REFUSED = 4
    INTERRUPTED = 130

    @classmethod
    def of(cls, error: LetterlockError) -> ExitCode:
        """The code that an error ends the program with."""
        match error:
            case InputError():
                return cls.USAGE
            case UndeterminedError():
                return cls.UNDETERMINED
            case RefusedError():
                return cls.REFUSED
        raise AssertionError(f"no exit code for {type(error).__name__}")
