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


#: The tests that take longest, a minute and more. One of them begun last keeps one worker busy and
#: the others idle.
_LONGEST = ("tests/renew/", "tests/faults/test_secure", "tests/corpus/", "tests/lab/test_matrix")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests first, shared out: each worker begins with its own part of the list."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    longest = [item for item in items if item.nodeid.startswith(_LONGEST)]
    others = [item for item in items if not item.nodeid.startswith(_LONGEST)]
    share = -(-len(items) // workers)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        first = longest[worker::workers]
        ordered += first + others[: share - len(first)]
        del others[: share - len(first)]
    items[:] = ordered + others


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
