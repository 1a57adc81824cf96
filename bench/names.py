"""A thousand names with a certificate each: planned, applied and verified live."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.machine import PROGRAM, Machine
from tests.names.many import Host

from bench.measure import peak

COUNT = 1000


def bench(tell: Callable[[str, str, bool, str], bool], count: int = COUNT) -> list[bool]:
    """Print each figure beside its bound; whether they are kept."""
    with tempfile.TemporaryDirectory() as folder, Machine(Path(folder)) as machine:
        host = Host(Path(folder) / "host")
        for number in range(count):
            host.issue(f"mail.d{number}.example")
        machine.start()
        result = Path(folder) / "result.json"
        command = [
            *machine.tools.prefix, str(PROGRAM), "names", str(host.live), "--ca-file",
            str(host.root), "--json", str(result),
        ]  # fmt: skip
        planned = peak([*command, "--dry-run"])
        kept = [tell(f"names --dry-run, {count} names", f"{planned.seconds:.1f} s", True, "")]
        applied = peak([*command, "--yes", "--no-rehearse"])
        told = json.loads(result.read_text())
        took = told["seconds"]
        work = took["planning"] + took["applying"]
        fits = applied.status == 0 and work < 10
        kept.append(
            tell(f"names, {count} names, planned and applied", f"{work:.1f} s", fits, "< 10 s")
        )
        figures = f"{took['verifying']:.1f} s, {told['seen']} handshakes, {applied.program:.0f} MB"
        kept.append(tell(f"names, {count} names, each verified live", figures, fits, ""))
        again = peak([*command, "--yes"])
        return [*kept, tell(f"names again, {count} names", f"{again.seconds:.1f} s", True, "")]
