"""/etc/letterlock/watch.toml: whom to tell, and what to look at."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from letterlock.certs.names import ascii_name
from letterlock.install import disk
from letterlock.install.place import outside
from letterlock.install.state import refusing
from letterlock.model.errors import InputError, Location
from letterlock.model.finding import Severity
from letterlock.probe.smarthost import Smarthost

FILE = "/etc/letterlock/watch.toml"
#: Every file that `watch install` writes has it; what has it not is a stranger's.
MARK = "# Written by letterlock watch install"
_HEAD = f"{MARK}; letterlock watch remove takes it away.\n"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`mail` are addresses, `smtp` is host:port of who takes mail instead of sendmail(1), `webhook`
    is a URL, `command` a program with its arguments: none of them need be given. `name` and
    `ca_file` are as in `status`; `tell_from` is the mildest severity that is a fault; `addresses`
    are those to look at from outside: None, this machine's own; empty, none."""

    mail: tuple[str, ...] = ()
    smtp: str = ""
    webhook: str = ""
    command: tuple[str, ...] = ()
    name: str = ""
    ca_file: str = ""
    tell_from: Severity = Severity.MEDIUM
    addresses: tuple[str, ...] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Those there are, mail first."""
        return tuple(each for each in ("mail", "webhook", "command") if getattr(self, each))


def read(root: Path) -> Settings | None:
    """What the file says; None where there is none. Raises InputError: what is wrong with it,
    RefusedError where it cannot be read."""
    contents = contents_of(root)
    if contents is None:
        return None
    path = outside(root, FILE)
    try:
        settings = msgspec.toml.decode(contents, type=Settings)
        check(settings)
    except (msgspec.DecodeError, UnicodeDecodeError, InputError) as error:
        raise InputError(str(error), where=Location(str(path))) from None
    if settings.webhook and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InputError(
            "others may read it, and the webhook's URL is a secret",
            where=Location(str(path)),
            remedy=f"chmod 600 {path}",
        )
    return settings


def contents_of(root: Path) -> bytes | None:
    """Raises RefusedError where it cannot be read."""
    with refusing("cannot be read"):
        return disk.read_file(outside(root, FILE))


def check(settings: Settings) -> None:
    """Raises InputError, which names no secret."""
    for address in settings.mail:
        _check_mail(address)
    if settings.smtp:
        Smarthost.parse(settings.smtp)
    if settings.webhook:
        _check_webhook(settings.webhook)
    if settings.command and not settings.command[0].startswith("/"):
        raise InputError(
            f"the command {settings.command[0]!r} is not an absolute path",
            remedy="name the program by its whole path; a timer has no PATH of yours",
        )
    if not all(word.isprintable() for word in settings.command):
        raise InputError("the command has a control character in it")
    if settings.name:
        ascii_name(settings.name)
    if settings.ca_file and not settings.ca_file.startswith("/"):
        raise InputError(f"the CA file {settings.ca_file!r} is not an absolute path")
    for address in settings.addresses or ():
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise InputError(f"{address!r} is not an IP address") from None


def _check_mail(address: str) -> None:
    """Postfix judges the rest; what would be an option or a second header is none of its business.
    A local user's name will do."""
    if (
        not address
        or address.startswith("-")
        or len(address) > 254
        or not address.isprintable()
        or any(char in ' ,;<>()"' for char in address)
    ):
        raise InputError(f"{address!r} is not a mail address")


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InputError("the webhook is not a URL") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError("the webhook is not a URL", remedy="such as https://example.com/hook")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return
    if parts.scheme == "http":
        raise InputError(
            f"the webhook at {host} is not encrypted", remedy="https, unless it is on this machine"
        )
    raise InputError(f"the webhook's scheme is {parts.scheme!r}", remedy="https is what it takes")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def without_secrets(url: str) -> str:
    """Only where a webhook is: tokens stand in the path, in the query, or before the host."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port else host
    return SplitResult(parts.scheme, place, "", "", "").geturl()


def as_toml(settings: Settings) -> bytes:
    """The whole file."""
    given: dict[str, Any] = msgspec.to_builtins(settings)
    return (_HEAD + "".join(_lines(given))).encode()


def _lines(given: dict[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if value is not None:
            # A JSON text or list of texts is a TOML one too (toml.io: basic strings, arrays).
            yield f"{name} = {msgspec.json.encode(value).decode()}\n"
