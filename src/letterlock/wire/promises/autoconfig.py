"""Thunderbird's autoconfig: where a mail program finds a domain's servers (config-v1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.parsers import expat

from letterlock.model.service import IMAP, IMAPS, POP3, POP3S, SUBMISSION, SUBMISSIONS, Service
from letterlock.wire.promises.malformed import MalformedError, shown

#: Servers and levels of elements that are read.
_MOST_SERVERS = 20
_DEEPEST = 30
#: Type and whether TLS comes first → what listens there.
_SERVICES = {
    ("imap", True): IMAPS,
    ("imap", False): IMAP,
    ("pop3", True): POP3S,
    ("pop3", False): POP3,
    ("smtp", True): SUBMISSIONS,
    ("smtp", False): SUBMISSION,
}
_SERVERS = ("incomingServer", "outgoingServer")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Server:
    """One server as told; `tls` False where programs are told to go without."""

    host: str
    port: int
    service: Service
    tls: bool


def read_autoconfig(data: bytes, domain: str) -> tuple[Server, ...]:
    """The servers of a `clientConfig`, for addresses of `domain`, in their order; those of kinds
    that are not mail's (exchange) are left out.

    Raises MalformedError for what is no such document. Neither document types nor entities are
    taken: nothing is expanded, and nothing fetched."""
    reader = _Reader(domain)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise MalformedError(f"not well-formed XML: {error}") from None
    except (ValueError, LookupError) as error:
        raise MalformedError(f"not readable XML: {error}") from None
    return tuple(reader.servers)


class _Reader:
    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._path: list[str] = []
        self._said: dict[str, str] = {}
        self._kind = ""
        self.servers: list[Server] = []

    def refuse(self, *_: object) -> None:
        raise MalformedError("it has a document type, which is not read")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != "clientConfig":
            raise MalformedError(f"the document is a {shown(name)}, not a clientConfig")
        if len(self._path) >= _DEEPEST:
            raise MalformedError("its elements are nested too deeply")
        self._path.append(name)
        if self._is_server():
            self._said, self._kind = {}, attributes.get("type", "").lower()

    def text(self, text: str) -> None:
        if len(self._path) == 4 and self._path[2] in _SERVERS:
            name = self._path[3]
            self._said[name] = self._said.get(name, "") + text

    def end(self, _name: str) -> None:
        if self._is_server() and self._kind in ("imap", "pop3", "smtp"):
            if len(self.servers) >= _MOST_SERVERS:
                raise MalformedError(f"it names more than {_MOST_SERVERS} servers")
            self.servers.append(self._server())
        self._path.pop()

    def _is_server(self) -> bool:
        return len(self._path) == 3 and self._path[2] in _SERVERS

    def _server(self) -> Server:
        host = self._said.get("hostname", "").strip().replace("%EMAILDOMAIN%", self._domain)
        if len(host) > 253 or not _HOST.fullmatch(host):
            raise MalformedError(f"the hostname {shown(host)} is none")
        port = self._said.get("port", "").strip()
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise MalformedError(f"the port {shown(port)} is none")
        socket = self._said.get("socketType", "").strip()
        if socket not in ("SSL", "STARTTLS", "plain"):
            raise MalformedError(f"the socketType {shown(socket)} is not SSL, STARTTLS or plain")
        service = _SERVICES[self._kind, socket == "SSL"]
        return Server(host.rstrip(".").lower(), int(port), service, socket != "plain")
