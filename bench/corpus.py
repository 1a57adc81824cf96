"""`python -m bench.corpus`: the counts over the configurations of shared/corpus, beside those of
Augeas' lenses on the same files, and the time of a dry run on the largest. With `--write` into
docs/corpus.md.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsBytes

from tests.conf import corpus
from tests.corpus import dovecot, postfix
from tests.generation import Generation, generations

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf

_PAGE = Path(__file__).resolve().parent.parent / "docs/corpus.md"
_MARKS = ("<!-- written by: python -m bench.corpus --write -->\n", "<!-- end -->\n")
_LENSES = {"main": "Postfix_Main", "master": "Postfix_Master", "dovecot": "Dovecot"}
_PARSERS: dict[str, Callable[[bytes, str], SupportsBytes]] = {
    "main": MainCf.parse,
    "master": MasterCf.parse,
    "dovecot": DovecotFile.parse,
}
_NAMES = {"main": "main.cf", "master": "master.cf", "dovecot": "Dovecot, single files"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of judgements."""

    what: str
    files: int
    accepted: int
    compared: int
    planned: int
    checked: str
    wrong: int

    def __str__(self) -> str:
        return (
            f"| {self.what} | {self.files} | {self.accepted} | {self.compared} | {self.wrong} | "
            f"{self.planned} | {self.checked} |"
        )


def main() -> int:
    """Print the tables; exit 1 where something was not as it should be."""
    if not corpus.ROOT.is_dir():
        print(f"the corpus is not at {corpus.ROOT}", file=sys.stderr)
        return 3
    rows = [row for generation in generations() for row in _judged(generation)]
    lines = [*_parsed(), "", *_head(), *map(str, rows)]
    print("\n".join(lines))
    if "--write" in sys.argv:
        before, _, rest = _PAGE.read_text().partition(_MARKS[0])
        after = rest.partition(_MARKS[1])[2]
        _PAGE.write_text(before + _MARKS[0] + "\n".join(lines) + "\n" + _MARKS[1] + after)
    return 1 if any(row.wrong for row in rows) else 0


def _parsed() -> Iterator[str]:
    augeas = _augeas()
    yield "| files | number | printed byte for byte | parsed by Augeas |"
    yield "|---|---|---|---|"
    for kind, parse in _PARSERS.items():
        contents = [path.read_bytes() for path in corpus.files(kind)]
        same = sum(bytes(parse(data, "x")) == data for data in contents)
        theirs = "not installed" if augeas is None else str(len(contents) - augeas[kind])
        yield f"| {_NAMES[kind]} | {len(contents)} | {same} | {theirs} |"


def _augeas() -> dict[str, int] | None:
    """How many files of each kind Augeas' lens refuses; None where there is no Augeas."""
    if shutil.which("augtool") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        transforms = []
        for kind, lens in _LENSES.items():
            place = Path(folder) / kind
            place.mkdir()
            for path in corpus.files(kind):
                (place / path.name).write_bytes(path.read_bytes())
            transforms += ["-t", f"{lens}.lns incl /{kind}/*"]
        done = subprocess.run(
            ["augtool", "-r", folder, "--noautoload", *transforms, "match /augeas/files//error"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    refused = [line.split("/")[3] for line in done.stdout.splitlines() if line.startswith("/aug")]
    return {kind: refused.count(kind) for kind in _LENSES}


def _head() -> Iterator[str]:
    columns = ("judged by", "configurations", "accepted", "values compared", "differences")
    yield f"| {' | '.join((*columns, 'planned', 'accepted then'))} |"
    yield "|---|---|---|---|---|---|---|"


def _judged(generation: Generation) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cases = postfix.judge(generation, Path(folder), check="--check" in sys.argv)
    planned = [each for each in cases if each.planned is not None]
    good = sum(not each.wrong for each in planned)
    checks = f"{good} by postconf"
    if "--check" in sys.argv:
        checks += f", {sum(each.checked for each in planned)} by postfix check"
    yield Row(
        f"Postfix {generation.version('Postfix')} ({generation.name})",
        len(cases),
        sum(each.accepted for each in cases),
        sum(each.compared for each in cases),
        len(planned),
        checks,
        sum(len(each.wrong) for each in cases),
    )
    with tempfile.TemporaryDirectory() as folder:
        files = dovecot.judge(generation, Path(folder))
    written = [each for each in files if each.planned is not None]
    yield Row(
        f"Dovecot {generation.version('Dovecot')} ({generation.name})",
        len(files),
        sum(each.accepted for each in files),
        sum(each.compared for each in files),
        len(written) + sum(each.by_properties for each in files),
        f"{sum(not each.wrong for each in written)} by doveconf",
        sum(len(each.wrong) for each in files),
    )


if __name__ == "__main__":
    sys.exit(main())
