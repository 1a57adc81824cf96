"""`letterlock secure`: plan, show, rehearse, apply, verify; keep or roll back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import (
    AllowSelfSigned,
    CaFile,
    CertFiles,
    CertificateOptions,
    ChainFiles,
    FetchMissing,
    KeyFiles,
    PasswordEnv,
    PasswordFile,
    WithRoot,
    read_pairs,
    trust_store,
)
from letterlock.cli.live_system import (
    DryRun,
    JsonFile,
    Rehearse,
    Root,
    Wait,
    Yes,
    enter_network,
    recover_first,
    write_json,
)
from letterlock.cli.secure_options import CertLayout, Placing, RunOptions, SaslServer, SecureOptions
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError, RefusedError

if TYPE_CHECKING:
    from letterlock.cli.secure_plan import Prepared
    from letterlock.cli.secure_screen import PlanScreen

_EPILOG = """Examples:

\b
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key --dry-run
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key
  letterlock secure mail.example.com --cert rsa.crt --key rsa.key --cert ec.crt --key ec.key
  letterlock secure mail.example.com --cert mail.p12 --password-file p12.txt --yes --json -
  letterlock secure mail.example.com --cert full.pem --key mail.key --sasl dovecot --require-tls
  letterlock secure --modernize
  letterlock secure mail.example.org --cert org.pem --key org.key --sni --also imap.example.org

