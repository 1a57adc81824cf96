"""A server that exists on paper: what it supports, and how OpenSSL would choose among it."""

from __future__ import annotations

from dataclasses import dataclass, field

from letterlock.model.cipher_suites import CipherSuite
from letterlock.model.signature_schemes import signature_scheme
from letterlock.probe.ask import (
    AroundStarttls,
    Ask,
    EarlyData,
    HandshakeResult,
    Hello,
    Outcome,
    Procedure,
    ProcedureName,
    Renegotiated,
    Replied,
    Resumed,
    Tried,
)
from letterlock.probe.plan import signatures, suites
from letterlock.wire.tls.alert import FATAL, Alert
from letterlock.wire.tls.answer import Answer
from letterlock.wire.tls.answer import Outcome as Ending
from letterlock.wire.tls.client_hello import ClientHello
from letterlock.wire.tls.code_points import (
    FALLBACK_SCSV,
    SSL3,
    TLS1_2,
    TLS1_3,
    ExtensionType,
    is_grease,
)
from letterlock.wire.tls.extensions import Extension
from letterlock.wire.tls.key_exchange import DhParams, EcdhParams, ServerKeyExchange
from letterlock.wire.tls.server_hello import (
    HELLO_RETRY_RANDOM,
    KeyShare,
    ServerExtensions,
    ServerHello,
    read_extensions,
)

NAME = "mail.example.com"
HANDSHAKE_FAILURE, PROTOCOL_VERSION, FALLBACK, UNRECOGNIZED, NO_PROTOCOL = 40, 70, 86, 112, 120
PRIME = (1 << 2047) + 9


@dataclass(frozen=True, slots=True)
class Server:
    """`suites` per version, `groups` below TLS 1.3 and `groups_13`, `schemes` by key type (those
    of TLS 1.3 are the same ones, less what it does not have): each in the server's order."""

    suites: dict[int, tuple[int, ...]]
    groups: tuple[int, ...] = ()
    groups_13: tuple[int, ...] = ()
    schemes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    server_decides: bool = False
    server_decides_groups: bool = False
    compression: bool = False
    renegotiation_info: bool = True
    extended_master_secret: bool = True
    encrypt_then_mac: bool = True
    heartbeat: bool = False
    tickets: bool = False
    session_ids: bool = False
    fallback_scsv: bool = True
    tolerates_grease: bool = True
    tolerates_future: bool = True
    tolerates_large: bool = True
    strict_sni: bool = False
    strict_alpn: bool = False
    needs_name: bool = False
    reuses: bool = False
    sslv2: bool = False
    #: Says no by ending the connection, as Dovecot does.
    hangs_up: bool = False

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(sorted(version for version, listed in self.suites.items() if listed))

    def order(self, ours: tuple[int, ...], theirs: tuple[int, ...], by_us: bool) -> list[int]:
        first, second = (ours, theirs) if by_us else (theirs, ours)
        return [each for each in first if each in second]


def refuse(description: int) -> Answer:
    return Answer(Ending.ALERT, alerts=(Alert(FATAL, description),))


