"""Version numbers of mail servers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """`major.minor.patch`; what follows (`.1`, `-RC1`, ` (9b53102964)`) does not order."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `3.7.11`, `2.3.19.1 (9b53102964)` or `3.7-20220101`.

        Raises ValueError when no number stands at the start."""
        match = _NUMBER.match(text.strip())
        if match is None:
            raise ValueError(f"not a version: {text!r}")
        return cls(int(match[1]), int(match[2]), int(match[3] or 0))

    def _key(self) -> tuple[int, int, int]:
        return (self.major, self.minor, self.patch)

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def short(self) -> str:
        """Without a patch level of 0, as release notes write it: `2.2`, `3.6`, `2.3.15`."""
        return str(self).removesuffix(".0")
