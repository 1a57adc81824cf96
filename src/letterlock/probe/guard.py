"""Which addresses may be gone to. What visits servers for strangers goes nowhere that they could
not go themselves: not to this machine, not to the networks behind it, under no disguise."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from letterlock.model.errors import UndeterminedError
from letterlock.model.wording import Wording, joined

#: Says of an address literal why it is not gone to; None: it is. Asked before each connection, of
#: the very address that is connected to; it may be asked of the same one often.
Guard = Callable[[str], str | None]

#: IPv6 that leads to IPv4: mapped, compatible (RFC 4291 section 2.5.5), NAT64 (RFC 6052 and 8215),
#: Teredo (RFC 4380), 6to4 (RFC 3056).
_DISGUISES = tuple(
    map(
        ipaddress.IPv6Network,
        ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    )
)
#: All that is handed out as global unicast addresses (IANA's IPv6 address space registry).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
#: Special within it, whatever Python's table says: IETF's own (RFC 2928), documentation (RFC 3849
#: and 9637).
_SPECIAL_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
#: 6to4's relays (RFC 7526), and IETF's own (RFC 6890).
_SPECIAL_4 = tuple(map(ipaddress.IPv4Network, ("192.88.99.0/24", "192.0.0.0/24")))


def anywhere(_address: str) -> str | None:
    """The guard of those who look at servers of their own choice."""
    return None


def only_public(address: str) -> str | None:
    """The guard of those who look for strangers."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return Wording("{address} is no address", address=address[:80])
    kind = _kind_6(ip) if isinstance(ip, ipaddress.IPv6Address) else _kind_4(ip)
    if kind is None and _is_own(ip):
        kind = Wording("an address of this machine")
    if kind is None:
        return None
    return Wording("{address} is {kind}, which is not gone to", address=ip, kind=kind)


def _kind_4(ip: ipaddress.IPv4Address) -> str | None:
    if ip.is_loopback:
        return Wording("a loopback address")
    if ip.is_link_local:
        return Wording("a link-local address")
    if ip.is_multicast:
        return Wording("a multicast address")
    if any(ip in network for network in _SPECIAL_4) or not ip.is_global:
        return Wording("a private or reserved address")
    return None


def _kind_6(ip: ipaddress.IPv6Address) -> str | None:
    if ip.is_loopback:
        return Wording("a loopback address")
    if ip.is_link_local or ip.scope_id is not None:
        return Wording("a link-local address")
    if ip.is_multicast:
        return Wording("a multicast address")
    if any(ip in network for network in _DISGUISES):
        return Wording("an IPv4 address in disguise")
    if ip not in _GLOBAL_UNICAST or any(ip in network for network in _SPECIAL_6):
        return Wording("a private or reserved address")
    return None if ip.is_global else Wording("a private or reserved address")


def _is_own(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the kernel would deliver to this machine: it sends from the very address then. A
    datagram socket asks it without sending anything."""
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(ip), 9))
            return bool(asking.getsockname()[0] == str(ip))
    except OSError:  # no way leads there
        return False


def admitted(addresses: Sequence[str], guard: Guard) -> tuple[str, ...]:
    """Those that may be gone to.

    Raises UndeterminedError with the reason where there are some and none may."""
    reasons = {address: guard(address) for address in addresses}
    if reasons and None not in reasons.values():
        raise UndeterminedError(joined("; ", dict.fromkeys(filter(None, reasons.values()))))
    return tuple(address for address, reason in reasons.items() if reason is None)
