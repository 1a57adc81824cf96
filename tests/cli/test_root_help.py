"""The command itself: `letterlock --help` is what typer would print, without typer."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from letterlock import __version__
from letterlock.cli.main import run
from letterlock.cli.root import app
from letterlock.cli.root_help import root_help

#: Neither is needed to say what there is.
_HEAVY = ("typer", "rich", "asyncio", "cryptography", "dataclasses", "inspect", "shutil")


@pytest.mark.parametrize("columns", [20, 52, 60, 72, 80, 97, 100, 102, 140])
def test_it_is_what_typer_would_print(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert not app(["--help"], prog_name="letterlock", standalone_mode=False)
    assert root_help() == capsys.readouterr().out


@pytest.mark.parametrize("columns", ["0", "-3", "wide", ""])
def test_odd_widths_count_for_nothing(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    plain = root_help()
    monkeypatch.setenv("COLUMNS", columns)
    assert root_help() == plain


@pytest.mark.parametrize(
    ("argument", "said"),
    [("--help", "Usage: letterlock"), ("-h", "Usage: letterlock"), ("--version", __version__)],
)
def test_nothing_heavy_is_imported(argument: str, said: str) -> None:
    program = (
        "import sys\n"
        "from letterlock.cli.main import run\n"
        f"sys.argv = ['letterlock', {argument!r}]\n"
        "run()\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "patient"), [(["check", "--help"], True), (["serve", "--help"], False)]
)
def test_only_a_short_run_lets_garbage_lie(
    words: list[str], patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # as Python begins; what other tests ran left it otherwise
    monkeypatch.setattr(sys, "argv", ["letterlock", *words])
    try:
        with pytest.raises(SystemExit):
            run()
        assert (gc.get_threshold()[0] > 700) is patient
    finally:
        gc.set_threshold(*before)
