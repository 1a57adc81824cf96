"""`letterlock status`: what is on disk against what is on the wire."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import CaFile
from letterlock.cli.check_output import FailOn, JsonFile, Nagios, Outputs, PrometheusFile, write_out
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import Root, enter_network
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError
from letterlock.model.finding import Severity

if TYPE_CHECKING:
    from letterlock.report.status_words import StatusResult

_EPILOG = """Examples:

\b
  letterlock status
  letterlock status --name mail.example.com --json -
  letterlock status --nagios
  letterlock status --prometheus /var/lib/prometheus/node-exporter/letterlock.prom

Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage or input error, 3 something could
not be determined, such as what a stopped server serves. With --nagios a plugin's own.
"""

Name = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The default certificates must be for this name."),
]

app = verb()


@app.command(epilog=_EPILOG)
def status(
    name: Name = None,
    ca_file: CaFile = None,
    root: Root = Path("/"),
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every certificate.")
    ] = False,
    json_file: JsonFile = None,
    prometheus: PrometheusFile = None,
    nagios: Nagios = False,
    fail_on: FailOn = Severity.MEDIUM,
) -> None:
    """Say whether this machine's mail servers serve the certificates on their disk.

    Reads every certificate that Postfix and Dovecot are configured with, also per server name and
    in SNI maps, and looks at every port with a TLS handshake: is what is served what is on disk,
    how long does it live, does the key fit, who may read it. What could not be deployed yet stands
    before all that. Changes nothing, and works on servers that letterlock never touched. Needs
    root, to read keys.
    """
    outputs = Outputs.of(
        {"json": json_file, "prometheus": prometheus},
        fail_on=fail_on,
        pem=False,
        nagios=nagios,
        verbose=verbose,
    )
    with outputs.errors():
        demand_root()
        result = take(root, ca_file, name)
        _write(result, outputs)
    raise typer.Exit(_exit_code(result, outputs))


def demand_root() -> None:
    """Raises InputError for anybody else: keys and maps are root's to read."""
    if os.geteuid() != 0:
        raise InputError("the servers' keys and SNI maps are root's to read", remedy="run as root")


def take(root: Path, ca_file: str | None, name: str | None) -> StatusResult:
    """The status of the system below `root`, told step by step. Raises LetterlockError."""
    from letterlock.certs.names import ascii_name
    from letterlock.certs.trust import TrustStore
    from letterlock.cli.backlog import backlog
    from letterlock.cli.steps import steps
    from letterlock.report.status_words import StatusResult
    from letterlock.status.run import status as take_status

    trust = TrustStore.from_file(ca_file) if ca_file else TrustStore.system(root)
    enter_network(root)
    wanted = ascii_name(name) if name is not None else None
    with steps(total=3) as tell:
        taken = take_status(root, trust, wanted, tell, backlog(root))
    return StatusResult(taken.facts, taken.findings, taken.determined)


def _write(result: StatusResult, outputs: Outputs) -> None:
    if "json" in outputs.files:
        from letterlock.report.status_json import document

        write_out(outputs.files["json"], document(result))
    if "prometheus" in outputs.files:
        from letterlock.report.status_metrics import metrics

        write_out(outputs.files["prometheus"], metrics(result))
    if outputs.nagios:
        from letterlock.report.status_metrics import plugin_line

        typer.echo(plugin_line(result, outputs.fail_on), nl=False)
    if outputs.screen:
        from rich.console import Console

        from letterlock.report.status_terminal import show

        show(Console(highlight=False), result, verbose=outputs.verbose)


def _exit_code(result: StatusResult, outputs: Outputs) -> int:
    if outputs.nagios:
        from letterlock.report.status_metrics import plugin_code

        return plugin_code(result, outputs.fail_on)
    if any(each.severity.at_least(outputs.fail_on) for each in result.findings):
        return ExitCode.FINDINGS
    return ExitCode.FINE if result.determined else ExitCode.UNDETERMINED
