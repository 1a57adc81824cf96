"""The one exception of this room."""

from __future__ import annotations


class WireError(Exception):
    """The peer's bytes break the rules of the protocol or a limit; `str()` says which."""
