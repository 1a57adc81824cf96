"""`letterlock check`: look at any mail server's TLS from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.check_output import (
    CsvFile,
    FailOn,
    HtmlFile,
    JsonFile,
    JunitFile,
    Lang,
    MarkdownFile,
    Nagios,
    Outputs,
    PrometheusFile,
    SarifFile,
    Verbose,
    report_language,
)
from letterlock.cli.check_probing import (
    DepthOption,
    Dns,
    Ehlo,
    Fast,
    MaxConnections,
    MaxTime,
    Mx,
    Online,
    Profiles,
    Rate,
    ResolverOption,
    Roots,
    Server,
    Timeout,
    Token,
    manners,
    profiles,
)
from letterlock.cli.check_targets import targets as all_targets
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError
from letterlock.model.finding import Severity
from letterlock.model.language import ENGLISH
from letterlock.model.service import KNOWN_SERVICES, Service
from letterlock.model.tls_facts import Depth

if TYPE_CHECKING:
    from letterlock.check.run import Checked, Request, Unresolved
    from letterlock.cli.check_progress import Bar
    from letterlock.probe.examine import Manners
    from letterlock.probe.resolve import Target
    from letterlock.probe.service import Service as Elsewhere
    from letterlock.profiles.profile import Profile
    from letterlock.report.result import Result

_EPILOG = """Examples:

