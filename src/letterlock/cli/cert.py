"""`letterlock cert`: certificates looked at, put in order, compared, ordered; nothing installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from letterlock.cli.certificate_options import (
    AllowSelfSigned,
    CaFile,
    CertFile,
    CertificateOptions,
    ChainFiles,
    FetchMissing,
    KeyFile,
    PasswordEnv,
    PasswordFile,
    WithRoot,
    password_provider,
    read_bundle,
    read_chain,
)
from letterlock.cli.exit_code import ExitCode
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError

app = verb(
    help="Look at certificates, put chains in order, compare keys, make a CSR, print TLSA records.",
    no_args_is_help=True,
)

OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write to FILE instead of standard output."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist already.")]
Kind = Annotated[
    str,
    typer.Option("--type", metavar="TYPE", help="rsa-2048, rsa-3072, rsa-4096, p-256 or p-384."),
]

_SHOW = """Examples:

\b
  letterlock cert show mail.crt
  letterlock cert show --json mail.pfx --password-file pass.txt
"""


@app.command(epilog=_SHOW)
def show(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="PEM, DER, PKCS#7/12.")],
    json: Annotated[bool, typer.Option("--json", help="A JSON list on standard output.")] = False,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
) -> None:
    """Show every fact of every certificate in the files."""
    from letterlock.certs.material import Material, read
    from letterlock.cli.certificate_view import as_data

    password = password_provider(password_file, password_env)
    found = Material.together(read(file, password) for file in files)
    if not found.certificates:
        kinds = ["a private key" for _ in found.keys] + [other.kind for other in found.others]
        raise InputError(f"no certificate in {', '.join(files)}, but {kinds[0]}")
    at = datetime.now(UTC)
    if json:
        import msgspec

        data = [as_data(one, at) for one in found.certificates]
        typer.echo(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())
        return
    _show_tables(found.certificates, at)


def _show_tables(certificates: Iterable, at: datetime) -> None:  # type: ignore[type-arg]
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from letterlock.cli.certificate_view import rows

    console = Console(highlight=False)
    for number, loaded in enumerate(certificates):
        if number:
            console.print()
        console.print(Text(str(loaded.where), style="bold"))
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in rows(loaded.certificate, at):
            table.add_row(label, Text(text))
        console.print(table)


_BUNDLE = """Examples:

\b
  letterlock cert bundle --cert mail.crt --chain ca-bundle.crt --out mail.pem
  letterlock cert bundle --cert mail.crt --chain ca-bundle.crt --key mail.key --combined \\
      --out mail-with-key.pem
"""


@app.command(epilog=_BUNDLE)
def bundle(
    cert: CertFile,
    key: KeyFile = None,
    chain: ChainFiles = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="NAME", help="The name that the certificate must cover."),
    ] = None,
    combined: Annotated[
        bool, typer.Option("--combined", help="Put the private key first, unencrypted.")
    ] = False,
    out: OutFile = None,
    force: Force = False,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    ca_file: CaFile = None,
    allow_self_signed: AllowSelfSigned = False,
    with_root: WithRoot = False,
    fetch_missing: FetchMissing = False,
) -> None:
    """Put leaf and chain into one file in the right order; install nothing.

    The certificate is checked as `secure` would; what is left out is told on standard error. A
    file with the key is readable by its owner only."""
    options = CertificateOptions(
        certs=(cert,),
        keys=(key,) if key is not None else (),
        chain=tuple(chain or ()),
        password_file=password_file,
        password_env=password_env,
        ca_file=ca_file,
        allow_self_signed=allow_self_signed,
        with_root=with_root,
        fetch_missing=fetch_missing,
    )
    if combined and out is None and sys.stdout.isatty():
        raise InputError("a private key is not shown on a terminal", remedy="use --out FILE")
    content, notices = _concatenated(options, host, combined)
    _tell(notices)
    _put(content, out, mode=0o600 if combined else 0o644, force=force)


def _concatenated(
    options: CertificateOptions, host: str | None, combined: bool
) -> tuple[bytes, tuple[str, ...]]:
    if combined or options.keys:
        whole = read_bundle(options, host)
        return whole.combined_pem if combined else whole.fullchain_pem, whole.notices
    found = read_chain(options, host)
    return found.pem(with_root=options.with_root), found.notices


def _tell(notices: Iterable[str]) -> None:
    for notice in notices:
        typer.echo(f"letterlock: {notice}", err=True)


def _put(content: bytes, out: Path | None, *, mode: int, force: bool) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    from letterlock.cli.private_file import write_new

    write_new(out, content, mode=mode, replace=force)


_MATCH = """Example:

