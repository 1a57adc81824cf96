"""Where a path of a system really is: symbolic links followed inside that system's own root."""

from __future__ import annotations

import errno
import os
from collections import deque
from pathlib import Path

from letterlock.model.errors import Location, RefusedError

#: Linux's own limit, path_resolution(7).
_MOST_LINKS = 40


def outside(root: Path, path: str | Path) -> Path:
    """The path by which we reach what the system under `root` calls `path`."""
    return root / str(path).lstrip("/")


def follow(root: Path, path: str | Path) -> str:
    """`path` with every symbolic link followed, absolute ones from `root`; names that do not
    exist stay as they are, so the caller looks whether the place is there.

    Raises RefusedError for a loop of links, or a file where a folder should be."""
    todo = deque(str(path).split("/"))
    done: list[str] = []
    links = 0
    while todo:
        name = todo.popleft()
        if name in ("", "."):
            continue
        if name == "..":
            del done[-1:]
            continue
        text = _link_text(root.joinpath(*done, name), path)
        if text is None:
            done.append(name)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise RefusedError(
                "its symbolic links lead in a circle",
                where=Location(str(path)),
                remedy="point the link at a real file",
            )
        if text.startswith("/"):
            done.clear()
        todo.extendleft(reversed(text.split("/")))
    return "/" + "/".join(done)


def _link_text(here: Path, path: str | Path) -> str | None:
    try:
        return os.readlink(here)  # noqa: PTH115 Path would normalise the text
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise RefusedError(
            f"cannot be reached: {error.strerror}", where=Location(str(path))
        ) from error
