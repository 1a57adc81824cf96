"""Strikes one scenario at every point of it. A process of its own, small, since it forks once for
each of thousands of points, and a test worker's memory is large: `run` asks it, `main` is it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from letterlock.install.history import Result, history
from letterlock.install.journal import Undone
from letterlock.install.recover import recover
from letterlock.install.state import StateFolder
from tests.faults import strace
from tests.faults.scenarios import SCENARIOS, Scenario, action
from tests.faults.strace import Ended, Point
from tests.install import tree

KILLED = "killed"
#: One of these for each point, in turn.
FAILING = "failing"
ERRORS = ("ENOSPC", "EACCES", "EIO")
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Struck:
    """How many points, and by point what is wrong."""

    points: int
    wrong: dict[str, str]


def run(scenario: str, fault: str) -> Struck:
    """Strike each point of a scenario (its name) once."""
    process = _striker()
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([scenario, fault]).encode() + b"\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, "it ended; standard error has the reason"
    return Struck(**json.loads(answer))


@cache
def _striker() -> subprocess.Popen[bytes]:
    """It ends with its standard input, so with this process."""
    return subprocess.Popen(
        [sys.executable, "-c", "from tests.faults.striker import main; main()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_REPOSITORY,
    )  # fmt: skip


def main() -> None:
    """Answer a line with a line."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    # On a tmpfs where there is one: a disk's fsync would cost minutes and show nothing more.
    memory = Path("/dev/shm")
    for line in sys.stdin:
        scenario, fault = json.loads(line)
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            told = strike_all(named[scenario], fault, Path(folder))
        print(json.dumps(told), flush=True)  # noqa: T201


def strike_all(scenario: Scenario, fault: str, workplace: Path) -> dict[str, object]:
    bench = Bench.of(scenario, workplace)
    said = {
        f"{each.text} ({each.number})": bench.strike(
            each, ERRORS[at % len(ERRORS)] if fault == FAILING else fault
        )
        for at, each in enumerate(bench.points)
    }
    return {
        "points": len(bench.points),
        "wrong": {point: what for point, what in said.items() if what is not None},
    }


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
