"""Settings on their way to a worker process: by its standard input, where nobody else reads them.
After them, each line wakes it; the end of the input says that the service is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from letterlock.web.settings import Settings


def written(settings: Settings) -> bytes:
    """One line."""
    return msgspec.json.encode(settings, enc_hook=str) + b"\n"


def read(line: bytes) -> Settings:
    """Raises msgspec.MsgspecError."""

    def path(kind: type, value: Any) -> Any:
        return Path(value) if kind is Path else value

    return msgspec.json.decode(line, type=Settings, dec_hook=path)


def listen(source: BinaryIO, wake: Callable[[], None], gone: Callable[[], None]) -> None:
    """In a thread of its own."""

    def follow() -> None:
        while source.readline():
            wake()
        gone()

    threading.Thread(target=follow, name="service", daemon=True).start()
