"""The third answer beside yes and no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not be determined, because of `reason`: neither a pass nor an exception."""

    reason: str

    def __str__(self) -> str:
        return f"unknown ({self.reason})"

    def __bool__(self) -> bool:
        raise TypeError("Unknown is neither true nor false: ask with isinstance")
