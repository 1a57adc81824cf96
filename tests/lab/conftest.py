"""Machines of the laboratory; without a root of the next Debian its tests are skipped, loudly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab.generation import Generation, LabMachine, missing
from tests.machine import ForbiddenError

MakeLabMachine = Callable[[Generation], LabMachine]


@pytest.fixture
def make_lab_machine() -> Iterator[MakeLabMachine]:
    """Makes stock machines of a generation, ended with the test."""
    with ExitStack() as stack:

        def make(generation: Generation) -> LabMachine:
            reason = missing(generation)
            if reason and (generation.required and "root of" in reason):
                pytest.fail(reason)
            if reason:
                pytest.skip(reason)
            try:
                return stack.enter_context(LabMachine(generation))
            except ForbiddenError as forbidden:
                pytest.skip(f"no private system here: {forbidden}")

        yield make
