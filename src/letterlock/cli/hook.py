"""`letterlock hook`: the deploy hook of an ACME client, installed, removed or shown."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.verb import CONTEXT, verb
from letterlock.model.errors import InputError

if TYPE_CHECKING:
    from letterlock.renew.hook_files import ClientHook, Done

_EPILOG = """Examples:

\b
  letterlock hook install certbot
  letterlock hook install acme.sh mail.example.com
  letterlock hook show lego
  letterlock hook remove certbot

Clients: certbot, dehydrated and acme.sh keep a hook, which install writes; lego, uacme, caddy and
traefik keep none, and show says what to tell them.

Exit codes: 0 fine; 2 usage or input error, also install for a client that keeps no hook; 4 refused:
a hook that is not letterlock's stays as it is.
"""

app = verb(epilog=_EPILOG, no_args_is_help=True)

Client = Annotated[
    str,
    typer.Argument(
        metavar="CLIENT", help="certbot, dehydrated, acme.sh, lego, uacme, caddy or traefik."
    ),
]
Host = Annotated[
    str | None,
    typer.Argument(
        metavar="HOST", help="Of acme.sh: whose certificate's reload command.", show_default=False
    ),
]
Place = Annotated[
    Path | None,
    typer.Option(
        "--place",
        metavar="DIR",
        help="The client's folder, where it is not the usual one: /etc/letsencrypt, "
        "/etc/dehydrated, ~/.acme.sh.",
    ),
]
HookCaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", metavar="FILE", help="The hook believes the root certificates in FILE."
    ),
]


@app.callback()
def hook() -> None:
    """Install, remove or show the deploy hook of an ACME client.

    The hook hands each renewed certificate to `letterlock deploy`.
    """


@app.command(context_settings=CONTEXT, epilog="Example:  letterlock hook install certbot")
def install(
    client: Client, host: Host = None, place: Place = None, ca_file: HookCaFile = None
) -> None:
    """Write the hook where the client looks for it.

    A second time it changes nothing. A hook that is not letterlock's is never overwritten.
    """
    from letterlock.install.state import StateFolder
    from letterlock.renew import hook_files

    _demand_root()
    if client == "acme.sh":
        _tell_acme_sh(_set_acme_sh(host, place, _line(client, ca_file)))
        return
    wanted = _hook(client, place, ca_file)
    if not wanted.files:
        raise InputError(
            f"{client} keeps no hook of its own, so there is nothing to install",
            remedy=f"letterlock hook show {client} says what to tell it",
        )
    _tell(wanted, hook_files.install(wanted, StateFolder()))
    typer.echo(wanted.advice)


@app.command(context_settings=CONTEXT, epilog="Example:  letterlock hook remove certbot")
def remove(client: Client, host: Host = None, place: Place = None) -> None:
    """Take the hook away again."""
    from letterlock.renew import hook_files

    _demand_root()
    if client == "acme.sh":
        _tell_acme_sh(_set_acme_sh(host, place, None))
        return
    _tell(wanted := _hook(client, place, None), hook_files.remove(wanted))


@app.command(context_settings=CONTEXT, epilog="Example:  letterlock hook show lego")
def show(client: Client, place: Place = None, ca_file: HookCaFile = None) -> None:
    """Print the hook, and what to know of the client."""
    wanted = _hook(client, place, ca_file)
    for file in wanted.files:
        typer.echo(f"{file.path}:")
        for line in file.contents.splitlines():
            typer.echo(f"  {line}")
    typer.echo(wanted.advice)


def _demand_root() -> None:
    if os.geteuid() != 0:
        raise InputError("the hooks of ACME clients are root's", remedy="run it as root")


def _program() -> Path:
    """This program as a hook can call it from anywhere."""
    beside = Path(sys.executable).with_name("letterlock")
    found = str(beside) if beside.exists() else shutil.which("letterlock")
    return Path(found or sys.argv[0]).absolute()


def _line(client: str, ca_file: Path | None) -> str:
    from letterlock.renew.hook_files import command

    return command(_program(), client, _options(ca_file))


def _options(ca_file: Path | None) -> tuple[str, ...]:
    return ("--ca-file", str(ca_file.absolute())) if ca_file else ()


def _hook(client: str, place: Path | None, ca_file: Path | None) -> ClientHook:
    from letterlock.renew.hook_files import hook_for

    return hook_for(client, place and place.absolute(), _program(), _options(ca_file))


def _set_acme_sh(host: str | None, place: Path | None, line: str | None) -> tuple[Done, ...]:
    from letterlock.renew.acme_sh import set_reload_command

    if host is None:
        raise InputError(
            "acme.sh keeps one reload command for each certificate",
            remedy="name it: letterlock hook install acme.sh HOST",
        )
    return set_reload_command((place or Path("~/.acme.sh").expanduser()).absolute(), host, line)


def _tell(hook: ClientHook, done: Done) -> None:
    for file in hook.files:
        typer.echo(f"{file.path}: {done.value}")
    if not hook.files:
        typer.echo(f"{hook.client} keeps no hook of its own; nothing to remove.")


def _tell_acme_sh(done: tuple[Done, ...]) -> None:
    for each in done:
        typer.echo(f"acme.sh's reload command: {each.value}")
