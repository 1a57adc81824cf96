#!/usr/bin/env python3
"""Coverage-guided fuzzing of the texts in which domains promise something (wire/promises).

    .venv/bin/python -m pip install --group fuzz
    .venv/bin/python fuzz/fuzz_promises.py -max_total_time=120 .cache/fuzz_promises

The folder keeps what was found to reach new code; a crash is written as crash-… where it ran. Any
exception but MalformedError is one, and so is a policy that reads otherwise once it is written.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["letterlock"]):
    from letterlock.wire.promises.autoconfig import read_autoconfig
    from letterlock.wire.promises.caa import read_issuer
    from letterlock.wire.promises.malformed import MalformedError
    from letterlock.wire.promises.sts import policy_text, read_policy, read_record
    from letterlock.wire.promises.tls_rpt import read_tls_rpt


def _policy(data: bytes) -> None:
    policy = read_policy(data)
    if read_policy(policy_text(policy).encode()) != policy:
        raise AssertionError("another policy once it is written")


def _texts(data: bytes) -> list[str]:
    """As a resolver gives them: any bytes, each a character."""
    return [each.decode("latin-1") for each in data.split(b"\0")]


_READERS = (
    lambda data: read_autoconfig(data, "example.com"),
    lambda data: read_issuer(data.decode("latin-1")),
    lambda data: read_record(_texts(data)),
    lambda data: read_tls_rpt(_texts(data)),
    _policy,
)


def one_input(data: bytes) -> None:
    """The first byte says what it is read as."""
    if not data:
        return
    with suppress(MalformedError):
        _READERS[data[0] % len(_READERS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
