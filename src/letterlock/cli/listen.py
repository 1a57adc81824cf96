"""`letterlock listen`: receives test mails and says how they came."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import (
    AllowSelfSigned,
    CaFile,
    CertificateOptions,
    ChainFiles,
    KeyFile,
    PasswordEnv,
    PasswordFile,
    password_provider,
    read_bundle,
    read_own,
    trust_store,
)
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError

if TYPE_CHECKING:
    from letterlock.certs.bundle import Bundle
    from letterlock.listen.addresses import Names
    from letterlock.listen.places import Place

_EPILOG = """Examples:

\b
  letterlock listen traps.example.com --setup --cert good.pem \\
      --listen good=2001:db8::1 --listen expired=2001:db8::2
  letterlock listen traps.example.com --cert good.pem --key good.key \\
      --listen good=2001:db8::1 --listen expired=2001:db8::2
  letterlock listen traps.example.com --cert good.pem --token myown-test-1 --json visits.jsonl
  letterlock listen traps.example.com --cert good.pem --data /var/lib/letterlock-serve \\
      --user letterlock-serve

Needs the extra: pip install 'letterlock[listen]'.

Exit codes: 0 the test was ended as asked, whatever came, 2 usage or input error, 3 an address
cannot be listened on, what came could not be written, or the certificate ran out meanwhile.
"""

app = verb()


@app.command(epilog=_EPILOG)
def listen(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="Below which the traps are.")],
    cert: Annotated[
        str | None,
        typer.Option(
            "--cert",
            metavar="FILE",
            help="The good hosts' certificate: for mx.good.DOMAIN, mx.tlsa-mismatch.DOMAIN and "
            "mta-sts.mta-sts.DOMAIN.",
        ),
    ] = None,
    key: KeyFile = None,
    chain: ChainFiles = None,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    ca_file: CaFile = None,
    allow_self_signed: AllowSelfSigned = False,
    expired_cert: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A CA's certificate for mx.expired.DOMAIN that has run out, with its chain; "
            "without it a throw-away CA makes one.",
        ),
    ] = None,
    expired_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its private key, if it is in another file.")
    ] = None,
    listen_at: Annotated[
        list[str] | None,
        typer.Option(
            "--listen",
            metavar="[TRAP=]ADDRESS[:PORT]",
            help="Where a trap listens; without TRAP all that have no address of their own, told "
            "apart by SNI; with policy= the MTA-STS policy's web server, port 443. May be "
            "repeated.  [default: 0.0.0.0:25 and [::]:25]",
        ),
    ] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN",
            help="Take mail to TOKEN@TRAP.DOMAIN, and to no other; may be repeated.  "
            "[default: a new one]",
        ),
    ] = None,
    user: Annotated[
        str, typer.Option(metavar="USER", help="Who to be, once root has bound the ports.")
    ] = "nobody",
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.1, help="End by itself.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Take the tests that the page of letterlock serve begins, and tell it what came: "
            "its --data. No token is drawn.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="LETTERLOCK_DATABASE",
            help="The same, where serve has a --database. With a password in it, by the "
            "environment rather than here.",
            show_envvar=True,
        ),
    ] = None,
    setup: Annotated[
        bool, typer.Option("--setup", help="Print the DNS records that it needs, and end.")
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Append a line of JSON for each visit, and for each sender at the end "
            "(letterlock schema listen); - for stdout.",
        ),
    ] = None,
) -> None:
    """Receive test mails for a domain of yours, and say how they came.

    Each host below DOMAIN is a trap: good, expired, wrong-name, self-signed, no-starttls,
    tlsa-mismatch, mta-sts. Let the mail server that is tested send one mail to TOKEN@TRAP.DOMAIN
    for each. What arrives in a trap shows what the sender does not check; what arrives at the good
    host shows how it sends: TLS version, suite, group (post-quantum or not), SNI, what it offers.

    Relays nothing and keeps no mail: of each the time, the trap, the token's digest, the envelope
    sender's domain, the size and the sender's address.
    """
    from letterlock.certs.names import ascii_name
    from letterlock.listen.addresses import Names
    from letterlock.listen.places import place

    names = Names(ascii_name(domain))
    places = tuple(place(each) for each in listen_at or ())
    certificate = CertificateOptions(
        (cert,) if cert else (),
        (key,) if key else (),
        tuple(chain or ()),
        password_file,
        password_env,
        ca_file,
        allow_self_signed,
    )
    if setup:
        typer.echo(_setup(names, places, certificate), nl=False)
        return
    if find_spec("aiosmtpd") is None:
        raise InputError("listen needs aiosmtpd", remedy="pip install 'letterlock[listen]'")
    if (data or database) and find_spec("sqlalchemy") is None:
        raise InputError("--data needs sqlalchemy", remedy="pip install 'letterlock[serve]'")
    if cert is None:
        raise InputError("--cert is missing: the good hosts need a certificate that is valid")
    from letterlock.cli.listen_run import Wishes, run

    good = read_bundle(certificate, None)
    past = _expired(names, certificate, expired_cert, expired_key)
    tokens = tuple(token or ())
    run(Wishes(names, good, cert, past, places, tokens, user, seconds, json_file, data, database))


def _expired(
    names: Names, options: CertificateOptions, cert: str | None, key: str | None
) -> Bundle | None:
    if cert is None:
        if key is not None:
            raise InputError("--expired-key without --expired-cert")
        return None
    from letterlock.certs.bundle import CertificateFiles
    from letterlock.listen.demands import expired

    return expired(
        CertificateFiles(cert, key, options.chain),
        names,
        trust_store(options.ca_file),
        datetime.now(UTC),
        password=password_provider(options.password_file, options.password_env),
        allow_self_signed=options.allow_self_signed,
    )


def _setup(names: Names, places: tuple[Place, ...], options: CertificateOptions) -> str:
    from letterlock.certs.tlsa import tlsa
    from letterlock.listen.demands import demand_names
    from letterlock.listen.places import EVERYWHERE
    from letterlock.listen.zone import snippet

    record = None
    if options.certs:
        leaf = read_own(options)
        served = {each.trap for each in places or EVERYWHERE}
        demand_names(leaf.certificate, names, leaf.where, served)
        record = str(tlsa(leaf.certificate))
    return snippet(names, places, record)
