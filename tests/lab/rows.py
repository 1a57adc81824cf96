"""The rows of the matrix: few, and every pair of values of any two columns is in one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

from tests.lab.generation import GENERATIONS, Generation

STATES = ("stock", "guide", "grown")
LAYOUTS = ("separate", "combined")
PROFILES = ("modern", "intermediate", "old")
#: What a row's `keys` are.
KINDS = {"rsa": ("rsa",), "ecdsa": ("ecdsa",), "both": ("rsa", "ecdsa")}
KEYS = tuple(KINDS)

Pair = tuple[int, object, int, object]
Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One server and what is asked of it."""

    generation: Generation
    state: str
    layout: str
    profile: str
    keys: str

    def __str__(self) -> str:
        return f"{self.generation}-{self.state}-{self.layout}-{self.profile}-{self.keys}"


def pairs(values: Values) -> set[Pair]:
    """Which pairs one row has: column and value, twice."""
    return {(a, values[a], b, values[b]) for a, b in combinations(range(len(values)), 2)}


def pairwise(
    columns: Iterable[Iterable[object]], done: frozenset[Pair] = frozenset()
) -> list[Values]:
    """Rows that have every pair but those done, each time the one with the most pairs still
    missing, the first of such: the same rows each time."""
    every = list(product(*columns))
    wanted = {pair for values in every for pair in pairs(values)} - done
    rows = []
    while wanted:
        best = max(every, key=lambda values: len(pairs(values) & wanted))
        rows.append(best)
        wanted -= pairs(best)
    return rows


ASKED = (STATES, LAYOUTS, PROFILES, KEYS)


def _rows() -> tuple[Row, ...]:
    """The next Debian's rows come after the others', which have every pair without it: it may not
    be there."""
    found: list[Values] = []
    for required in (True, False):
        generations = [each for each in GENERATIONS if each.required is required]
        done = frozenset(pair for values in found for pair in pairs(values))
        found += pairwise((generations, *ASKED), done)
    return tuple(
        Row(generation, *map(str, rest))
        for generation, *rest in found
        if isinstance(generation, Generation)
    )


ROWS = _rows()
