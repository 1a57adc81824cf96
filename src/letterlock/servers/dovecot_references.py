"""Where Dovecot's effective configuration names certificates for its clients."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from letterlock.conf.dovecot import BlockPath, DovecotSetting
from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Reference
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.vocabulary import vocabulary

_PAIRS = (("certificate", "key"), ("alternative-certificate", "alternative-key"))
_FILTERS = ("protocol", "local", "local_name", "remote")


@dataclass(frozen=True, slots=True)
class _Filter:
    """The blocks around a setting that limit it: ("local_name", "mail.example.net"), …"""

    parts: tuple[tuple[str, str], ...]

    def values(self, kind: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.parts if name == kind)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(
            name for value in self.values("local_name") for name in value.strip('"').split()
        )

    @property
    def scope(self) -> str:
        return " ".join(f"{kind} {value}" for kind, value in self.parts)

    def admits(self, endpoint: Endpoint) -> bool:
        """Whether a client that comes to an endpoint gets there, whatever name it sends."""
        if self.values("remote"):
            return False
        protocol = endpoint.service.protocol.value
        address = ipaddress.ip_address(endpoint.address)
        return all(_is(protocol, value) for value in self.values("protocol")) and all(
            _within(address, value) for value in self.values("local")
        )


def _is(protocol: str, value: str) -> bool:
    return protocol != value[1:] if value.startswith("!") else protocol in value.split()


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, value: str) -> bool:
    networks = _networks(value)
    return any(address in network for network in networks if network.version == address.version)


def _networks(value: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for word in value.replace(",", " ").split():
        try:
            found.append(ipaddress.ip_network(word.strip("[]"), strict=False))
        except ValueError:
            continue
    return found


def references(
    configuration: DovecotConfiguration, secrets: Iterable[DovecotSetting]
) -> tuple[Reference, ...]:
    """Every certificate that a login process would read, each with the endpoints at which nothing
    more specific stands in its place. `secrets` is `doveconf -P -a`, which names the keys' files;
    `-a` alone hides them."""
    if configuration.value("ssl") == "no" or configuration.value("ssl_disable") == "yes":
        return ()
    settings = _by_filter(secrets)
    endpoints = _with_local_addresses(configuration.endpoints(), settings)
    pairs = []
    for concept, key_concept in _PAIRS:
        spelling = vocabulary("dovecot").spelling(concept, configuration.version)
        key_spelling = vocabulary("dovecot").spelling(key_concept, configuration.version)
        if spelling is not None and key_spelling is not None:
            pairs.append((spelling.name, key_spelling.name))
    words = {word for word, _ in pairs}
    places = [place for place, values in settings.items() if words & set(values)]
    return tuple(
        Reference(
            server="Dovecot",
            setting=word,
            where=_where(configuration, word, place),
            scope=place.scope,
            files=files,
            names=place.names,
            endpoints=_served_at(place, places, endpoints),
        )
        for word, key_word in pairs
        for place in places
        if (files := _files(configuration, settings, place, (key_word, word)))
    )


def _files(
    configuration: DovecotConfiguration,
    settings: Mapping[_Filter, Mapping[str, str]],
    place: _Filter,
    words: tuple[str, str],
) -> tuple[str, ...]:
    """Key and certificate as they are in force there; none where there is no certificate."""
    found = {word: _inherited(settings, place, word) for word in words}
    if not found[words[1]]:
        return ()
    return tuple(
        dict.fromkeys(
            _absolute(configuration, word, place, value) for word, value in found.items() if value
        )
    )


def _served_at(
    place: _Filter, places: Iterable[_Filter], endpoints: tuple[Endpoint, ...]
) -> tuple[Endpoint, ...]:
    """Where no block for the same names stands closer to the client."""
    closer = [
        other
        for other in places
        if other.names == place.names and len(other.parts) > len(place.parts)
    ]
    return tuple(
        endpoint
        for endpoint in endpoints
        if place.admits(endpoint) and not any(other.admits(endpoint) for other in closer)
    )


def _inherited(settings: Mapping[_Filter, Mapping[str, str]], place: _Filter, word: str) -> str:
    """A setting there, else in the blocks around it, else of the whole."""
    parts = place.parts
    while True:
        values = settings.get(_Filter(parts), {})
        if word in values or not parts:
            return values.get(word, "")
        parts = parts[:-1]


def _by_filter(settings: Iterable[DovecotSetting]) -> dict[_Filter, dict[str, str]]:
    """Setting by filter; 2.4's `ssl_server { cert_file = … }` under its whole name. The last
    value holds."""
    found: dict[_Filter, dict[str, str]] = {}
    for setting in settings:
        place = _place(setting.block_path)
        if place is None:
            continue
        prefix, where = place
        value = setting.value.strip().strip('"').removeprefix("<").strip()
        name = f"{prefix}{setting.name}"
        if value or name not in found.get(where, {}):
            found.setdefault(where, {})[name] = value
    return found


def _place(path: BlockPath) -> tuple[str, _Filter] | None:
    """What the blocks put before a name, and how they limit it; None in a block of another kind
    (`service`, `passdb`, …)."""
    prefix = ""
    parts = []
    for block in path:
        kind, _, value = block.partition(" ")
        if kind in _FILTERS:
            parts.append((kind, value.strip().strip('"')))
        elif not value and kind == "ssl_server":
            prefix += f"{kind}_"
        else:
            return None
    return prefix, _Filter(tuple(parts))


def _with_local_addresses(
    endpoints: tuple[Endpoint, ...], filters: Iterable[_Filter]
) -> tuple[Endpoint, ...]:
    """A wildcard stands as loopback among the endpoints; what a `local` block gives to one address
    is seen only there."""
    found = dict.fromkeys(endpoints)
    for each in filters:
        for value in each.values("local"):
            for network in _networks(value):
                if network.num_addresses > 1:
                    continue
                address = str(network.network_address)
                for endpoint in endpoints:
                    if ipaddress.ip_address(endpoint.address).version == network.version:
                        found.setdefault(replace(endpoint, address=address))
    return tuple(found)


def _where(configuration: DovecotConfiguration, word: str, place: _Filter) -> Location:
    """The last line that sets it there, else in the blocks around."""
    parts = place.parts
    while True:
        for occurrence in reversed(configuration.tree.settings()):
            at = _place(occurrence.block_path)
            if at and at[1] == _Filter(parts) and f"{at[0]}{occurrence.name}" == word:
                return occurrence.location
        if not parts:
            return Location(configuration.tree.main_path)
        parts = parts[:-1]


def _absolute(configuration: DovecotConfiguration, word: str, place: _Filter, path: str) -> str:
    """Dovecot takes a relative path from the folder of the file that it stands in."""
    if path.startswith("/"):
        return path
    folder = PurePosixPath(_where(configuration, word, place).path).parent
    return str(folder / path)
