"""Where `check` writes to: the screen, files in seven formats, a monitoring plugin's line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import why_not_writable
from letterlock.cli.private_file import write_new
from letterlock.model.errors import InputError, LetterlockError, Location
from letterlock.model.finding import Severity
from letterlock.model.language import ENGLISH, Language

if TYPE_CHECKING:
    from letterlock.report.result import Result

JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write JSON (letterlock schema); - for stdout."),
]
HtmlFile = Annotated[
    str | None, typer.Option("--html", metavar="FILE", help="Write one self-contained HTML page.")
]
MarkdownFile = Annotated[
    str | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown.")
]
CsvFile = Annotated[
    str | None, typer.Option("--csv", metavar="FILE", help="Write a line for each finding as CSV.")
]
JunitFile = Annotated[
    str | None,
    typer.Option("--junit", metavar="FILE", help="Write JUnit XML; --fail-on is what fails."),
]
SarifFile = Annotated[
    str | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0 for code scanning.")
]
PrometheusFile = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        metavar="FILE",
        help="Write metrics for node exporter's textfile folder.",
    ),
]
Nagios = Annotated[
    bool,
    typer.Option("--nagios", help="Print a plugin's one line, and exit as Nagios and Icinga ask."),
]
Lang = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="TAG",
        help="The HTML page's language: en, zh-Hant; by default that of LANG.",
        show_default=False,
    ),
]
FailOn = Annotated[
    Severity,
    typer.Option(
        metavar="SEVERITY",
        help="Exit 1 from this severity on: info, low, medium, high, critical.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every fact of every endpoint.")
]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was asked for. `files` are by format, in the order in which they are written."""

    files: dict[str, str]
    fail_on: Severity
    pem: bool = False
    nagios: bool = False
    verbose: bool = False
    language: Language = ENGLISH

    @classmethod
    def of(
        cls,
        files: dict[str, str | None],
        *,
        fail_on: Severity,
        pem: bool,
        nagios: bool,
        verbose: bool,
        language: Language = ENGLISH,
    ) -> Outputs:
        """Raises InputError where a file cannot be written or two things would go to stdout: before
        anything is looked at."""
        wanted = {name: file for name, file in files.items() if file is not None}
        to_stdout = [f"--{name} -" for name, file in wanted.items() if file == "-"]
        to_stdout += ["--nagios"] if nagios else []
        if len(to_stdout) > 1:
            raise InputError(f"{' and '.join(to_stdout)} would both go to stdout")
        for name, file in wanted.items():
            if reason := why_not_writable(file):
                raise InputError(f"--{name} {file} cannot be written: {reason}")
        return cls(wanted, fail_on, pem, nagios, verbose, language)

    @property
    def screen(self) -> bool:
        """Whether the terminal's report is printed: unless something else goes to stdout."""
        return not self.nagios and "-" not in self.files.values()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """A plugin tells what keeps it from working on stdout, and exits UNKNOWN."""
        try:
            yield
        except LetterlockError as error:
            if not self.nagios:
                raise
            from letterlock.report.nagios_report import PluginStatus, unknown

            sys.stdout.write(unknown(str(error)))
            raise typer.Exit(PluginStatus.UNKNOWN) from None

    def write(self, results: Sequence[Result], *, determined: bool) -> None:
        """Raises InputError naming the file that cannot be written."""
        for name, file in self.files.items():
            write_out(file, _document(name)(results, self))
        if self.nagios:
            from letterlock.report.nagios_report import line

            sys.stdout.write(line(results, self.fail_on, determined=determined))

    def exit_code(self, results: Sequence[Result], usual: ExitCode, *, determined: bool) -> int:
        """The usual one, or a plugin's."""
        if not self.nagios:
            return usual
        from letterlock.report.nagios_report import status

        return status(results, self.fail_on, determined=determined)


def report_language(wanted: str | None) -> Language:
    """The one asked for, else the environment's. Raises InputError where there is no such."""
    from letterlock.languages.catalogues import best, language, of_environment

    return best(of_environment(os.environ)) if wanted is None else language(wanted)


def _document(name: str) -> Callable[[Sequence[Result], Outputs], str]:
    return {
        "json": _json,
        "html": _html,
        "markdown": _markdown,
        "csv": _csv,
        "junit": _junit,
        "sarif": _sarif,
        "prometheus": _prometheus,
    }[name]


def _json(results: Sequence[Result], outputs: Outputs) -> str:
    from letterlock.report.json_report import document

    return document(results, pem=outputs.pem)


def _html(results: Sequence[Result], outputs: Outputs) -> str:
    from letterlock.report.html_report import document

    return document(results, outputs.language)


def _markdown(results: Sequence[Result], _outputs: Outputs) -> str:
    from letterlock.report.markdown_report import document

    return document(results)


def _csv(results: Sequence[Result], _outputs: Outputs) -> str:
    from letterlock.report.csv_report import document

    return document(results)


def _junit(results: Sequence[Result], outputs: Outputs) -> str:
    from letterlock.report.junit_report import document

    return document(results, outputs.fail_on)


def _sarif(results: Sequence[Result], _outputs: Outputs) -> str:
    from letterlock.report.sarif_report import document

    return document(results)


def _prometheus(results: Sequence[Result], _outputs: Outputs) -> str:
    from letterlock.report.prometheus_report import document

    return document(results)


def write_out(file: str, text: str) -> None:
    """To a file, or to stdout for `-`. A file is replaced whole, so that a collector never reads
    half of one; a link, a pipe or a device is written to. Raises InputError."""
    data = text.encode("utf-8")
    if file == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    path = Path(file)
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)
            return
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=Location(file)) from error
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666
    write_new(path, data, mode=mode, replace=True)
