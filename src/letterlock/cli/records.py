"""`letterlock records`: the DNS records that a mail server should have."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import CaFile, PasswordEnv, PasswordFile
from letterlock.cli.check_probing import ResolverOption
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.live_system import JsonFile, why_not_writable
from letterlock.cli.verb import verb
from letterlock.model.dns_promises import StsMode
from letterlock.model.errors import InputError

if TYPE_CHECKING:
    from letterlock.cli.records_run import Gathered, Options
    from letterlock.records.compare import Standing

_EPILOG = """Examples:

\b
  letterlock records mail.example.com --domain example.com
  letterlock records mail.example.com --domain example.com --next-key next.key >records.zone
  letterlock records mail.example.com --domain example.com --mta-sts-policy mta-sts.txt
  letterlock records mail.example.com --domain example.com --compare
  letterlock records mail.example.com --cert mail.crt --port 25

Exit codes: 0 printed, or all is published (--compare), 1 something is missing or stale, 2 usage or
input error, 3 could not be determined.
"""
_LONGEST_TTL = 604800

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def records(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The mail server's own name.")],
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain",
            metavar="DOMAIN",
            help="A mail domain that it serves: MTA-STS, TLS reports, SRV; may be repeated.",
        ),
    ] = None,
    port: Annotated[
        list[int] | None,
        typer.Option(
            "--port",
            metavar="PORT",
            help="These ports, instead of all that are open.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Look at this address instead of those that HOST has in DNS."
        ),
    ] = None,
    cert: Annotated[
        list[str] | None,
        typer.Option(
            "--cert",
            metavar="FILE",
            help="The present certificate, instead of looking at what is served; may be repeated.",
        ),
    ] = None,
    next_key: Annotated[
        list[str] | None,
        typer.Option(
            "--next-key", metavar="FILE", help="A private key to be used next; may be repeated."
        ),
    ] = None,
    next_cert: Annotated[
        list[str] | None,
        typer.Option(
            "--next-cert", metavar="FILE", help="A certificate to be used next; may be repeated."
        ),
    ] = None,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    mode: Annotated[
        StsMode, typer.Option(metavar="MODE", help="Of the MTA-STS policy: testing, enforce, none.")
    ] = StsMode.TESTING,
    max_age: Annotated[
        int, typer.Option(metavar="SECONDS", help="How long senders keep the policy.")
    ] = 604800,
    mx: Annotated[
        list[str] | None,
        typer.Option(
            "--mx",
            metavar="PATTERN",
            help="The policy's mx lines, instead of HOST and the MX records that there are.",
        ),
    ] = None,
    policy_host: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The web server that mta-sts.DOMAIN is to lead to."),
    ] = None,
    policy_file: Annotated[
        str | None,
        typer.Option(
            "--mta-sts-policy",
            metavar="FILE",
            help="Write the policy to FILE; - for stdout, alone.",
        ),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where TLS reports go, mailto:… or https://…; by default the postmaster.",
        ),
    ] = None,
    caa: Annotated[
        list[str] | None,
        typer.Option(
            "--caa",
            metavar="CA",
            help="Who may issue (letsencrypt.org), instead of the CA of what is served.",
        ),
    ] = None,
    ttl: Annotated[int, typer.Option(metavar="SECONDS", help="Of every record.")] = 3600,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Say what of it is published, missing, stale."),
    ] = False,
    resolver: ResolverOption = None,
    ca_file: CaFile = None,
    json_file: JsonFile = None,
) -> None:
    """Print the DNS records to publish for a mail server.

    A part of a zone file: TLSA records for the keys that each open port serves and for the next
    key, CAA for the CA that is used, and for each mail domain MTA-STS with its policy, TLS
    reports and SRV. The next key is what --next-key or --next-cert name, or what `letterlock
    deploy` keeps to be deployed yet. Nothing is changed anywhere.
    """
    from letterlock.cli.records_run import gather, options

    _check_outputs(policy_file, json_file, ttl)
    wishes = options(
        host=host, domains=domain, ports=port, address=address, certs=cert,
        next_keys=next_key, next_certs=next_cert, password_file=password_file,
        password_env=password_env, mode=mode, max_age=max_age, mx=mx, policy_host=policy_host,
        report_to=report_to, caa=caa, resolver=resolver, ca_file=ca_file,
    )  # fmt: skip
    found = gather(wishes)
    for remark in found.remarks:
        typer.echo(f"letterlock: {remark}", err=True)
    standings = _compared(found, wishes) if compare else None
    _write_policy(policy_file, found)
    if json_file is not None:
        from letterlock.cli.check_output import write_out
        from letterlock.cli.records_print import document

        write_out(json_file, document(found, ttl, standings))
    if "-" not in (policy_file, json_file):
        _print(found, ttl, standings)
    raise typer.Exit(_exit_code(standings))


def _check_outputs(policy_file: str | None, json_file: str | None, ttl: int) -> None:
    if policy_file == json_file == "-":
        raise InputError("--mta-sts-policy - and --json - would both go to stdout")
    if policy_file is not None and (reason := why_not_writable(policy_file)):
        raise InputError(f"--mta-sts-policy {policy_file} cannot be written: {reason}")
    if not 0 < ttl <= _LONGEST_TTL:
        raise InputError(f"--ttl {ttl} is not between 1 and {_LONGEST_TTL} seconds")


def _compared(found: Gathered, wishes: Options) -> tuple[Standing, ...]:
    from letterlock.cli.records_run import published
    from letterlock.records.compare import compare

    told = published(found, wishes)
    return compare(found.wanted, told, found.serving, found.domains)


def _write_policy(file: str | None, found: Gathered) -> None:
    if file is None:
        return
    from letterlock.cli.check_output import write_out

    texts = list(dict.fromkeys(policy.text for policy in found.wanted.policies))
    if not texts:
        raise InputError("--mta-sts-policy needs a domain", remedy="say --domain")
    if len(texts) > 1:
        raise InputError(
            "the domains have different policies",
            remedy="say one --domain for each --mta-sts-policy",
        )
    write_out(file, texts[0])


def _print(found: Gathered, ttl: int, standings: tuple[Standing, ...] | None) -> None:
    from letterlock.cli.records_print import show
    from letterlock.records.wanted import snippet

    if standings is not None:
        show(standings)
        return
    sys.stdout.write("".join(f"{line}\n" for line in snippet(found.wanted, ttl)))


def _exit_code(standings: tuple[Standing, ...] | None) -> ExitCode:
    from letterlock.records.compare import State

    states = {each.state for each in standings or ()}
    if states & {State.MISSING, State.STALE}:
        return ExitCode.FINDINGS
    return ExitCode.UNDETERMINED if State.UNKNOWN in states else ExitCode.FINE
