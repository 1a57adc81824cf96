"""What a power failure would find, which no kill shows: what reaches the disk before what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults import strace
from tests.faults.scenarios import action, secure
from tests.faults.strace import Point
from tests.install import tree

pytestmark = pytest.mark.faults

_PATHS = re.compile(r'"(/[^"]*)"')
_SYNCED = re.compile(r"^fsync\(\d+<([^>]*)>")
_NAMING = ("rename", "link", "linkat", "symlink", "unlink", "mkdir", "rmdir")


@pytest.fixture
def points(tmp_path: Path) -> list[Point]:
    root = tmp_path / "root"
    root.mkdir()
    tree.build(root)
    return strace.clean_points(action(secure, root), tmp_path)


def _outside_state(point: Point) -> bool:
    return point.call in _NAMING and "/var/lib" not in point.text


def _synced(points: list[Point]) -> list[str]:
    found = (_SYNCED.match(point.text) for point in points)
    return [match[1] for match in found if match]


def _lines(points: list[Point]) -> list[int]:
    """Where the journal's lines are on disk: begun, changing, committed, finished."""
    return [
        number for number, point in enumerate(points)
        if point.call == "fsync" and "/journal>" in point.text
    ]  # fmt: skip


def test_the_journal_is_on_disk_before_the_first_change(points: list[Point]) -> None:
    begun = _lines(points)[0]
    first = next(number for number, point in enumerate(points) if _outside_state(point))
    assert begun < first
    synced = _synced(points[:first])
    kept = [path for path in synced if path.endswith((".before", ".after"))]
    assert len(kept) == 6
    assert any(path.endswith("/runs") for path in synced[synced.index(kept[-1]) :])


def test_a_file_is_whole_on_disk_before_it_gets_its_name(points: list[Point]) -> None:
    named = 0
    for number, point in enumerate(points):
        paths = _PATHS.findall(point.text)
        if point.call in ("rename", "linkat") and paths[0].endswith(".new"):
            staged_as_link = any(p.call == "symlink" and paths[0] in p.text for p in points)
            assert staged_as_link or paths[0] in _synced(points[:number]), point
            named += 1
    assert named == 7


def test_new_names_are_on_disk_before_the_commit_and_old_ones_go_after(
    points: list[Point],
) -> None:
    changing, committed = _lines(points)[1:3]
    changed = [point for point in points[changing:committed] if _outside_state(point)]
    folders = {str(Path(path).parent) for p in changed for path in _PATHS.findall(p.text)[-1:]}
    last = points.index(changed[-1])
    assert folders <= set(_synced(points[last:committed]))
    backups = [
        number for number, point in enumerate(points)
        if point.call == "unlink" and '.old"' in point.text
    ]  # fmt: skip
    assert backups and min(backups) > committed
