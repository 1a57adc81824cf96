"""What looks at servers for strangers goes to public addresses only, whatever leads elsewhere."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.check.run import Checked, Request, Unresolved, check_all
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.tls_facts import Depth
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.examine import Manners
from letterlock.probe.fetch import Bounds, fetch
from letterlock.probe.guard import only_public
from letterlock.probe.limits import Limits
from letterlock.probe.resolve import parse_target

#: Each as somebody would type it. Names lead where `_RESOLVES` says.
ATTEMPTS = (
    # loopback and this machine, in every spelling that a resolver takes
    "127.0.0.1", "127.0.0.1:25", "127.8.8.8", "localhost", "LOCALHOST.", "[::1]", "[::1]:587",
    "0.0.0.0", "[::]", "0x7f000001", "0x7f.1", "127.1", "2130706433", "0177.0.0.1",  # noqa: S104
    "127.0.0.1.", "127。0。0。1",
    # IPv4 in disguise
    "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
    "[2002:a00:1::1]", "[2001:0:53aa:64c::1]",
    # private, shared, link-local, metadata
    "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "[fe80::1]",
    "[fd00:ec2::254]", "[fec0::1]", "[fc00::1]",
    # multicast, broadcast, reserved, documentation
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]", "192.0.2.1", "198.18.0.1",
    "192.88.99.1", "192.0.0.9", "[2001:db8::1]", "[100::1]", "[3fff::1]", "[5f00::1]", "[4000::1]",
    # names that lead there
    "inside.example", "mapped.example", "metadata.example", "mail.inside.example:993",
    # addresses within something else
    "[fe80::1%lo]", "127.0.0.1@", "http://127.0.0.1/", "127.0.0.1/8", "joe@[127.0.0.1]",
    "localhost:99999",
)  # fmt: skip
_RESOLVES = {
    "inside.example": ["10.1.2.3", "fd00::5"],
    "mapped.example": ["::ffff:192.168.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mail.inside.example": ["127.0.0.1"],
    "mixed.example": ["10.1.2.3", "192.0.2.77"],
}
_REAL = socket.getaddrinfo
_connected: list[Any] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _connected is not None:
        _connected.append(arguments[1])


sys.addaudithook(_listen)


@pytest.fixture
def connections() -> Iterator[list[Any]]:
    """Every connection that Python begins to make."""
    global _connected
    _connected = []
    yield _connected
    _connected = None


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A resolver for `_RESOLVES`; how often each was asked for."""
    asked: dict[str, int] = {}

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _RESOLVES:
            return _REAL(host, port, *rest, **more)
        asked[name] = asked.get(name, 0) + 1
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port or 0))
            for each in _RESOLVES[name]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def look(text: str) -> Checked | Unresolved:
    manners = Manners(Limits.within(2), "checker.example", max_seconds=5, guard=only_public)
    request = Request(TrustStore("nobody", None), ports=(), depth=Depth.VERDICT, manners=manners)
    told: list[Checked | Unresolved] = []
    check_all([parse_target(text)], request, done=told.append)
    return told[0]


@pytest.mark.parametrize("text", ATTEMPTS)
def test_a_stranger_gets_nowhere(text: str, connections: list[Any]) -> None:
    try:
        told = look(text)
    except InputError:
        told = None
    assert told is None or isinstance(told, Unresolved), told
    assert connections == []


def test_there_are_forty() -> None:
    assert len(set(ATTEMPTS)) >= 40


def test_of_several_addresses_the_private_one_is_told_and_not_visited(
    connections: list[Any], names: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other is let in by number; nothing listens there."""
    monkeypatch.setitem(_RESOLVES, "mixed.example", ["10.1.2.3", "127.9.8.7"])

    def guard(address: str) -> str | None:
        return None if address == "127.9.8.7" else only_public(address)

    manners = Manners(Limits.within(0.3), "checker.example", max_seconds=2, guard=guard)
    request = Request(
        TrustStore("nobody", None), ports=(587,), depth=Depth.VERDICT, manners=manners
    )
    told: list[Checked | Unresolved] = []
    check_all([parse_target("mixed.example")], request, done=told.append)
    assert isinstance(told[0], Checked)
    private = told[0].facts.endpoints[0]
    assert isinstance(private.handshake, Unknown)
    assert private.handshake.cause is Cause.NOT_ADMITTED
    assert "10.1.2.3 is a private or reserved address" in private.handshake.reason
    assert {address for address, _ in connections} == {"127.9.8.7"}
    assert names == {"mixed.example": 1}, "resolved once"


def test_an_address_of_a_link_is_not_public() -> None:
    """Whatever it looks like: the zone says that it is this machine's to interpret."""
    assert "link-local" in (only_public("2600::1%lo") or "")


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "2001:67c:2e8:22::c100:68b"])
def test_public_addresses_are_gone_to(address: str) -> None:
    assert only_public(address) is None


def test_this_machines_own_public_address_is_not() -> None:
    inside = (
        "from letterlock.probe.guard import only_public as look\n"
        "print(look('8.8.8.8'), look('2600::1'), look('9.9.9.9'), sep='|')"
    )
    addresses = (
        "ip link set lo up && ip address add 8.8.8.8 dev lo && ip address add 2600::1 dev lo"
    )
    done = subprocess.run(
        [
            "unshare",
            "--net",
            "sh",
            "-c",
            f'{addresses} && exec "$0" -c "$1"',
            sys.executable,
            inside,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("no network namespace here")
    said = " is an address of this machine, which is not gone to"
    assert done.stdout == f"8.8.8.8{said}|2600::1{said}|None\n", done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/crl", "http://localhost/crl", "http://[::1]/crl", "https://inside.example/",
        "http://metadata.example/latest/", "http://0x7f000001/", "http://[::ffff:10.0.0.1]/",
        "http://8.8.8.8:25/", "http://8.8.8.8:6379/",
    ],
)  # fmt: skip
def test_no_page_is_fetched_from_there(url: str, connections: list[Any]) -> None:
    with pytest.raises(UndeterminedError, match="not gone to"):
        fetch(url, Bounds(1000, longest=5), guard=only_public)
    assert connections == []


def test_a_redirect_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first server is let in by number; it sends us inside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr("letterlock.probe.fetch._PORTS", (80, 443, port))
        script = (
            "import socket,sys\n"
            "s=socket.socket(fileno=int(sys.argv[1])); c,_=s.accept(); c.recv(9999)\n"
            "c.sendall(b'HTTP/1.1 302 Found\\r\\nLocation: http://inside.example/\\r\\n"
            "Content-Length: 0\\r\\n\\r\\n')"
        )
        number = server.fileno()
        peer = subprocess.Popen([sys.executable, "-c", script, str(number)], pass_fds=[number])
        guard = lambda one: None if one == "127.0.0.1" else only_public(one)  # noqa: E731
        bounds = Bounds(1000, longest=20, redirects=3)
        with pytest.raises(UndeterminedError, match=r"10\.1\.2\.3 is a private"):
            fetch(f"http://127.0.0.1:{port}/", bounds, guard=guard)
        assert peer.wait(20) == 0