Exit codes: 0 done, or nothing to do; 2 usage or input error; 3 could not determine; 4 refused or
rolled back: the system is as it was.
"""

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def secure(
    host: Annotated[
        str | None,
        typer.Argument(metavar="HOST", help="The name that mail clients use for this server."),
    ] = None,
    cert: CertFiles = None,
    key: KeyFiles = None,
    chain: ChainFiles = None,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    ca_file: CaFile = None,
    allow_self_signed: AllowSelfSigned = False,
    with_root: WithRoot = False,
    fetch_missing: FetchMissing = False,
    profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="modern, intermediate, old, or a TOML file of one's own."
        ),
    ] = "intermediate",
    cert_layout: Annotated[
        CertLayout,
        typer.Option(help="Certificate and key in files of their own, or one file with both."),
    ] = CertLayout.SEPARATE,
    cert_dir: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Put certificates here, not in /etc/ssl/letterlock."),
    ] = None,
    key_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help="Put keys here, with --cert-dir.")
    ] = None,
    single: Annotated[
        bool,
        typer.Option(
            "--single",
            help="Serve this certificate alone: do not keep the one of the other key type.",
        ),
    ] = False,
    require_tls: Annotated[
        bool,
        typer.Option(
            "--require-tls", help="Users' ports refuse to work without TLS (port 25 does not)."
        ),
    ] = False,
    min_protocol: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="On users' ports at least this: TLSv1.2, TLSv1.3."),
    ] = None,
    exclude_ciphers: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="On users' ports none of these, in OpenSSL's words."),
    ] = None,
    server_preference: Annotated[
        bool, typer.Option("--server-preference", help="The server's cipher order decides.")
    ] = False,
    wrapper_port: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help="Submission with TLS from the first byte on this port too; may be repeated.",
        ),
    ] = None,
    dh_size: Annotated[
        int | None,
        typer.Option(metavar="BITS", help="Diffie-Hellman parameters of this size (RFC 7919)."),
    ] = None,
    sasl: Annotated[
        SaslServer | None, typer.Option(help="Let Dovecot answer AUTH for Postfix.")
    ] = None,
    modernize: Annotated[
        bool,
        typer.Option(
            "--modernize",
            help="Only bring TLS settings to the names that these versions know; no certificate.",
        ),
    ] = False,
    postfix_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="With --dry-run: plan from Postfix's files, for this version."
        ),
    ] = None,
    dovecot_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The same for Dovecot.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name that the certificate is for and clients use; may be repeated.",
        ),
    ] = None,
    default: Annotated[
        bool,
        typer.Option("--default", help="Serve it to clients that name no host, or another one."),
    ] = False,
    sni: Annotated[
        bool,
        typer.Option("--sni", help="Serve it to clients that name HOST; the default stays."),
    ] = False,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR", help="Only this Postfix instance, - for the default; else all."
        ),
    ] = None,
    dry_run: DryRun = False,
    rehearse: Rehearse = True,
    start: Annotated[
        bool, typer.Option("--start", help="Start a server that is stopped, and verify it.")
    ] = False,
    yes: Yes = False,
    wait: Wait = 0,
    json_file: JsonFile = None,
    root: Root = Path("/"),
) -> None:
    """Put a certificate on this mail server, harden it, prove it works.

    Reads certificate, chain and key as a CA delivers them; plans what Postfix and Dovecot need in
    the words of their versions; shows the difference and asks; rehearses on private copies;
    applies all of it or nothing; and looks at every port with a full TLS handshake. If any port
    is not as it should be, everything is rolled back.
    """
    options = SecureOptions(
        host=host or "",
        profile=profile,
        root=root,
        cert_layout=cert_layout,
        cert_dir=cert_dir,
        key_dir=key_dir,
        single=single,
        require_tls=require_tls,
        minimum_protocol=min_protocol,
        exclude_ciphers=tuple((exclude_ciphers or "").replace(":", " ").replace(",", " ").split()),
        server_preference=server_preference,
        wrapper_ports=tuple(wrapper_port or ()),
        dh_size=dh_size,
        sasl=sasl,
        modernize=modernize,
        postfix_version=postfix_version,
        dovecot_version=dovecot_version,
        placing=Placing.of(default=default, sni=sni),
        also=tuple(also or ()),
        instance=instance,
    )
    certificate = CertificateOptions(
        certs=tuple(cert or ()),
        keys=tuple(key or ()),
        chain=tuple(chain or ()),
        password_file=password_file,
        password_env=password_env,
        ca_file=ca_file,
        allow_self_signed=allow_self_signed,
        with_root=with_root,
        fetch_missing=fetch_missing,
        root=root,
    )
    run = RunOptions(
        dry_run=dry_run, rehearse=rehearse, start=start, yes=yes, wait=wait, json_file=json_file
    )
    _demand_certificate(host, options, certificate)
    _demand_root(run)
    recover_first(options.root, wait, dry_run=dry_run)
    prepared = _prepare(options, certificate)
    _carry_out(prepared, options, run)


def _demand_certificate(
    host: str | None, options: SecureOptions, certificate: CertificateOptions
) -> None:
    if options.modernize:
        if certificate != CertificateOptions(certs=(), root=options.root):
            raise InputError(
                "--modernize only renames settings: no certificate goes with it",
                remedy="leave out one of the two (secure renames too)",
            )
        return
    for missing, given in (
        ("argument 'HOST'", host is not None),
        ("option '--cert'", certificate.certs),
    ):
        if not given:
            raise InputError(
                f"Missing {missing}", remedy="letterlock secure --help lists what there is"
            )


def _demand_root(run: RunOptions) -> None:
    if os.geteuid() != 0 and not run.dry_run:
        raise InputError(
            "secure changes the mail server's configuration, which needs root",
            remedy="run it as root, or add --dry-run to see the plan",
        )


def _prepare(options: SecureOptions, certificate: CertificateOptions) -> Prepared:
    if options.modernize:
        from letterlock.cli.secure_plan import prepare_modernize

        return prepare_modernize(options)
    bundles = read_pairs(certificate, options.host)
    from letterlock.cli.secure_plan import prepare  # a third of the start-up time

    # Only now: a missing issuer is fetched from where we are.
    enter_network(options.root)
    return prepare(
        options,
        bundles,
        trust_store(certificate.ca_file, options.root),
        allow_self_signed=certificate.allow_self_signed,
    )


def _carry_out(prepared: Prepared, options: SecureOptions, run: RunOptions) -> None:
    from letterlock.cli.secure_plan import refuse_invalid, refuse_taken_ports
    from letterlock.cli.secure_screen import PlanScreen

    screen = PlanScreen(prepared, options.host or prepared.plan.subject, quiet=run.json_file == "-")
    if prepared.alive:
        refuse_taken_ports(prepared, run.start)
    if run.dry_run:
        _tell_dry_run(prepared, run, screen)
        return
    if prepared.plan.changes:
        refuse_invalid(prepared)
    if prepared.plan.changes and not run.yes:
        screen.show()
        _ask()
    from letterlock.cli.secure_run import SecureRun

    SecureRun(prepared, options, run, screen).execute()


def _tell_dry_run(prepared: Prepared, run: RunOptions, screen: PlanScreen) -> None:
    if run.json_file is not None:
        from letterlock.cli.secure_document import secure_document

        write_json(run.json_file, secure_document(prepared, screen.host))
    screen.show()


def _ask() -> None:
    if not sys.stdin.isatty():
        raise InputError("this changes the system and there is nobody to ask", remedy="add --yes")
    if not typer.confirm("Apply this?", err=True):
        raise RefusedError("nothing was changed, as you said")
