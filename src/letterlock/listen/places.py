"""Where the traps listen: addresses to bind, or sockets that systemd hands over."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.listening import Trap

#: The first descriptor that is handed over (sd_listen_fds(3)).
_FIRST_DESCRIPTOR = 3
_PORT = re.compile(r"[0-9]{1,5}")


class Role(Enum):
    """What listens beside the traps."""

    #: The web server of the MTA-STS trap's policy.
    POLICY = "policy"


#: None: shared by all traps that have no address of their own, told apart by SNI.
Whose = Trap | Role | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is to listen."""

    trap: Whose
    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


#: Where all traps are, unless told otherwise.
EVERYWHERE = (Place(None, "0.0.0.0", 25), Place(None, "::", 25))  # noqa: S104


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket and whose it is."""

    trap: Whose
    socket: socket.socket

    def __str__(self) -> str:
        address, port = self.socket.getsockname()[:2]
        return str(Place(self.trap, address, port))


def place(text: str) -> Place:
    """`[TRAP=]ADDRESS[:PORT]`, IPv6 in brackets where a port follows; port 25 unless told, 443 for
    the policy. Raises InputError."""
    trap_text, equals, rest = text.partition("=")
    if not equals:
        trap_text, rest = "", text
    try:
        trap = _whose(trap_text) if equals else None
    except ValueError:
        known = ", ".join((*Trap, Role.POLICY.value))
        raise InputError(
            f"--listen {text}: no trap is called {trap_text!r}", remedy=f"there are {known}"
        ) from None
    address, port = _address_and_port(rest, "443" if trap is Role.POLICY else "25")
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        remedy = "such as 192.0.2.1, expired=192.0.2.2:25 or good=[2001:db8::1]:25"
        raise InputError(
            f"--listen {text}: not an address of this machine", remedy=remedy
        ) from None
    if not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        raise InputError(f"--listen {text}: no port is called {port!r}", remedy="1 to 65535")
    return Place(trap, str(ip), int(port))


def _whose(name: str) -> Whose:
    return Role.POLICY if name == Role.POLICY.value else Trap(name)


def _address_and_port(text: str, usual: str) -> tuple[str, str]:
    if text.startswith("["):
        address, closed, port = text[1:].partition("]")
        if not port:
            return (address if closed else ""), usual
        return (address if port[0] == ":" else ""), port[1:]
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, port
    return text, usual


def bind(places: Sequence[Place]) -> tuple[Listening, ...]:
    """Sockets that listen. Raises UndeterminedError naming the one that cannot be had, all others
    closed."""
    bound: list[Listening] = []
    try:
        for each in places:
            bound.append(Listening(each.trap, _bind(each)))
    except OSError as error:
        for one in bound:
            one.socket.close()
        remedy = "ports below 1024 need root or systemd's sockets" if error.errno == 13 else None
        raise UndeterminedError(
            f"cannot listen on {each} ({error.strerror})", remedy=remedy
        ) from None
    return tuple(bound)


def _bind(each: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in each.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((each.address, each.port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def handed_over(
    environment: Mapping[str, str] = os.environ, first: int = _FIRST_DESCRIPTOR
) -> tuple[Listening, ...]:
    """systemd's sockets (sd_listen_fds(3)), the `first` and those after it, whose
    FileDescriptorName is a trap's name; any other name: shared by all. Empty where none are meant
    for this process."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = int(environment.get("LISTEN_FDS", "0"))
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for at in range(count):
        name = names[at] if at < len(names) else ""
        whose = _whose(name) if name in (*Trap, Role.POLICY.value) else None
        found.append(Listening(whose, socket.socket(fileno=first + at)))
    return tuple(found)