\b
  letterlock cert match --cert mail.crt --key mail.key

Exit codes: 0 they belong together, 1 they do not.
"""


@app.command(epilog=_MATCH)
def match(
    cert: CertFile,
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The private key.")],
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
) -> None:
    """Say whether a private key belongs to a certificate."""
    from letterlock.certs.bundle import matching

    password = password_provider(password_file, password_env)
    found = matching(cert, key, password)
    if found is None:
        typer.echo(f"{key} does not belong to any certificate in {cert}")
        raise typer.Exit(ExitCode.FINDINGS)
    typer.echo(f"{key} belongs to {found.certificate.subject} ({found.where})")


_CSR = """Examples:

\b
  letterlock cert csr mail.example.com --key-out mail.key --out mail.csr
  letterlock cert csr mail.example.com imap.example.com --type p-256 --key-out mail.key
"""


@app.command(epilog=_CSR)
def csr(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Host names, all in one certificate.")
    ],
    key_out: Annotated[
        Path,
        typer.Option("--key-out", metavar="FILE", help="Where the new key goes; never replaced."),
    ],
    out: OutFile = None,
    kind: Kind = "rsa-3072",
    force: Annotated[bool, typer.Option("--force", help="Replace --out; never the key.")] = False,
) -> None:
    """Make a new private key and a signing request to paste at a CA."""
    from letterlock.certs.csr import KeyKind, new_key, request
    from letterlock.certs.keys import server_key
    from letterlock.cli.private_file import write_new
    from letterlock.model.errors import Location

    if kind not in tuple(KeyKind):
        raise InputError(f"--type {kind} is none of {', '.join(KeyKind)}")
    if out is not None and out.exists() and not force:
        raise InputError("exists already", where=Location(str(out)), remedy="--force replaces it")
    key = new_key(KeyKind(kind))
    content = request(names, key)
    pem = server_key(key, Location(str(key_out))).pkcs8_pem()
    write_new(key_out, pem, remedy="a key is never replaced: give --key-out another name")
    _put(content, out, mode=0o644, force=force)
    _tell([f"the new private key is in {key_out}; only the CSR goes to the CA"])


_TLSA = """Examples:

\b
  letterlock cert tlsa mail.example.com --cert mail.crt
  letterlock cert tlsa mail.example.com --cert fullchain.pem --usage 2
  letterlock cert tlsa mail.example.com --cert mail.crt --port 25 --port 587

3 1 1 is the server's own key; 2 1 1 each CA of the file, which must be served in the chain
(RFC 7672 section 3.1).
"""


@app.command(epilog=_TLSA)
def tlsa(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The mail server's name (the MX).")],
    cert: CertFile,
    port: Annotated[
        list[int] | None, typer.Option("--port", metavar="PORT", help="25 unless given.")
    ] = None,
    usage: Annotated[
        int, typer.Option("--usage", min=0, max=3, help="3 the server's key, 2 its CA's.")
    ] = 3,
    selector: Annotated[
        int, typer.Option("--selector", min=0, max=1, help="1 the key, 0 the certificate.")
    ] = 1,
    matching_type: Annotated[
        int, typer.Option("--matching", min=0, max=2, help="1 SHA-256, 2 SHA-512, 0 in full.")
    ] = 1,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
) -> None:
    """Print the DNS records that pin a certificate (DANE)."""
    from letterlock.certs import tlsa as records
    from letterlock.certs.bundle import leaf_and_authorities

    password = password_provider(password_file, password_env)
    leaf, authorities = leaf_and_authorities(cert, password, datetime.now(UTC))
    pinned = [leaf] if usage in (1, 3) else authorities
    if not pinned:
        raise InputError(f"usage {usage} pins a CA's certificate, and {cert} holds none")
    for number in port or [25]:
        owner = records.owner(host, number)
        for one in pinned:
            record = records.tlsa(
                one,
                records.Usage(usage),
                records.Selector(selector),
                records.Matching(matching_type),
            )
            typer.echo(f"{owner} IN TLSA {record}")
