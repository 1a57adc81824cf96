"""`letterlock serve`: the checker's page, on your own machine."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.check_probing import Roots
from letterlock.cli.serve_monitors import monitors_file, reporter
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError

if TYPE_CHECKING:
    from letterlock.web.settings import Settings

_EPILOG = """Examples:

\b
  letterlock serve
  letterlock serve --listen 127.0.0.1:8025 --data /var/lib/letterlock-serve
  letterlock serve --url https://check.example.com --proxy 127.0.0.1 \\
      --ehlo check.example.com --contact postmaster@example.com
  letterlock serve --monitors /etc/letterlock/monitors.toml
  LETTERLOCK_DATABASE=postgresql://letterlock@db/letterlock letterlock serve
  LETTERLOCK_DATABASE=postgresql://letterlock@db/letterlock letterlock serve --role worker

Needs pip install 'letterlock[serve]'. Exit codes: 0 stopped, 2 usage or input error, 3 the
database does not answer.
"""
_NEEDED = ("alembic", "icalendar", "sqlalchemy", "starlette", "uvicorn")
#: A page's worker reads its settings from standard input.
_CHILD = ("serve", "--role", "worker", "--settings-on-stdin")

app = verb()


class Role(StrEnum):
    ALL = "all"
    PAGE = "page"
    WORKER = "worker"


@app.command(epilog=_EPILOG)
def serve(
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="Where the page answers.")
    ] = "127.0.0.1:8025",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where reports are kept, in SQLite; by default /var/lib/letterlock-serve for "
            "root, else ~/.local/state/letterlock-serve.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="LETTERLOCK_DATABASE",
            help="Keep them there instead: postgresql://USER@HOST/NAME. With a password in it, by "
            "the environment rather than here.",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Look at loopback and private addresses too. Not for a page that strangers reach.",
        ),
    ] = False,
    role: Annotated[
        Role,
        typer.Option(
            metavar="ROLE", help="all; page, without looking; worker, without a page: for several."
        ),
    ] = Role.ALL,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where others reach the page, behind a proxy.")
    ] = "",
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Believe this reverse proxy's X-Forwarded-For; may be repeated.",
            show_default=False,
        ),
    ] = None,
    ehlo: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Call ourselves NAME; by default this host's name."),
    ] = None,
    contact: Annotated[
        str, typer.Option(metavar="TEXT", help="Whom to write to, told on the page.")
    ] = "",
    opt_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Names and networks that are left alone, one a line; read anew."
        ),
    ] = None,
    admin_token: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who says the token in FILE may have targets looked at without limits, and "
            "forgotten, by the API; docs/serve.md.",
            show_default=False,
        ),
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Ask this resolver about mail domains."),
    ] = None,
    ca_file: Roots = None,
    workers: Annotated[
        int, typer.Option("--checks", metavar="N", help="Checks at once.", min=1, max=200)
    ] = 20,
    queue: Annotated[
        int, typer.Option(metavar="N", help="Checks that may wait.", min=1, max=10000)
    ] = 100,
    per_client: Annotated[
        int, typer.Option(metavar="N", help="Checks an hour for one client.", min=1)
    ] = 30,
    per_target: Annotated[
        int, typer.Option(metavar="N", help="Checks an hour of one host or domain.", min=1)
    ] = 12,
    per_address: Annotated[
        int,
        typer.Option(metavar="N", help="Checks an hour that lead to one address.", min=1),
    ] = 20,
    reuse: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a result answers again.", min=0)
    ] = 300,
    keep: Annotated[
        int, typer.Option(metavar="DAYS", help="How long reports are kept.", min=1)
    ] = 90,
    sending: Annotated[
        str | None,
        typer.Option(
            metavar="DOMAIN",
            help="Offer the sending test, of the traps below DOMAIN: letterlock listen DOMAIN "
            "takes its mail, from the same --data or --database.",
        ),
    ] = None,
    monitors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Look at the servers in FILE (TOML) on a schedule, tell what changes, and show "
            "their status at /status; docs/serve.md.",
            show_default=False,
        ),
    ] = None,
    lease: Annotated[float, typer.Option(hidden=True, min=2)] = 30,
    settings_on_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve the checker as a page and an API, on your own machine.

    One field, live progress, reports with permalinks, history, comparison and badges. It goes to
    public addresses and mail's ports only, and asks nobody else.
    """
    _need_libraries()
    _log_to_stderr()
    if settings_on_stdin:
        _as_child()
        return
    from letterlock.web.settings import Settings
    from letterlock.web.store.checks import Caps

    settings = Settings(
        data=(data or _usual_folder()).absolute(),
        database=database,
        public_url=_public(url),
        allow_private=allow_private,
        ehlo_name=_name(ehlo, url),
        contact=contact,
        opt_out_file=opt_out.absolute() if opt_out else None,
        admin_token_file=admin_token.absolute() if admin_token else None,
        ca_file=ca_file.absolute() if ca_file else None,
        resolver=_resolver(resolver),
        keep_days=keep,
        caps=Caps(waiting=queue, per_client=per_client, per_subject=per_target, reuse=reuse),
        per_address=per_address,
        at_once=workers,
        lease=lease,
        sending=_domain(sending),
        monitors=monitors_file(monitors),
    )
    _run(settings, role, listen, tuple(proxy or ()))


