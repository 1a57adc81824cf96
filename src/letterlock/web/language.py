"""In which language a page is said: as its address says, else as the reader's browser does."""

from __future__ import annotations

from letterlock.languages.catalogues import best, of_header
from letterlock.model.language import Language


def chosen(wanted: str | None, accept_language: str) -> Language:
    """English where there is none that fits."""
    return best([wanted[:40]]) if wanted else best(of_header(accept_language))
