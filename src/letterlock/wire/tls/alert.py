"""Alerts (RFC 8446 section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.wire.tls.buffer import Reader

WARNING = 1
FATAL = 2

CLOSE_NOTIFY = 0
USER_CANCELED = 90


@dataclass(frozen=True, slots=True)
class Alert:
    """`level` and `description` as sent; `model.alerts` has the names."""

    level: int
    description: int

    def __bytes__(self) -> bytes:
        return bytes((self.level, self.description))

    @classmethod
    def parse(cls, fragment: bytes) -> Alert:
        """Raises WireError."""
        reader = Reader(fragment, "alert")
        alert = cls(reader.number(1), reader.number(1))
        reader.finish()
        return alert

    @property
    def ends(self) -> bool:
        """Whether nothing can follow: fatal, of a level that does not exist, or close_notify."""
        return self.level != WARNING or self.description == CLOSE_NOTIFY
