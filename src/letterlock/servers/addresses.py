"""Where a configuration's words for addresses and ports lead."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from letterlock.model.service import SERVICES

#: Names that need no /etc/services (a minimal system has none); `smtps` is Postfix's old name for
#: `submissions`, see postconf(5) known_tcp_ports.
_PORTS = {service.name: service.port for service in SERVICES} | {"smtps": 465}

LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def port_number(name: str) -> int | None:
    """The TCP port of a service name or number; None where nothing knows the name."""
    if name.isdecimal():
        return int(name)
    if name in _PORTS:
        return _PORTS[name]
    try:
        return socket.getservbyname(name, "tcp")
    except OSError:
        return None


@cache
def has_ipv6() -> bool:
    """Whether this kernel has an IPv6 loopback to speak to."""
    try:
        return Path("/proc/net/if_inet6").read_bytes() != b""
    except OSError:
        return False


def literal(text: str) -> str | None:
    """An IP address without brackets, None where the text is not one."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return None


def reachable(words: Iterable[str], families: frozenset[int]) -> tuple[str, ...]:
    """Addresses at which listeners can be reached from the machine itself.

    Each word is an IP literal, a wildcard (`*`, `0.0.0.0`, `::`, `all`), `localhost`,
    `loopback-only`, or a host name of this machine; wildcards become the loopback address.
    `families` is a subset of {4, 6}. A name that does not resolve is left out."""
    found: dict[str, None] = {}
    for word in words:
        for address in _expand(word.strip("[]"), families):
            version = ipaddress.ip_address(address).version
            if version in families and (version == 4 or has_ipv6()):
                found.setdefault(address)
    return tuple(found)


def _expand(word: str, families: frozenset[int]) -> tuple[str, ...]:
    if word in ("all", "loopback-only", "localhost"):
        return tuple(LOOPBACK[family] for family in sorted(families))
    if word in ("*", "0.0.0.0"):  # noqa: S104 - read from a configuration, not bound
        return (LOOPBACK[4],)
    if word == "::":
        return (LOOPBACK[6],)
    if address := literal(word):
        return (address,)
    try:
        infos = socket.getaddrinfo(word, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))
