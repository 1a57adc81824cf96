"""Machines for everybody; where namespaces are forbidden their tests are skipped, loudly."""

from __future__ import annotations

import gc
import os
import runpy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.faults.summary import tell_points
from tests.machine import ForbiddenError, Machine, follow_guide

#: The same examples each time, so that a run says something about the change and not about luck.
#: `HYPOTHESIS_PROFILE=search` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Modules and test items by the ten thousand, none of them garbage: no search goes through them.
gc.disable()

_COMPILE = Path(__file__).resolve().parent.parent / "scripts/compile_catalogues"


def pytest_sessionstart() -> None:
    """The catalogues as they are in the tree: after a merge the compiled ones are older."""
    runpy.run_path(str(_COMPILE))["compile_stale"]()


MakeMachine = Callable[..., Machine]


@pytest.fixture
def make_machine(tmp_path: Path) -> Iterator[MakeMachine]:
    """Makes stock machines (arguments: Machine's), ended with the test; tmp_path is shared."""
    with ExitStack() as stack:

        def make(without: str | None = None) -> Machine:
            try:
                return stack.enter_context(Machine(tmp_path, without))
            except ForbiddenError as reason:
                pytest.skip(f"no private system here: {reason}")

        yield make


@pytest.fixture
def stock_machine(make_machine: MakeMachine) -> Machine:
    """Debian's stock Postfix and Dovecot, stopped."""
    return make_machine()


@pytest.fixture
def guide_machine(make_machine: MakeMachine) -> Machine:
    """A machine as the hosting company's guide leaves it (separate key file), stopped."""
    machine = make_machine()
    follow_guide(machine)
    return machine


#: Tests that take long, each by itself, the longest first. One of them begun last keeps one worker
#: busy and the others idle.
_LONG = (
    "tests/renew/test_story", "tests/fleet/test_fleet", "tests/renew/test_names",
    "tests/faults/test_secure", "tests/names/", "tests/corpus/", "tests/lab/test_matrix",
    "tests/renew/", "tests/watch/", "tests/e2e/", "tests/lab/",
)  # fmt: skip
#: These take long together, and share a machine or a service: one worker begins with all of them.
_TOGETHER = (
    "tests/web/test_page", "tests/peers/", "tests/bad_input/", "tests/web/test_service",
    "tests/probe/plan/", "tests/faults/", "tests/web/", "tests/hostile/", "tests/listen/",
)  # fmt: skip


def _rank(item: pytest.Item, prefixes: tuple[str, ...]) -> int | None:
    """Which of the prefixes it has first."""
    return next((at for at, each in enumerate(prefixes) if item.nodeid.startswith(each)), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests first, shared out: each worker begins with its own part of the list, and
    what is taken from it later is taken from its end, where the short ones are."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    alone: list[list[pytest.Item]] = [[] for _ in _LONG]
    together: list[list[pytest.Item]] = [[] for _ in _TOGETHER]
    short: list[pytest.Item] = []
    for item in items:
        if (at := _rank(item, _LONG)) is not None:
            alone[at].append(item)
        elif (at := _rank(item, _TOGETHER)) is not None:
            together[at].append(item)
        else:
            short.append(item)
    long = [item for each in alone for item in each]
    share = -(-len(items) // workers)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        first = long[worker::workers] + [
            item for each in together[worker::workers] for item in each
        ]
        more = max(0, share - len(first))
        ordered += first + short[:more]
        del short[:more]
    items[:] = ordered + short


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: no later search goes through it either."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tell_points(terminalreporter)
    skipped = terminalreporter.stats.get("skipped", [])
    blocked = [report for report in skipped if "no private system here" in str(report.longrepr)]
    if blocked:
        terminalreporter.write_line(
            f"NOT PROVEN: {len(blocked)} tests with real servers were skipped: "
            f"{blocked[0].longrepr[2]}",
            red=True,
        )
