"""Where a change really lands: behind which link, in which folder of that system."""

from __future__ import annotations

import os
from pathlib import Path

from letterlock.model.errors import Location, RefusedError
from letterlock.model.rooted import follow, outside

__all__ = ["file_target", "follow", "link_target", "outside"]


def file_target(root: Path, path: str | Path) -> str:
    """The real place of a file, which may be behind a symbolic link.

    Raises RefusedError for a dangling link, a loop of links, or a missing folder's sake when a
    link leads there."""
    entry = link_target(root, path)
    if not outside(root, entry).is_symlink():
        return entry
    target = follow(root, entry)
    if not os.path.lexists(outside(root, target)):
        raise RefusedError(
            f"is a symbolic link to {target}, which does not exist",
            where=Location(str(path)),
            remedy="make that file or remove the link",
        )
    return target


def link_target(root: Path, path: str | Path) -> str:
    """The real place of a symbolic link or a folder itself: only its parents are followed.

    Raises RefusedError for a loop of links, or a file where a folder should be."""
    folder, _, name = str(path).rstrip("/").rpartition("/")
    parent = follow(root, folder)
    return f"{parent.rstrip('/')}/{name}"