def _run(settings: Settings, role: Role, listen: str, proxies: tuple[str, ...]) -> None:
    from letterlock.web.opt_out import OptOutFile
    from letterlock.web.serve import listening, serve_page, serve_worker

    OptOutFile(settings.opt_out_file).now()
    if role is Role.WORKER:
        typer.echo("letterlock: looks for work; Ctrl-C ends it", err=True)
        serve_worker(settings, child=False, reporter=reporter(settings.monitors, settings.ca_file))
        return
    host, port = _address(listen)
    at = listening(host, port)
    serve_page(
        settings,
        at,
        worker=_CHILD if role is Role.ALL else None,
        proxies=proxies,
        ready=lambda where: typer.echo(
            f"letterlock: {settings.public_url or where} answers; Ctrl-C ends it", err=True
        ),
    )


def _as_child() -> None:
    from letterlock.web.handed_over import read
    from letterlock.web.serve import serve_worker

    line = sys.stdin.buffer.readline()
    if line:
        settings = read(line)
        serve_worker(settings, child=True, reporter=reporter(settings.monitors, settings.ca_file))


def _need_libraries() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f"serve needs {', '.join(missing)}", remedy="pip install 'letterlock[serve]'"
        )


def _usual_folder() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/letterlock-serve")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "letterlock-serve"


def _log_to_stderr() -> None:
    """What went wrong, for the journal, which has the time by itself."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="letterlock: %(message)s")
    for name in ("alembic", "sqlalchemy", "uvicorn"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _address(text: str) -> tuple[str, int]:
    from letterlock.probe.resolve import parse_target, port_number

    if text.isascii() and text.isdigit():
        return "127.0.0.1", port_number(text)
    if text.endswith(":0"):  # any that is free
        return _address(text.removesuffix(":0"))[0], 0
    target = parse_target(text)
    if target.name == "localhost":
        return "127.0.0.1", target.port or 8025
    if not target.is_address:
        raise InputError(f"--listen {text} is no address", remedy="such as 127.0.0.1:8025")
    return target.name, target.port if target.port is not None else 8025


def _public(url: str) -> str:
    from urllib.parse import urlsplit

    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or parts.scheme not in ("http", "https")
        or any(each in url for each in " @?#")
        or parts.path.strip("/")
    ):
        raise InputError(
            f"--url {url} is not where a page is", remedy="such as https://check.example.com"
        )
    return url.rstrip("/")


def _name(ehlo: str | None, url: str) -> str | None:
    """As said, else that of the public address, which leads to who we are."""
    from urllib.parse import urlsplit

    from letterlock.cli.check_probing import ehlo_name

    if ehlo is not None or not url:
        return ehlo_name(ehlo)
    return urlsplit(url).hostname


def _domain(sending: str | None) -> str:
    from letterlock.certs.names import ascii_name

    return ascii_name(sending) if sending else ""


def _resolver(text: str | None) -> str | None:
    from letterlock.probe.lookup.resolver import Resolver

    if text is not None:
        Resolver.parse(text)
    return text
