"""What can go wrong, told to a person in one line: what, where, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.model.wording import joined


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file. `line` counts from 1; `None` means the file as a whole."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"


class LetterlockError(Exception):
    """The root of all errors meant for the user; `str()` is the one line that is printed.

    `what` is the fault, `where` the place, `remedy` what the reader can do. Each subclass is one
    exit code; only `cli` turns it into one.
    """

    def __init__(
        self, what: str, *, where: Location | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return str(self.sentence)

    @property
    def sentence(self) -> str:
        """The line; a Language says it in its own words where `what` and `remedy` are Wordings."""
        place = (str(self.where),) if self.where else ()
        advice = (self.remedy,) if self.remedy else ()
        return joined(": ", (*place, joined("; ", (self.what, *advice))))


class InputError(LetterlockError):
    """What the user gave cannot be used: a file, an option, a configuration (exit code 2)."""


class UndeterminedError(LetterlockError):
    """The answer could not be had: network, budget (exit code 3)."""


class RefusedError(LetterlockError):
    """Refused or rolled back: the system is as it was (exit code 4)."""
