"""Dovecot's configuration as read at one moment: the files, and what Dovecot makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from letterlock.conf.dovecot import DovecotSetting
from letterlock.conf.dovecot_placement import spelt_out
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.model.service import IMAP, IMAPS, POP3, POP3S, SUBMISSION, Endpoint, Service
from letterlock.servers.addresses import literal, reachable
from letterlock.servers.version import Version

#: (protocol, TLS from the first byte) → service.
_SERVICES = {
    ("imap", False): IMAP,
    ("imap", True): IMAPS,
    ("pop3", False): POP3,
    ("pop3", True): POP3S,
    ("submission", False): SUBMISSION,
}


@dataclass(frozen=True, slots=True)
class InetListener:
    """An `inet_listener` of a login service. `address` is empty where `listen` decides."""

    protocol: str
    name: str
    port: int
    address: str
    implicit_tls: bool


@dataclass(frozen=True, slots=True)
class DovecotConfiguration:
    """`tree` are the files with their includes; `effective` is `doveconf -a`: every setting,
    defaults included, as this version understands them.

    `on_paper`: doveconf was not asked. `outdated`: Dovecot refuses the files as they stand because
    of TLS settings under old names, and `effective` is of the files under the new ones; `refused`
    is what it refuses besides, a line each with its place."""

    version: Version
    tree: DovecotTree
    effective: tuple[DovecotSetting, ...]
    on_paper: bool = False
    outdated: bool = False
    refused: tuple[str, ...] = ()
    _values: dict[tuple[str, tuple[str, ...]], str] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def with_tree(self, tree: DovecotTree) -> DovecotConfiguration:
        return replace(self, tree=tree)

    def value(self, name: str, block: tuple[str, ...] = ()) -> str:
        """A setting as Dovecot reads it, before any planned edit; nothing where unset. 2.4
        prints what a block `ssl_server` holds there, and the setting outside it as empty."""
        if not self._values:
            for setting in self.effective:
                key = spelt_out(setting.name, setting.block_path)
                self._values[key] = setting.value or self._values.get(key, "")
        return self._values.get((name, block), "").strip().strip('"').strip()

    def protocols(self) -> tuple[str, ...]:
        """The enabled ones; since 2.4 also as a list of yes and no: `protocols { imap = yes }`."""
        enabled = self.value("protocols").replace(",", " ").split()
        listed = (each for each in self.effective if each.block_path == ("protocols",))
        return (*enabled, *(each.name for each in listed if each.value.strip() == "yes"))

    def inet_listeners(self) -> Iterator[InetListener]:
        """The listeners of the login services whose protocol is enabled and whose port is not 0."""
        listeners: dict[tuple[str, str], dict[str, str]] = {}
        protocols: dict[str, str] = {}
        for setting in self.effective:
            match setting.block_path:
                case (service, inner) if inner.startswith("inet_listener "):
                    fields = listeners.setdefault((service, inner.split(" ", 1)[1]), {})
                    fields[setting.name] = setting.value
                case (service,) if setting.name == "protocol":
                    protocols[service] = setting.value
        enabled = self.protocols()
        for (service, name), fields in listeners.items():
            protocol = protocols.get(service, "")
            port = int(fields.get("port", "0") or 0)
            if protocol in enabled and service.endswith("-login") and port:
                implicit = fields.get("ssl", "no") == "yes"
                address = fields.get("listen") or fields.get("address", "")  # renamed in 2.4
                yield InetListener(protocol, name, port, address, implicit)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every address and port at which a mail service can be reached from the machine."""
        found: dict[tuple[str, int], Endpoint] = {}
        for listener in self.inet_listeners():
            for endpoint in self.endpoints_of(listener):
                found.setdefault((endpoint.address, endpoint.port), endpoint)
        return tuple(found.values())

    def endpoints_of(self, listener: InetListener) -> tuple[Endpoint, ...]:
        """The same of one listener; none for what is no mail service or only the machine's."""
        service = _SERVICES.get((listener.protocol, listener.implicit_tls))
        if service is None:
            return ()
        return tuple(Endpoint(a, listener.port, service) for a in self._addresses(listener))

    def _addresses(self, listener: InetListener) -> tuple[str, ...]:
        words = (listener.address or self.value("listen")).replace(",", " ").split()
        return tuple(
            address
            for address in reachable(words, frozenset((4, 6)))
            if not (listener.address and _is_loopback(listener.address))
        )

    def service(self, protocol: str, *, implicit_tls: bool) -> Service | None:
        return _SERVICES.get((protocol, implicit_tls))

    def unix_listeners(self, service: str) -> tuple[str, ...]:
        """The paths of a service's `unix_listener`s, relative ones below `base_dir`."""
        if self.version < Version(2, 0) and service == "auth":
            client = ("auth default", "socket listen", "client")
            return tuple(
                s.value for s in self.effective if s.block_path == client and s.name == "path"
            )
        paths = {
            inner.split(" ", 1)[1].strip('"')
            for outer, *rest in (s.block_path for s in self.effective if s.block_path)
            if outer == f"service {service}"
            for inner in rest
            if inner.startswith("unix_listener ")
        }
        base = self.value("base_dir")
        return tuple(path if path.startswith("/") else f"{base}/{path}" for path in sorted(paths))


def _is_loopback(address: str) -> bool:
    number = literal(address)
    return address == "localhost" or (
        number is not None and (number == "::1" or number.startswith("127."))
    )
