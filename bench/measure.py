"""Timings of whole processes in turn (A B A B …), and the memory of a process tree."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two commands run in turn: the median seconds of each, and the median of the ratios pair by
    pair, which holds when the machine's speed drifts."""

    ours: float
    peers: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.ours * 1000:.0f} ms : {self.peers * 1000:.0f} ms = {self.ratio:.1f} ×"


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int, warm_up: int = 1
) -> Ratio:
    for _ in range(warm_up):
        ours()
        peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return Ratio(
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Peak:
    """`program` is the kernel's own peak of the largest process in the tree (ru_maxrss); `tree`
    the largest sum of proportional set sizes (Pss) sampled over all its processes. Both MB."""

    seconds: float
    status: int
    program: float
    tree: float


def peak(command: Sequence[str]) -> Peak:
    """Run a command and watch its whole tree of processes."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sums: list[float] = [0.0]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            sums.append(sum(_pss(pid) for pid in _tree(process.pid)))

    watcher = threading.Thread(target=sample)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Peak(took, process.returncode, usage.ru_maxrss / 1024, max(sums) / 1024)


def _tree(top: int) -> set[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, rest = {top}, [top]
    while rest:
        for child in parents.get(rest.pop(), ()):
            found.add(child)
            rest.append(child)
    return found


def _pss(pid: int) -> int:
    """kB, 0 for a process that has just ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
