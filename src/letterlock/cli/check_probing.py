"""How much `check` asks of a server, and how it behaves there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.model.errors import InputError
from letterlock.model.tls_facts import Depth

if TYPE_CHECKING:
    from letterlock.probe.examine import Manners
    from letterlock.profiles.profile import Profile

_LONGEST_STEP = 600
_LONGEST_TARGET = 86400

DepthOption = Annotated[
    Depth,
    typer.Option(
        "--depth",
        metavar="DEPTH",
        help="How much to ask: verdict (is the profile met?), standard, full.",
    ),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="PROFILE",
        help="Hold it against PROFILE too (intermediate, rfc9325…, a TOML file); may be repeated.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", help="Wait this long for each step, a banner above all."
    ),
]
MaxTime = Annotated[
    float,
    typer.Option(
        "--max-time",
        metavar="SECONDS",
        help="Spend this long on a target at most, pauses asked for by the server included.",
    ),
]
Mx = Annotated[
    bool,
    typer.Option(
        "--mx", help="Each TARGET is a mail domain: look at its mail servers, as for @DOMAIN."
    ),
]
Dns = Annotated[
    bool,
    typer.Option("--dns", help="Ask DNS about hosts too: TLSA records of each port looked at."),
]
Roots = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="Trust the roots in FILE instead of the system's and Mozilla's.",
    ),
]
ResolverOption = Annotated[
    str | None,
    typer.Option(
        "--resolver",
        metavar="ADDRESS",
        help="Ask this resolver instead of the system's; one that validates DNSSEC.",
    ),
]
MaxConnections = Annotated[
    int | None,
    typer.Option(
        "--max-connections",
        metavar="N",
        help="Make at most N connections to each port, for what matters most.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="N", help="Begin at most N connections a minute per address."),
]
Fast = Annotated[
    bool,
    typer.Option(
        "--fast", help="6 connections at once to each port, not 2 to an address (6 on loopback)."
    ),
]
Ehlo = Annotated[
    str | None,
    typer.Option(
        "--ehlo", metavar="NAME", help="Call ourselves NAME; by default this host's name."
    ),
]


Online = Annotated[
    bool,
    typer.Option(
        "--online",
        help="Ask the CAs whether the certificates are revoked (OCSP, CRL): it tells them whom you "
        "look at.",
    ),
]


Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Have the letterlock at URL look (letterlock serve), and report here.",
    ),
]


Token = Annotated[
    Path | None,
    typer.Option(
        "--token",
        metavar="FILE",
        help="With --server: you run it and its --admin-token is in FILE. No limit holds, and it "
        "looks anew.",
    ),
]


def manners(
    *,
    timeout: float,
    max_time: float,
    max_connections: int | None,
    rate: float | None,
    fast: bool,
    ehlo: str | None,
) -> Manners:
    """Raises InputError for a number out of its bounds, and for an EHLO name that is none."""
    from letterlock.probe.examine import Manners
    from letterlock.probe.limits import Limits

    _within("--timeout", timeout, _LONGEST_STEP)
    _within("--max-time", max_time, _LONGEST_TARGET)
    if rate is not None and not 0 < rate < float("inf"):
        raise InputError(f"--rate {rate:g} is not a number of connections a minute")
    if max_connections is not None and max_connections < 1:
        raise InputError(f"--max-connections {max_connections} is less than one")
    return Manners(
        limits=Limits.within(timeout),
        ehlo_name=ehlo_name(ehlo),
        fast=fast,
        rate=rate,
        max_connections=max_connections,
        max_seconds=max_time,
    )


def profiles(names: list[str] | None) -> tuple[Profile, ...]:
    """Each once. Raises InputError for one that does not exist or cannot be read."""
    from letterlock.profiles.profile import load

    return tuple(load(name) for name in dict.fromkeys(names or ()))


def _within(option: str, seconds: float, longest: int) -> None:
    if not 0 < seconds <= longest:
        raise InputError(f"{option} {seconds:g} is not between 0 and {longest} seconds")


def ehlo_name(given: str | None) -> str | None:
    """The name to say in EHLO: a host name, or an address literal (RFC 5321 section 4.1.3)."""
    from letterlock.probe.resolve import host_name

    if given is None:
        return None
    if given.startswith("[") and given.endswith("]") and given[1:-1].isascii():
        literal = given[1:-1].removeprefix("IPv6:")
        if literal and all(char in "0123456789abcdefABCDEF:." for char in literal):
            return given
        raise InputError(f"--ehlo {given} is not an address literal such as [192.0.2.1]")
    return host_name(given)
