"""What the user wrote → the name to verify and the addresses to visit."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from enum import Enum

import idna

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.wording import Wording

#: A label of a host name (RFC 1123 section 2.1); an underscore is tolerated, as resolvers do.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::(.*))?")


class Family(Enum):
    """Which addresses to visit."""

    BOTH = socket.AF_UNSPEC
    IPV4 = socket.AF_INET
    IPV6 = socket.AF_INET6

    def admits(self, address: str) -> bool:
        return self is Family.BOTH or (self is Family.IPV6) is (":" in address)


@dataclass(frozen=True, slots=True)
class Target:
    """A target as given. `name` is the host in A-labels (RFC 5890), lower case, or the address
    literal; `shown` the same in U-labels; `port` where one was given. `is_domain`: not a host, but
    a domain whose mail servers DNS tells."""

    text: str
    name: str
    shown: str
    port: int | None = None
    is_domain: bool = False

    @property
    def is_address(self) -> bool:
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True


def parse_target(text: str) -> Target:
    """Read `host`, `host:port`, an IPv4 or IPv6 literal, `[IPv6]` or `[IPv6]:port`; an e-mail
    address or `@domain` for the mail servers of a domain.

    Raises InputError saying what is wrong with it."""
    if "@" in text:
        return parse_domain(text)
    if "://" in text:
        raise InputError(
            Wording("{text} is a URL", text=repr(text)), remedy=Wording("give the host name alone")
        )
    host, port = _split(text)
    address = _address(host)
    if address is not None:
        return Target(text, address, address, port)
    name = host_name(host)
    return Target(text, name, _shown(name), port)


def parse_domain(text: str) -> Target:
    """Read a domain: what follows the last `@`, or the whole. Raises InputError."""
    domain = text.rpartition("@")[2]
    if not domain:
        raise InputError(
            Wording("{text} names no domain", text=repr(text)),
            remedy=Wording("write user@example.com, @example.com"),
        )
    if ":" in domain or domain.startswith("["):
        raise InputError(
            Wording(
                "{domain} in {text} is not a mail domain", domain=repr(domain), text=repr(text)
            ),
            remedy=Wording("a port or an address belongs to a mail server: name it without @"),
        )
    if _address(domain) is not None:
        raise InputError(
            Wording("{text} names an address, not a domain", text=repr(text)),
            remedy=Wording("check {address} itself", address=domain),
        )
    name = host_name(domain)
    return Target(text, name, _shown(name), is_domain=True)


def host_name(text: str) -> str:
    """A host name in A-labels and lower case. Raises InputError."""
    name = text.removesuffix(".")
    if not name:
        if text == "":
            raise InputError(Wording("the host name is empty"))
        raise InputError(Wording("{text} is no host name", text=repr(text)))
    if any(char.isspace() for char in name):
        raise InputError(Wording("the host name {text} contains white space", text=repr(text)))
    if "" in name.split("."):
        raise InputError(
            Wording("the host name {text} has an empty label (two dots in a row)", text=repr(text))
        )
    ascii_name = _to_ascii(name, text)
    for label in ascii_name.split("."):
        _check_label(label, text)
    if len(ascii_name) > 253:
        raise InputError(
            Wording(
                "the host name {text}… is {length} characters long; 253 are the limit",
                text=repr(text[:40]),
                length=len(ascii_name),
            )
        )
    if ascii_name.rpartition(".")[2].isdigit():
        raise InputError(Wording("{text} is neither a host name nor an address", text=repr(text)))
    return ascii_name


def resolve(target: Target, family: Family = Family.BOTH) -> tuple[str, ...]:
    """The addresses to visit, IPv4 first, each once.

    Raises UndeterminedError where the name has none (of that family), InputError where an address
    is of the other family."""
    if target.is_address:
        version = ipaddress.ip_address(target.name).version
        if family is not Family.BOTH and (family is Family.IPV6) is not (version == 6):
            raise InputError(f"{target.name} is an IPv{version} address")
        return (target.name,)
    try:
        found = socket.getaddrinfo(target.name, None, family=family.value, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise UndeterminedError(
            Wording(
                "{target} cannot be resolved: {reason}",
                target=target.shown,
                reason=(error.strerror or str(error)).lower(),
            ),
            remedy=Wording(
                "check the spelling, or give an address and --name (a mail domain: @{target})",
                target=target.shown,
            ),
        ) from None
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(sorted(addresses, key=lambda address: ":" in address))


def own_name(look_up: bool) -> str:
    """What we call ourselves in EHLO: this host's name, with `look_up` its full one as the resolver
    knows it; an address literal where it has no name that could be said (RFC 5321 section
    4.1.4)."""
    name = socket.gethostname()
    candidates = [name] if "." in name or not look_up else [socket.getfqdn(name), name]
    for candidate in candidates:
        try:
            return host_name(candidate)
        except InputError:
            continue
    return "[127.0.0.1]"


def _split(text: str) -> tuple[str, int | None]:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        if _address(bracketed[1]) is None or ":" not in bracketed[1]:
            raise InputError(Wording("{text} is not an IPv6 address", text=repr(bracketed[1])))
        return bracketed[1], None if bracketed[2] is None else port_number(bracketed[2])
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port_number(port)
    if text.count(":") > 1 and _address(text) is None:
        raise InputError(
            Wording("{text} is not an IPv6 address", text=repr(text)),
            remedy=Wording("write [address]:port for one with a port"),
        )
    return text, None


def port_number(text: str) -> int:
    """A TCP port. Raises InputError."""
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535:
        return int(text)
    raise InputError(Wording("{text} is not a port number (1 to 65535)", text=repr(text)))


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _to_ascii(name: str, text: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise InputError(
            Wording(
                "the host name {text} is not a valid IDN: {reason}", text=repr(text), reason=error
            )
        ) from None


def _check_label(label: str, text: str) -> None:
    if len(label) > 63:
        raise InputError(
            Wording(
                "the host name {text} has a label of {length} characters; 63 are the limit",
                text=repr(text[:40]),
                length=len(label),
            )
        )
    if not _LABEL.fullmatch(label):
        raise InputError(
            Wording(
                "{label} in {text} cannot be part of a host name",
                label=repr(label),
                text=repr(text),
            )
        )


def _shown(name: str) -> str:
    """U-labels, where all of them are valid."""
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name
