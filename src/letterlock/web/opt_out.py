"""Who does not want to be looked at: host names, with all below them, and networks, one a line."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from letterlock.model.errors import InputError, Location
from letterlock.probe.resolve import host_name

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OptOut:
    names: frozenset[str] = frozenset()
    networks: tuple[_Network, ...] = ()

    def has_name(self, name: str) -> bool:
        """A host or domain in A-labels, or a part of one that is left alone."""
        labels = name.lower().rstrip(".").split(".")
        return any(".".join(labels[start:]) in self.names for start in range(len(labels)))

    def has_address(self, address: str) -> bool:
        """In IPv6's disguise (mapped) too, which the kernel sees through."""
        ip = ipaddress.ip_address(address)
        if ip.version == 6 and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self.networks)


class OptOutFile:
    """Read again when it has changed, so that nobody waits for a restart to be left alone. A file
    that cannot be read any more leaves standing what was read."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._known = OptOut()

    def now(self) -> OptOut:
        """Raises InputError at the first reading: what is wrong with the file, and where."""
        if self._path is None:
            return self._known
        first = self._stamp is None
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._known = read(self._path)
                self._stamp = stamp
        except OSError as error:
            if first:
                raise InputError(
                    f"cannot be read: {error.strerror}", where=Location(str(self._path))
                ) from None
        except InputError:
            if first:
                raise
        return self._known


def read(path: Path) -> OptOut:
    """Raises InputError with the line, OSError."""
    names, networks = set(), []
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", where=Location(str(path))) from None
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            try:
                names.add(host_name(text.removeprefix("@")))
            except InputError as error:
                raise InputError(error.what, where=Location(str(path), number)) from None
    return OptOut(frozenset(names), tuple(networks))
