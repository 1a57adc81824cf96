"""One stock machine, and one that `letterlock secure` made, for all comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.machine import ForbiddenError, Machine
from tests.peers.counting import secure, with_rsa


@dataclass(frozen=True, slots=True)
class Running:
    machine: Machine
    #: By which `check` trusts its certificates.
    options: tuple[str, ...] = ()


def _booted() -> Machine:
    try:
        machine = Machine()
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with_rsa(machine)
    machine.start()
    return machine


@pytest.fixture(scope="session")
def stock() -> Iterator[Running]:
    with _booted() as machine:
        yield Running(machine)


@pytest.fixture(scope="session")
def hardened() -> Iterator[Running]:
    with _booted() as machine:
        yield Running(machine, secure(machine))
