"""What every verb's command line has in common."""

from __future__ import annotations

from typing import Any

import typer

#: `-h` beside `--help`, and help as wide as a wide terminal lets it be read.
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def verb(**more: Any) -> typer.Typer:
    """The application of one verb. Plain help (no rich), since start-up time is promised."""
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, context_settings=CONTEXT, **more
    )
