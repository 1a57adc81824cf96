"""Machines that cases share: each case leaves its machine as it found it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.bad_input.scene import WATCHED, Scene, furnish
from tests.machine import Entry, ForbiddenError, Machine, uninstall

MakeScene = Callable[[str], Scene]
#: By kind a machine, and what its files are between cases.
Made = dict[str, tuple[Machine, dict[str, Entry]]]


@pytest.fixture(scope="session")
def machines() -> Iterator[Made]:
    """The machines made so far, by kind."""
    made: Made = {}
    yield made
    for machine, _ in made.values():
        machine.close()


@pytest.fixture
def make_scene(machines: Made) -> Iterator[MakeScene]:
    """Makes the scene of a case: on a machine whose servers are `stopped` or `running`, that has
    `only Postfix` or `only Dovecot`, or is `bare` of both."""
    with ExitStack() as stack:

        def make(kind: str) -> Scene:
            if kind not in machines:
                machine = _machine(kind)
                machines[kind] = machine, machine.tree(*WATCHED)
            return stack.enter_context(Scene(*machines[kind]))

        yield make


def _machine(kind: str) -> Machine:
    without = {"only Postfix": "Dovecot", "only Dovecot": "Postfix", "bare": "Postfix"}
    try:
        machine = Machine(without=without.get(kind))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    furnish(machine)
    if kind == "bare":
        machine.call(lambda: uninstall("Dovecot"))
    if kind == "running":
        machine.start()
    return machine
