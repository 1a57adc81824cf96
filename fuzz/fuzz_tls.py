#!/usr/bin/env python3
"""Coverage-guided fuzzing of every decoder in wire/tls, and of ServerAnswer however it is fed.

    .venv/bin/python -m pip install --group fuzz
    .venv/bin/python fuzz/fuzz_tls.py -max_total_time=120 .cache/fuzz_tls

The folder keeps what was found to reach new code; a crash is written as crash-… where it ran. Any
exception but WireError is one, and so is an answer that changes with the way the bytes were cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

with atheris.instrument_imports(include=["letterlock"]):
    from tests.wire.tls.decoders import DECODERS

    from letterlock.wire.error import WireError
    from letterlock.wire.tls.answer import Answer, ServerAnswer

_DECODERS = list(DECODERS.values())


def fed(data: bytes, step: int, *, sslv2: bool) -> Answer:
    reader = ServerAnswer(sslv2=sslv2, max_bytes=4096)
    for at in range(0, len(data), step):
        reader.receive(data[at : at + step])
    return reader.end()


def one_input(data: bytes) -> None:
    """The first byte says what to try: a decoder, or an answer in pieces of two sizes."""
    if not data:
        return
    choice, data = data[0], data[1:]
    if choice < 128:
        try:
            _DECODERS[choice % len(_DECODERS)](data)
        except WireError:
            return
        return
    step, sslv2 = choice % 16 + 1, bool(choice & 64)
    if fed(data, step, sslv2=sslv2) != fed(data, max(len(data), 1), sslv2=sslv2):
        raise AssertionError(f"another answer in pieces of {step}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
