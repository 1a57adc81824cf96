"""The entry point of the command line, which starts at once."""

from __future__ import annotations

import gc
import os
import sys

from letterlock import __version__

#: Set by the shell's completion, whatever stands on the command line.
_COMPLETING = "_LETTERLOCK_COMPLETE"
#: Verbs that run until they are ended.
_STAYING = (["serve"], ["listen"])


def run() -> None:
    """The entry point of the command `letterlock`. What can be said without typer, which takes
    several times as long to import as Python to start, is."""
    asked = sys.argv[1:]
    if asked[:1] not in _STAYING:
        # Looking for garbage after every 700 objects takes time, and in a short run finds none.
        gc.set_threshold(100_000)
    if asked in (["--help"], ["-h"]) and _COMPLETING not in os.environ:
        from letterlock.cli.root_help import root_help

        sys.stdout.write(root_help())
    elif asked == ["--version"] and _COMPLETING not in os.environ:
        sys.stdout.write(f"letterlock {__version__}\n")
    else:
        from letterlock.cli.root import run_app

        run_app()