class Connection:
    """One hello of one connection. `count` makes fresh key-exchange values."""

    def __init__(self, server: Server, hello: ClientHello, count: int) -> None:
        self.server = server
        self.hello = hello
        self.count = count
        self.found = {each.type: each.data for each in hello.extensions or ()}

    def numbers(self, type_: int, prefix: int = 2) -> tuple[int, ...]:
        data = self.found.get(type_, b"")[prefix:]
        return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))

    def answer(self) -> Answer:
        refusal = self.intolerance()
        version = self.version()
        if version is None:
            return refuse(PROTOCOL_VERSION)
        if refusal is not None:
            return refuse(refusal)
        fallback = FALLBACK_SCSV in self.hello.cipher_suites
        if fallback and self.server.fallback_scsv and version < max(self.server.versions):
            return refuse(FALLBACK)
        return self.agree(version)

    def intolerance(self) -> int | None:
        server, name = self.server, self.found.get(ExtensionType.SERVER_NAME)
        if name is None and server.needs_name and self.hello.extensions is not None:
            return UNRECOGNIZED
        if name is not None and NAME.encode() not in name and server.strict_sni:
            return UNRECOGNIZED
        if server.strict_alpn and b"http/1.1" in self.found.get(ExtensionType.ALPN, b""):
            return NO_PROTOCOL
        if not server.tolerates_grease and any(map(is_grease, self.hello.cipher_suites)):
            return HANDSHAKE_FAILURE
        if not server.tolerates_large and ExtensionType.PADDING in self.found:
            return HANDSHAKE_FAILURE if len(self.found[ExtensionType.PADDING]) > 1000 else None
        if not server.tolerates_future and self.hello.legacy_version > TLS1_2:
            return PROTOCOL_VERSION
        return None

    def version(self) -> int | None:
        if ExtensionType.SUPPORTED_VERSIONS in self.found:
            offered = self.numbers(ExtensionType.SUPPORTED_VERSIONS, prefix=1)
            both = [each for each in self.server.versions if each in offered]
        else:
            highest = min(self.hello.legacy_version, TLS1_2)
            both = [each for each in self.server.versions if each <= highest]
        return max(both, default=None)

    def agree(self, version: int) -> Answer:
        server = self.server
        group = self.group(version)
        listed = self.hello.cipher_suites
        for code in server.order(server.suites[version], listed, server.server_decides):
            one = suites.suite(code)
            if version == TLS1_3:
                usable = group is not None and any(
                    self.scheme(key, version) for key in server.schemes
                )
                return self.hello_13(code, group) if usable and group else refuse(HANDSHAKE_FAILURE)
            if self.usable(one, version, group):
                return self.flight(one, version, group)
        return refuse(HANDSHAKE_FAILURE)

    def usable(self, one: CipherSuite, version: int, group: int | None) -> bool:
        if one.key_exchange == "ECDHE" and group is None:
            return False
        if suites.signs(one):
            return self.scheme(one.authentication, version) is not None
        return one.authentication == "anon" or one.authentication in self.server.schemes

    def group(self, version: int) -> int | None:
        server = self.server
        if version <= SSL3:
            return server.groups[0] if server.groups else None
        ours = server.groups_13 if version == TLS1_3 else server.groups
        theirs = self.numbers(ExtensionType.SUPPORTED_GROUPS)
        return next(iter(server.order(ours, theirs, server.server_decides_groups)), None)

    def scheme(self, key: str, version: int) -> int | None:
        """0 stands for the only way to sign that there is below TLS 1.2."""
        ours = self.server.schemes.get(key, ())
        if version < TLS1_2:
            return 0 if ours else None
        if version == TLS1_3:
            ours = tuple(code for code in ours if code in signatures.universe(TLS1_3))
            ours = tuple(code for code in ours if _of(code) not in ("rsa", "dsa"))
        theirs = self.numbers(ExtensionType.SIGNATURE_ALGORITHMS)
        return next(iter(self.server.order(ours, theirs, self.server.server_decides)), None)

    def hello_13(self, code: int, group: int) -> Answer:
        hello = ServerHello(TLS1_2, HELLO_RETRY_RANDOM, b"", code)
        shared = ServerExtensions(selected_version=TLS1_3, key_share=KeyShare(group))
        return Answer(Ending.HELLO_RETRY, TLS1_3, code, 0, hello=hello, extensions=shared)

    def flight(self, one: CipherSuite, version: int, group: int | None) -> Answer:
        server = self.server
        hello = ServerHello(
            version, bytes(32), b"id" * 16 if server.session_ids else b"", one.code, self.packed(),
            extensions=self.extensions(one),
        )  # fmt: skip
        return Answer(
            Ending.FLIGHT, version, one.code, hello.compression, hello=hello,
            extensions=read_extensions(hello.extensions),
            chain=None if one.authentication == "anon" else (one.authentication.encode(),),
            key_exchange=self.key_exchange(one, version, group),
        )  # fmt: skip

    def packed(self) -> int:
        return 1 if self.server.compression and 1 in self.hello.compressions else 0

    def extensions(self, one: CipherSuite) -> tuple[Extension, ...]:
        server = self.server
        wanted = [
            (ExtensionType.EXTENDED_MASTER_SECRET, server.extended_master_secret, b""),
            (ExtensionType.ENCRYPT_THEN_MAC, server.encrypt_then_mac and suites.is_cbc(one), b""),
            (ExtensionType.HEARTBEAT, server.heartbeat, b"\1"),
            (ExtensionType.SESSION_TICKET, server.tickets, b""),
            (ExtensionType.RENEGOTIATION_INFO, server.renegotiation_info, b"\0"),
        ]
        return tuple(
            Extension(type_, data) for type_, on, data in wanted if on and type_ in self.found
        )

    def key_exchange(
        self, one: CipherSuite, version: int, group: int | None
    ) -> ServerKeyExchange | None:
        public = b"\1" if self.server.reuses else self.count.to_bytes(4, "big")
        scheme = self.scheme(one.authentication, version) if suites.signs(one) else None
        signature = b"s" if suites.signs(one) else None
        if one.key_exchange == "ECDHE":
            return ServerKeyExchange(EcdhParams(group, public), scheme or None, signature)
        if one.key_exchange == "DHE":
            prime = PRIME.to_bytes(256, "big")
            return ServerKeyExchange(DhParams(prime, b"\2", public), scheme or None, signature)
        return None


