"""`make bench`: start-up, the dry run, the whole `secure` and the deep check, as ratios in one run.

Peers: `python3 -c pass` for start-up; the servers' own checkers (`postfix check`, `doveconf -n`)
for the rest, on the same throw-away machine in the same minute.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence

from tests.conf import corpus
from tests.machine import HOSTNAME, PROGRAM, Machine

from bench import check, fleet, names
from bench.measure import Peak, in_turn, peak, seconds

_ROUNDS = 9


def main() -> int:
    """Print every figure beside its bound; exit 1 where one is not kept."""
    kept = [_startup()]
    with Machine() as machine:
        machine.start()
        kept += _secure(machine)
    kept += check.bench(_tell)
    kept += names.bench(_tell)
    kept += fleet.bench(_tell)
    return 0 if all(kept) else 1


def _startup() -> bool:
    ratio = in_turn(
        lambda: _run([str(PROGRAM), "--help"]), lambda: _run([sys.executable, "-c", "pass"]), 21
    )
    return _tell("letterlock --help : python3 -c pass", str(ratio), ratio.ratio <= 8, "≤ 8 ×")


def _secure(machine: Machine) -> list[bool]:
    delivery = machine.delivery()
    command = [
        *machine.tools.prefix, str(PROGRAM), "secure", HOSTNAME, "--cert",
        str(delivery.certificate), "--chain", str(delivery.bundle), "--key", str(delivery.key),
        "--ca-file", str(delivery.root), "--sasl", "dovecot",
    ]  # fmt: skip
    dry = in_turn(lambda: _run([*command, "--dry-run"]), lambda: _checkers(machine), _ROUNDS)
    name = "secure --dry-run : postfix check + doveconf -n"
    kept = [_tell(name, str(dry), dry.ours < 1, "< 1 s")]
    whole = peak([*command, "--yes"])
    kept.append(_tell("secure, rehearsed", _told(whole), _fits(whole), "< 8 s, < 150 MB"))
    again = peak([*command, "--yes"])
    kept.append(_tell("secure, nothing to change", _told(again), _fits(again), "< 8 s, < 150 MB"))
    kept.append(_largest(machine, command))
    return kept


def _largest(machine: Machine, command: Sequence[str]) -> bool:
    """The dry run on the largest files of the corpus that the servers here accept."""
    name = "secure --dry-run, the corpus's largest files"
    if not corpus.ROOT.is_dir():
        print(f"{'skipped':9} {name}: no corpus at {corpus.ROOT}")
        return True
    said = []
    for kind, place, checker in (
        ("main", "/etc/postfix/main.cf", ("postconf", "-n")),
        ("master", "/etc/postfix/master.cf", ("postconf", "-M")),
        ("dovecot", "/etc/dovecot/dovecot.conf", ("doveconf", "-n")),
    ):
        before = machine.read(place)
        for path in sorted(corpus.files(kind), key=lambda each: -each.stat().st_size):
            machine.write(place, path.read_bytes())
            dry_run = machine.run(*command[len(machine.tools.prefix) :], "--dry-run")
            if machine.run(*checker).ok and dry_run.ok:
                said.append(f"{path.name} {path.stat().st_size >> 10} kB")
                break
        else:
            machine.write(place, before)
    took = statistics.median(seconds(lambda: _run([*command, "--dry-run"])) for _ in range(_ROUNDS))
    return _tell(name, f"{took * 1000:.0f} ms on {', '.join(said)}", took < 1, "< 1 s")


def _checkers(machine: Machine) -> None:
    machine.must("postfix", "check")
    machine.must("doveconf", "-n")


def _told(peak: Peak) -> str:
    status = f"exit {peak.status}, " if peak.status else ""
    return (
        f"{status}{peak.seconds:.1f} s, {peak.program:.0f} MB in the largest process, "
        f"{peak.tree:.0f} MB in all"
    )


def _fits(peak: Peak) -> bool:
    return peak.status == 0 and peak.seconds < 8 and peak.program < 150 and peak.tree < 150


def _tell(name: str, figures: str, kept: bool, bound: str) -> bool:
    print(f"{'kept' if kept else 'NOT KEPT':9} {name:72} {figures}  ({bound})", flush=True)
    return kept


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    sys.exit(main())
