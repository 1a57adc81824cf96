"""Postfix's configuration as read at one moment: documents, defaults, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf, MasterService
from letterlock.model.service import (
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
    Endpoint,
    Service,
)
from letterlock.servers.addresses import literal, port_number, reachable
from letterlock.servers.version import Version


@dataclass(frozen=True, slots=True)
class Listener:
    """A `master.cf` entry that clients reach over TCP: its port and the host part of its name
    (None: wherever `inet_interfaces` says)."""

    entry: MasterService
    port: int
    host: str | None

    @property
    def loopback_only(self) -> bool:
        return self.host is not None and (
            self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"
        )


@dataclass(frozen=True, slots=True)
class PostfixConfiguration:
    """`main.cf` and `master.cf` of one instance. `defaults` is `postconf -d`, unexpanded;
    `on_paper`: those of the version table, since postconf was not asked."""

    version: Version
    folder: str
    main: MainCf
    master: MasterCf
    defaults: Mapping[str, str]
    on_paper: bool = False

    def with_documents(self, main: MainCf, master: MasterCf) -> PostfixConfiguration:
        return replace(self, main=main, master=master)

    def value(self, name: str, entry: MasterService | None = None) -> str:
        """A parameter's effective value, `$name` expanded: the `-o` of an entry, else `main.cf`,
        else the default, else nothing."""
        return self.main.expand(self.raw(name, entry), self.defaults)

    def raw(self, name: str, entry: MasterService | None = None) -> str:
        """The same before expansion."""
        if entry is not None:
            for override in reversed(entry.overrides):
                if override.name == name:
                    return override.value
        own = self.main.get(name)
        return self.defaults.get(name, "") if own is None else own

    def enabled(self, name: str, entry: MasterService | None = None) -> bool:
        """A yes/no parameter."""
        return self.value(name, entry).lower() == "yes"

    def level(self, entry: MasterService | None = None) -> str:
        """The TLS level in force: `smtpd_tls_security_level`, else what the names before Postfix
        2.3 ask (postconf(5) smtpd_tls_security_level)."""
        return self.level_of("smtpd", entry)

    def level_of(self, part: str, entry: MasterService | None = None) -> str:
        """The same of another part of Postfix: smtp, lmtp, postscreen, tlsproxy. What the client
        was to enforce was the name in the certificate too, unless that was turned off (postconf(5)
        smtp_enforce_tls)."""
        level = self.value(f"{part}_tls_security_level", entry)
        if level:
            return level
        if self.enabled(f"{part}_enforce_tls", entry):
            peername = self.value(f"{part}_tls_enforce_peername", entry).lower() != "no"
            return "verify" if part in ("smtp", "lmtp") and peername else "encrypt"
        return "may" if self.enabled(f"{part}_use_tls", entry) else "none"

    def listeners(self) -> Iterator[Listener]:
        """The entries that speak SMTP to clients (smtpd, postscreen), in file order."""
        for entry in self.master.services():
            if entry.type != "inet" or entry.command not in ("smtpd", "postscreen"):
                continue
            if self.disabled(entry.name):
                continue
            host, port = split_service_name(entry.name)
            number = port_number(port)
            if number is not None:
                yield Listener(entry, number, host)

    def disabled(self, name: str) -> bool:
        """Whether master(8) does not open an inet service (postconf(5) master_service_disable: a
        list of types or name/type, the first that fits holds; a null client says `inet`)."""
        for word in self.value("master_service_disable").replace(",", " ").split():
            if word.removeprefix("!") in ("inet", f"{name}/inet"):
                return not word.startswith("!")
        return False

    def on_port(self, port: int) -> tuple[Listener, ...]:
        """The listeners on a port that others than this machine can reach."""
        return tuple(
            listener
            for listener in self.listeners()
            if listener.port == port and not listener.loopback_only
        )

    def service(self, listener: Listener) -> Service | None:
        """Which of the mail services a listener is; None for another port without wrapper mode,
        such as a content filter's way back."""
        if self.enabled("smtpd_tls_wrappermode", listener.entry):
            return SUBMISSIONS
        return {25: SMTP, 587: SUBMISSION, 465: SUBMISSION}.get(listener.port)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every address and port at which a mail service can be reached from the machine."""
        found: dict[tuple[str, int], Endpoint] = {}
        for listener in self.listeners():
            for endpoint in self.endpoints_of(listener):
                found.setdefault((endpoint.address, endpoint.port), endpoint)
        return tuple(found.values())

    def endpoints_of(self, listener: Listener) -> tuple[Endpoint, ...]:
        """The same of one listener; none of one that only the machine itself can reach."""
        service = self.service(listener)
        if service is None or listener.loopback_only:
            return ()
        return tuple(
            Endpoint(address, listener.port, service) for address in self._addresses(listener)
        )

    def _addresses(self, listener: Listener) -> tuple[str, ...]:
        words = [listener.host] if listener.host else self._interfaces()
        return reachable(words, self.families())

    def _interfaces(self) -> list[str]:
        return self.value("inet_interfaces").replace(",", " ").split()

    def families(self) -> frozenset[int]:
        """The IP versions that `inet_protocols` enables."""
        words = self.value("inet_protocols").replace(",", " ").split()
        if not words or "all" in words:
            return frozenset((4, 6))
        return frozenset(int(word[-1]) for word in words if word in ("ipv4", "ipv6"))


def split_service_name(name: str) -> tuple[str | None, str]:
    """`[::1]:587` → (`::1`, `587`); `smtp` → (None, `smtp`). Source: master(5), service name."""
    host, colon, port = name.rpartition(":")
    if not colon:
        return None, name
    host = host.strip("[]")
    return (literal(host) or host) if host else None, port
