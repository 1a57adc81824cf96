"""Words that several rules need."""

from __future__ import annotations

from collections.abc import Sequence

from letterlock.model.wording import counted, joined


def some(names: Sequence[str], shown: int) -> str:
    """The first `shown` names, and how many more there are."""
    listed = joined(", ", names[:shown])
    if len(names) <= shown:
        return listed
    more = len(names) - shown
    return counted("{names} and {count} more", "{names} and {count} more", more, names=listed)
