"""Every pair of two columns' values occurs in the matrix."""

from __future__ import annotations

from dataclasses import astuple
from itertools import combinations, product

from tests.e2e.ports import PORTS, POSTFIX_PORTS
from tests.lab.generation import GENERATIONS, Generation
from tests.lab.policy import judged_ports
from tests.lab.rows import ASKED, PROFILES, ROWS, Row


def values(row: Row) -> tuple[object, ...]:
    return (row.generation, *astuple(row)[1:])


def missing(rows: list[Row], generations: tuple[Generation, ...]) -> list[tuple[object, object]]:
    columns = (generations, *ASKED)
    return [
        pair
        for a, b in combinations(range(len(columns)), 2)
        for pair in product(columns[a], columns[b])
        if not any((values(row)[a], values(row)[b]) == pair for row in rows)
    ]


def test_every_pair_occurs() -> None:
    assert missing(list(ROWS), GENERATIONS) == []


def test_every_pair_occurs_without_the_next_debian() -> None:
    rows = [row for row in ROWS if row.generation.required]
    assert missing(rows, tuple(each for each in GENERATIONS if each.required)) == []


def test_sslyze_judges_every_port_of_every_profile() -> None:
    judged = {(row.profile, port) for row in ROWS for port in judged_ports(row)}
    assert {port for _, port in judged} == set(PORTS)
    assert {(profile, port) for profile in PROFILES for port in POSTFIX_PORTS} <= judged


def test_it_would_be_noticed() -> None:
    required = [row for row in ROWS if row.generation.required]
    assert missing(required, GENERATIONS)
