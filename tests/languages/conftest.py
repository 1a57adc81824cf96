"""The catalogues as they are in the tree."""

from __future__ import annotations

import pytest

from letterlock.languages.catalogues import language
from letterlock.model.language import Language


@pytest.fixture
def chinese() -> Language:
    return language("zh-Hant")
