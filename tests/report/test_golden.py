"""Each format, word for word, on a small server."""

from __future__ import annotations

import pytest

from tests.report.golden import FOLDER, documents

KEPT = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", KEPT)
def test_format(name: str) -> None:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        assert documents()[name] == file.read()


def test_no_golden_file_is_forgotten() -> None:
    assert set(KEPT) == set(documents())
