"""Where Dovecot's effective configuration names certificates for its clients."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
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
    found = []
    for concept, key_concept in _PAIRS:
        spelling = vocabulary("dovecot").spelling(concept, configuration.version)
        key_spelling = vocabulary("dovecot").spelling(key_concept, configuration.version)
        if spelling is not None and key_spelling is not None:
            words = (spelling.name, key_spelling.name)
            found += list(_of_pair(configuration, settings, words, endpoints))
    return tuple(found)


def _of_pair(
    configuration: DovecotConfiguration,
    settings: Mapping[_Filter, Mapping[str, str]],
    words: tuple[str, str],
    endpoints: tuple[Endpoint, ...],
) -> Iterator[Reference]:
    certificate_word, key_word = words
    holders = [each for each, values in settings.items() if values.get(certificate_word)]
    for each in holders:
        file = settings[each][certificate_word]
        key = _inherited(settings, each, key_word)
        rivals = [other for other in holders if other.names == each.names and other != each]
        yield Reference(
            server="Dovecot",
            setting=certificate_word,
            where=_where(configuration, certificate_word, each),
            scope=each.scope,
            files=tuple(
                dict.fromkeys(
                    _absolute(configuration, word, each, value)
                    for word, value in ((key_word, key), (certificate_word, file))
                    if value
                )
            ),
            names=each.names,
            endpoints=tuple(
                endpoint
                for endpoint in endpoints
                if each.admits(endpoint)
                and not any(
                    other.admits(endpoint) and len(other.parts) > len(each.parts)
                    for other in rivals
                )
            ),
        )


def _inherited(settings: Mapping[_Filter, Mapping[str, str]], place: _Filter, word: str) -> str:
    """A setting there, else in the blocks around it, else of the whole."""
    parts = place.parts
    while True:
        value = settings.get(_Filter(parts), {}).get(word)
        if value or not parts:
            return value or ""
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
    for occurrence in reversed(configuration.tree.settings()):
        at = _place(occurrence.block_path)
        if at and at[1] == place and f"{at[0]}{occurrence.name}" == word:
            return occurrence.location
    return Location(configuration.tree.main_path)


def _absolute(configuration: DovecotConfiguration, word: str, place: _Filter, path: str) -> str:
    """Dovecot takes a relative path from the folder of the file that it stands in."""
    if path.startswith("/"):
        return path
    folder = PurePosixPath(_where(configuration, word, place).path).parent
    return str(folder / path)
