"""The deep check: connections as the kernel counts them, time and memory beside its peers'.

Peers are optional and skipped loudly: nmap and testssl.sh from Debian, sslyze from .cache/peers
(scripts/setup puts it there). All look at the same throw-away system in the same minute."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.machine import HOSTNAME, PROGRAM, Machine
from tests.peers.counting import counted, limit_rate, rate_refusals, secure, with_rsa
from tests.peers.seen import SSLYZE

from bench.delay import delayed
from bench.measure import peak

_PORTS = (25, 110, 143, 465, 587, 993, 995)
_DELAY = 0.05
_MANY = 100

#: Prints a figure beside its bound; gives whether it is kept.
Tell = Callable[[str, str, bool, str], bool]


@dataclass(frozen=True, slots=True)
class Peer:
    """`share` of its seconds is what we may take."""

    name: str
    there: bool
    commands: tuple[tuple[str, ...], ...]
    share: float


def bench(tell: Tell) -> list[bool]:
    return [*_lean(tell), *_throttled(tell), *_fast(tell)]


def _lean(tell: Tell) -> list[bool]:
    with Machine() as machine:
        with_rsa(machine)
        machine.start()
        kept = [
            _connections(tell, machine, "stock", depth, 25, most)
            for depth, most in (("verdict", 12), ("standard", 40), ("full", 115))
        ]
        options = secure(machine)
        for port in (25, 465):
            kept += [
                _connections(tell, machine, "made by secure", depth, port, most, options)
                for depth, most in (("verdict", 10), ("full", 35))
            ]
    return kept


def _connections(
    tell: Tell,
    machine: Machine,
    what: str,
    depth: str,
    port: int,
    most: int,
    options: tuple[str, ...] = (),
) -> bool:
    seen = counted(machine, depth, port, options=options)
    figures = f"{seen.opened} connections, {seen.refused} refused"
    return tell(
        f"check --depth {depth}, port {port} {what}", figures, seen.opened <= most, f"≤ {most}"
    )


def _throttled(tell: Tell) -> list[bool]:
    """Each on a system of its own: what an earlier run did is remembered for a minute."""
    kept = []
    for depth, most in (("verdict", 0), ("standard", 3), ("full", 3)):
        with Machine() as machine:
            with_rsa(machine)
            machine.start("Postfix")
            limit_rate(machine, 30)
            seen = counted(machine, depth, 25, timeout=600)
            refusals = rate_refusals(machine)
        (endpoint,) = seen.told["endpoints"]
        whole = not endpoint["left_out"]
        seconds = seen.told["targets"][0]["seconds"]
        figures = (
            f"{refusals} refused of {seen.opened}, {seconds:.0f} s{'' if whole else ', incomplete'}"
        )
        name = f"check --depth {depth}, 30 connections a minute"
        kept.append(tell(name, figures, whole and refusals <= most, f"≤ {most} refused, complete"))
    return kept


def _fast(tell: Tell) -> list[bool]:
    with Machine() as machine:
        with_rsa(machine)
        _open_submission(machine)
        machine.start()
        assert set(_PORTS) <= machine.listening()
        kept = _beside_peers(tell, machine)
        with Machine() as client:
            kept += _far_away(tell, machine, client)
        kept.append(_many(tell, machine))
    return kept


def _open_submission(machine: Machine) -> None:
    """The two services that Debian's stock master.cf has as comments."""
    for service, wrapper in (("submission", "no"), ("submissions", "yes")):
        entry = f"{service} inet n - y - - smtpd -o smtpd_tls_wrappermode={wrapper}"
        machine.must("postconf", "-Me", f"{service}/inet={entry}")


def _check(machine: Machine, *arguments: str) -> list[str]:
    return [*machine.tools.prefix, str(PROGRAM), "check", *arguments, "--name", HOSTNAME]


def _beside_peers(tell: Tell, machine: Machine) -> list[bool]:
    ours = peak(_check(machine, "127.0.0.1", "--depth", "full", "--json", "-"))
    kept = []
    for peer in _peers():
        if not peer.there:
            tell(f"check, seven ports : {peer.name}", f"SKIPPED: {peer.name} is missing", True, "")
            continue
        seconds = sum(peak([*machine.tools.prefix, *command]).seconds for command in peer.commands)
        figures = f"{ours.seconds:.1f} s : {seconds:.1f} s = 1/{seconds / ours.seconds:.1f}"
        bound = f"≤ 1/{1 / peer.share:.0f}"
        name = f"check --depth full, seven ports : {peer.name}"
        kept.append(tell(name, figures, ours.seconds <= seconds * peer.share, bound))
    return kept


def _peers() -> tuple[Peer, ...]:
    every = ",".join(map(str, _PORTS))
    return (
        Peer(
            "nmap ssl-enum-ciphers",
            shutil.which("nmap") is not None,
            (("nmap", "-n", "-Pn", "--script", "ssl-enum-ciphers", "-p", every, "127.0.0.1"),),
            0.5,
        ),
        Peer(
            "sslyze",
            SSLYZE.exists(),
            tuple((str(SSLYZE), *_starttls(port), f"127.0.0.1:{port}") for port in _PORTS),
            1 / 15,
        ),
        Peer(
            "testssl.sh",
            shutil.which("testssl") is not None,
            tuple(
                ("testssl", "--quiet", "--color", "0", *_testssl(port), f"127.0.0.1:{port}")
                for port in _PORTS
            ),
            1 / 200,
        ),
    )


_UPGRADES = {25: "smtp", 587: "smtp", 110: "pop3", 143: "imap"}


def _starttls(port: int) -> Sequence[str]:
    return ("--starttls", _UPGRADES[port]) if port in _UPGRADES else ()


def _testssl(port: int) -> Sequence[str]:
    return ("-t", _UPGRADES[port]) if port in _UPGRADES else ()


def _far_away(tell: Tell, servers: Machine, client: Machine) -> list[bool]:
    """A proxy delays bytes; a network also delays the packets by which TCP connects, which the
    bound does not count."""
    kept = []
    for connecting in (False, True):
        with delayed(servers, client, _PORTS, _DELAY, connecting=connecting):
            seen = peak(_check(client, "127.0.0.1", "--depth", "standard", "--fast", "--json", "-"))
        where = "50 ms each way" + (", connecting too" if connecting else "")
        name = f"check --depth standard --fast, seven ports, {where}"
        bound = "no bound" if connecting else "< 3 s"
        kept.append(tell(name, f"{seen.seconds:.1f} s", connecting or seen.seconds < 3, bound))
    return kept


def _many(tell: Tell, machine: Machine) -> bool:
    targets = [f"127.0.1.{number}" for number in range(1, _MANY + 1)]
    seen = peak(_check(machine, *targets, "--depth", "verdict", "--json", "-"))
    figures = f"{seen.seconds:.0f} s, {seen.program:.0f} MB"
    return tell(
        f"check --depth verdict, {_MANY} servers at once", figures, seen.program < 150, "< 150 MB"
    )