\b
  letterlock check mail.example.com
  letterlock check mail.example.com:587 '[2001:db8::25]:25'
  letterlock check 192.0.2.25 --name mail.example.com
  letterlock check mail.example.com --port 25 --port 465 --json -
  letterlock check mail.example.com --dns
  letterlock check mail.example.com --server https://check.example.com
  letterlock check joe@example.com @example.org --resolver 127.0.0.1
  letterlock check mail.example.com --ca-file test-ca.pem --fail-on low
  letterlock check --targets servers.txt --html report.html --csv report.csv
  letterlock check mail.example.com --html report.html --lang zh-Hant

Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage or input error, 3 something could
not be determined (or nothing answers at all).
"""

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET...",
            help="A host name, an IPv4 or IPv6 address, or either with a port: HOST:PORT, "
            "[IPv6]:PORT; or an e-mail address or @DOMAIN for a domain's mail servers.",
            show_default=False,
        ),
    ] = None,
    targets_file: Annotated[
        str | None,
        typer.Option(
            "--targets",
            metavar="FILE",
            help="Read targets from FILE too, one a line, # for comments; - for stdin.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Send and verify this name instead of the target's own."),
    ] = None,
    ca_file: Roots = None,
    port: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PORT",
            help="Look at this port instead of all seven; may be repeated. 24 is LMTP, 4190 "
            "ManageSieve.",
            show_default=False,
        ),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What a port that is no mail service's own is: smtp, imap, sieve…"
        ),
    ] = None,
    mx: Mx = False,
    dns: Dns = False,
    resolver: ResolverOption = None,
    ipv4: Annotated[bool, typer.Option("--ipv4", "-4", help="IPv4 addresses only.")] = False,
    ipv6: Annotated[bool, typer.Option("--ipv6", "-6", help="IPv6 addresses only.")] = False,
    verbose: Verbose = False,
    json_file: JsonFile = None,
    pem: Annotated[bool, typer.Option("--pem", help="Certificates in the JSON, in full.")] = False,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    csv: CsvFile = None,
    junit: JunitFile = None,
    sarif: SarifFile = None,
    prometheus: PrometheusFile = None,
    nagios: Nagios = False,
    lang: Lang = None,
    fail_on: FailOn = Severity.MEDIUM,
    depth: DepthOption = Depth.STANDARD,
    profile: Profiles = None,
    timeout: Timeout = 30,
    max_time: MaxTime = 600,
    max_connections: MaxConnections = None,
    rate: Rate = None,
    fast: Fast = False,
    ehlo: Ehlo = None,
    online: Online = False,
    server: Server = None,
    token: Token = None,
) -> None:
    """Look at any mail server's TLS from outside.

    Visits the seven mail ports on every address of each TARGET and says what is offered, whether
    its TLS works and how good it is, and whether clients will accept the certificate. Nobody is
    logged in and no mail is sent; connections are few, and fewer where the server asks for it.

    Of a mail domain it says what DNS promises, and visits port 25 of each of its mail servers.
    """
    outputs = Outputs.of(
        {
            "json": json_file,
            "html": html,
            "markdown": markdown,
            "csv": csv,
            "junit": junit,
            "sarif": sarif,
            "prometheus": prometheus,
        },
        fail_on=fail_on,
        pem=pem,
        nagios=nagios,
        verbose=verbose,
        language=report_language(lang) if html or lang else ENGLISH,
    )
    with outputs.errors():
        request = _request(
            name=name,
            ca_file=ca_file,
            ports=port or [],
            service=service,
            families=(ipv4, ipv6),
            resolver=resolver,
            dns=dns,
            depth=depth,
            profiles=profiles(profile),
            online=online,
            manners=manners(
                timeout=timeout,
                max_time=max_time,
                max_connections=max_connections,
                rate=rate,
                fast=fast,
                ehlo=ehlo,
            ),
        )
        elsewhere = None
        if server is not None:
            from letterlock.cli.check_elsewhere import refuse_what_stays_here, service_at

            elsewhere = service_at(server, token)
            refuse_what_stays_here(
                {
                    "--ca-file": ca_file is not None,
                    "--service": service is not None,
                    "--resolver": resolver is not None,
                    "--profile": bool(profile),
                    "--ehlo": ehlo is not None,
                    "--rate": rate is not None,
                    "--max-connections": max_connections is not None,
                    "--dns": dns,
                    "--fast": fast,
                    "--online": online,
                    "--ipv4": ipv4,
                    "--ipv6": ipv6,
                }
            )
        elif token is not None:
            raise InputError("--token goes with --server")
        run = _Run(request, outputs, elsewhere)
        run.visit_all(all_targets(targets or (), targets_file, domains=mx))
        outputs.write(run.told, determined=run.determined)
    usual = run.exit_code(fail_on)
    raise typer.Exit(outputs.exit_code(run.told, usual, determined=run.determined))


def _request(
    *,
    name: str | None,
    ca_file: Path | None,
    ports: Sequence[int],
    service: str | None,
    families: tuple[bool, bool],
    resolver: str | None,
    dns: bool,
    depth: Depth,
    profiles: tuple[Profile, ...],
    online: bool,
    manners: Manners,
) -> Request:
    from letterlock.certs.trust import TrustStore
    from letterlock.check.run import Request
    from letterlock.probe.lookup.resolver import Resolver
    from letterlock.probe.resolve import Family, parse_target, port_number

    family = {(True, False): Family.IPV4, (False, True): Family.IPV6}.get(families, Family.BOTH)
    verified = parse_target(name) if name is not None else None
    if verified is not None and (verified.port is not None or verified.is_domain):
        what = "is an e-mail address" if verified.is_domain else "has a port"
        raise InputError(f"--name {name} {what}: it is only a name")
    return Request(
        trust=TrustStore.from_file(ca_file) if ca_file else TrustStore.system().beside_mozilla(),
        name=verified.name if verified else None,
        ports=tuple(port_number(str(each)) for each in ports),
        service=_service(service),
        family=family,
        depth=depth,
        profiles=profiles,
        online=online,
        manners=manners,
        resolver=Resolver.parse(resolver) if resolver is not None else None,
        dns=dns,
    )


def _service(name: str | None) -> Service | None:
    if name is None:
        return None
    for service in KNOWN_SERVICES:
        if service.name == name:
            return service
    known = ", ".join(service.name for service in KNOWN_SERVICES)
    raise InputError(f"--service {name} is unknown", remedy=f"say one of {known}")


class _Run:
    """The visits so far. Each target is shown as soon as it is done."""

    def __init__(self, request: Request, outputs: Outputs, elsewhere: Elsewhere | None) -> None:
        from rich.console import Console

        self._request = request
        self._elsewhere = elsewhere
        self._verbose = outputs.verbose
        self._screen = Console(highlight=False) if outputs.screen else None
        self.results: list[Checked] = []
        self._undetermined = False
        self.interrupted = False

    @property
    def told(self) -> list[Result]:
        """What the reports are made from."""
        from letterlock.report.result import Result

        return [Result(each.facts, each.findings, each.verdict) for each in self.results]

    @property
    def determined(self) -> bool:
        """Whether everything that was asked got an answer."""
        known = all(checked.determined for checked in self.results)
        return known and not self._undetermined and not self.interrupted

    def visit_all(self, targets: Sequence[Target]) -> None:
        """All at once; a target that does not resolve is told and does not stop the others."""
        from letterlock.check.run import check_all
        from letterlock.cli.check_progress import progress_bar

        title = targets[0].shown if len(targets) == 1 else f"{len(targets)} targets"
        with progress_bar(title) as bar:

            def done(result: Checked | Unresolved) -> None:
                with bar.aside():
                    self._take(result)

            if self._elsewhere is None:
                self.interrupted = check_all(targets, self._request, done=done, progress=bar.note)
            else:
                self._look_elsewhere(self._elsewhere, targets, done, bar)

    def _look_elsewhere(
        self,
        elsewhere: Elsewhere,
        targets: Sequence[Target],
        done: Callable[[Checked | Unresolved], None],
        bar: Bar,
    ) -> None:
        from letterlock.cli.check_elsewhere import look_elsewhere

        request = self._request
        try:
            look_elsewhere(
                elsewhere, targets, name=request.name, ports=request.ports, depth=request.depth,
                done=done, bar=bar,
            )  # fmt: skip
        except KeyboardInterrupt:
            self.interrupted = True

    def _take(self, result: Checked | Unresolved) -> None:
        from letterlock.check.run import Unresolved

        if isinstance(result, Unresolved):
            typer.echo(f"letterlock: {result.error}", err=True)
            self._undetermined = True
            return
        self.results.append(result)
        self._show(result)

    def exit_code(self, fail_on: Severity) -> ExitCode:
        findings = [finding for checked in self.results for finding in checked.findings]
        if self.interrupted:
            typer.echo("letterlock: interrupted; the rest was not looked at", err=True)
            return ExitCode.INTERRUPTED
        if any(finding.severity.at_least(fail_on) for finding in findings):
            return ExitCode.FINDINGS
        return ExitCode.FINE if self.determined else ExitCode.UNDETERMINED

    def _show(self, checked: Checked) -> None:
        if self._screen is None:
            return
        from letterlock.report.terminal import show

        if len(self.results) > 1:
            self._screen.rule(style="dim")
        show(
            self._screen,
            checked.facts,
            checked.findings,
            checked.verdict,
            verbose=self._verbose,
        )
