"""The program killed at every state-changing system call, and every one of them failing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from letterlock.install.history import Result, history
from letterlock.install.journal import Undone
from letterlock.install.recover import recover
from letterlock.install.state import StateFolder
from tests.faults import strace
from tests.faults.scenarios import SCENARIOS, Scenario, action
from tests.faults.strace import Ended, Point
from tests.install import tree

pytestmark = pytest.mark.faults

KILLED = "killed"
#: Each of these fails once; with the plus sign, from that call on for good.
ERRORS: tuple[str, ...] = ("ENOSPC", "EACCES", "EIO", "EIO+")
if os.environ.get("LETTERLOCK_EVERY_FAULT"):
    ERRORS += ("ENOSPC+", "EACCES+")


@pytest.fixture
def workplace() -> Iterator[Path]:
    """On a tmpfs where there is one: a disk's fsync would cost minutes and show nothing more."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@dataclass(frozen=True)
class Bench:
    """One scenario, ready to be struck again and again; `old` and `new` are the trees allowed."""

    scenario: Scenario
    workplace: Path
    template: Path
    old: tree.Snapshot
    new: tree.Snapshot
    points: list[Point]

    @classmethod
    def of(cls, scenario: Scenario, workplace: Path) -> Bench:
        template, clean = workplace / "template", workplace / "clean"
        template.mkdir()
        scenario.prepare(template, workplace)
        _copy(template, clean)
        points = strace.clean_points(action(scenario.act, clean), workplace, scenario.always)
        new = tree.snapshot(clean)
        # What is there before `recover` is neither state: it is to become the one it became.
        old = new if "recover" in scenario.name else tree.snapshot(template)
        assert len(points) >= scenario.least, points
        assert not any("letterlock-" in name for name in (*old, *new))
        return cls(scenario, workplace, template, old, new, points)

    def strike(self, point: Point, fault: str) -> str | None:
        """Strike once, recover, compare; what is wrong, if anything is."""
        root = self.workplace / "root"
        _copy(self.template, root)
        try:
            ended = self._struck(root, point, fault)
            assert fault == KILLED or ended.struck(point), "the call was never reached"
            return self._judge(root, ended, fault)
        except AssertionError as error:
            return str(error)
        finally:
            shutil.rmtree(root)

    def _struck(self, root: Path, point: Point, fault: str) -> Ended:
        go, always = action(self.scenario.act, root), self.scenario.always
        if fault == KILLED:
            return strace.kill_at(go, self.workplace, point, always)
        onwards = fault.endswith("+")
        return strace.fail_at(
            go, self.workplace, point, fault.rstrip("+"), onwards=onwards, always=always
        )

    def _judge(self, root: Path, ended: Ended, fault: str) -> str | None:
        allowed = (-9,) if fault == KILLED else (0, 4)
        assert ended.status in allowed, f"ended with {ended.status}: {ended.stderr}"
        tree.keys_are_private(root)
        state = StateFolder(root)
        notes = [note for recovery in recover(state, ()) for note in recovery.notes]
        assert not notes, notes
        now = tree.snapshot(root)
        assert now in (self.old, self.new), f"neither state: {_unlike(now, self.old)}"
        if fault != KILLED:
            kept = self.new if ended.status == 0 else self.old
            assert now == kept, f"exit code {ended.status} but {_unlike(now, kept)}"
        assert recover(state, ()) == (), "recover finds work again"
        records = [record for run in state.runs() for record in run.records]
        assert not [each for each in records if isinstance(each, Undone) and each.kept]
        for entry in history(state):
            assert entry.result is not Result.CUT_SHORT, entry
        assert not list((root / "var/lib/letterlock").rglob(".letterlock-*"))
        return None


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _unlike(now: tree.Snapshot, wanted: tree.Snapshot) -> str:
    names = sorted(name for name in now.keys() | wanted if now.get(name) != wanted.get(name))
    return ", ".join(names)


@pytest.mark.parametrize("fault", (KILLED, *ERRORS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_old_or_new_at_every_point(
    scenario: Scenario, fault: str, workplace: Path, record_property: Callable[[str, object], None]
) -> None:
    bench = Bench.of(scenario, workplace)
    wrong = {}
    for point in bench.points:
        said = bench.strike(point, fault)
        if said is not None:
            wrong[point] = said
    record_property("fault points", (scenario.name, fault, len(bench.points), len(wrong)))
    assert not wrong