def _of(code: int) -> str:
    one = signature_scheme(code)
    return one.signature if one else ""


class Simulation:
    """Answers asks; counts connections and remembers every ask."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.asked: list[Ask] = []
        self.connections = 0

    def __call__(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        if isinstance(ask.what, Hello):
            self.connections += 1
            return self.hello(ask.what)
        return self.script(ask.what, ask.weight)

    def hello(self, what: Hello) -> Answer:
        if what.sslv2:
            if not self.server.sslv2:
                return Answer(Ending.CLOSED)
            return Answer(Ending.SSLV2_HELLO, version=2, chain=(b"RSA",), cipher_kinds=(0x010080,))
        hello = parse(what.client_hello)
        answer = Connection(self.server, hello, self.connections).answer()
        refused = answer.outcome is Ending.ALERT and self.server.hangs_up
        return Answer(Ending.CLOSED) if refused else answer

    def script(self, what: Procedure, weight: int) -> Outcome:
        server, only_one = self.server, what.options.minimum == "TLSv1.3"
        self.connections += weight
        match what.name:
            case ProcedureName.HANDSHAKE:
                return self.handshake(what)
            case ProcedureName.RENEGOTIATE:
                return Renegotiated(accepted=True)
            case ProcedureName.RESUME if only_one:
                return Resumed(ticket_tls13=server.tickets, max_early_data_size=0)
            case ProcedureName.RESUME:
                return Resumed(session_id=server.session_ids, ticket=server.tickets)
            case ProcedureName.EARLY_DATA:
                return EarlyData(0)
            case ProcedureName.AROUND_STARTTLS:
                login = Tried(present=False) if what.options.login else None
                return AroundStarttls(login, Tried(present=False), Replied("503 5.5.1 Error"))
            case ProcedureName.SECOND_STARTTLS:
                return Replied("503 5.5.1 Error: TLS already active")
            case ProcedureName.HEARTBLEED:
                return Tried(present=True)
        return Tried(present=False)

    def handshake(self, what: Procedure) -> HandshakeResult:
        schemes = what.options.signature_schemes
        if what.options.sni is None and self.server.needs_name:
            return HandshakeResult(alert="unrecognized_name")
        for key, own in self.server.schemes.items():
            wanted = not schemes or any(_named(code) in schemes for code in own)
            if wanted:
                return HandshakeResult(version="TLSv1.3", chain=(key.encode(),))
        return HandshakeResult(alert="handshake_failure")


def _named(code: int) -> str:
    one = signature_scheme(code)
    return one.name if one else ""


def parse(data: bytes) -> ClientHello:
    """The hello in a client's records."""
    message = b""
    while data:
        length = int.from_bytes(data[3:5], "big")
        message += data[5 : 5 + length]
        data = data[5 + length :]
    return ClientHello.parse(message[4:])
