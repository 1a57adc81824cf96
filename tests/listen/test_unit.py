"""docs/systemd's unit as an admin copies it, under a real systemd, beside the page's: the how-to's
sockets, mail from Debian's Postfix, what came on the page."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from contextlib import closing

import pytest
import trustme

from letterlock.listen.addresses import Names
from letterlock.listen.places import Role
from letterlock.listen.zone import policy_host
from letterlock.model.listening import Trap
from tests.booted import INSTALLED, Booted, booted
from tests.listen.running import Client
from tests.machine import REPOSITORY, Machine

pytestmark = pytest.mark.machine
#: As the unit has it.
NAMES = Names("traps.example.com")
_LISTEN, _SERVE = "letterlock-listen.service", "letterlock-serve.service"
_ADDRESSES = {
    name: f"127.0.2.{at}" for at, name in enumerate((*map(str, Trap), Role.POLICY.value), 1)
}
_PAGE = f"""[Service]
ExecStart=
ExecStart={INSTALLED} serve --data ${{STATE_DIRECTORY}} --listen 127.0.0.1:8025 --role page \\
    --sending {NAMES.domain}
"""


def test_from_the_boot_to_the_page(stock_machine: Machine) -> None:
    machine = stock_machine
    _certificate(machine)
    _sender(machine)
    with booted(machine) as system:
        _sockets(machine)
        system.shipped_unit(_SERVE, _PAGE)
        system.shipped_unit(_LISTEN)
        system.must("systemctl", "start", _SERVE)
        _until(lambda: 8025 in machine.listening(), lambda: system.journal(_SERVE))
        system.must("systemctl", "start", _LISTEN)
        begun: list[str] = []

        def begin() -> bool:
            status, location, _ = machine.call(lambda: _ask("POST", "/sendings"))
            begun[:] = [location]
            return status == 303

        _until(begin, lambda: system.journal(_LISTEN))
        (page,) = begun
        token = page.removeprefix("/s/")
        _until(lambda: machine.call(lambda: _takes(token)), lambda: system.journal(_LISTEN))
        for trap in (Trap.GOOD, Trap.EXPIRED, Trap.NO_STARTTLS):
            address = f"{token}@{NAMES.mail_domain(trap)}"
            system.must("sh", "-c", f"echo test | sendmail {address}")
        _until(lambda: len(_rows(machine, page)) == 3, lambda: system.journal(_LISTEN))
        assert _rows(machine, page) == {
            "good": "delivered", "expired": "delivered all the same",
            "no-starttls": "delivered in clear text",
        }  # fmt: skip
        assert "enforce" in _policy(system)
        _is_nobody(system)
        system.must("systemctl", "stop", _LISTEN)
        assert system.unit(_LISTEN, "Result") == "success"
        assert "Nobody takes mail" in machine.call(lambda: _ask("GET", "/sending"))[2]


def _certificate(machine: Machine) -> None:
    """Of a CA that the machine believes; the key is root's alone."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    hosts = (NAMES.host(Trap.GOOD), NAMES.host(Trap.TLSA_MISMATCH), policy_host(NAMES))
    good = authority.issue_cert(*hosts, key_type=trustme.KeyType.ECDSA)
    machine.write("/etc/ssl/certs/ca-certificates.crt", authority.cert_pem.bytes())
    chain = b"".join(each.bytes() for each in good.cert_chain_pems)
    machine.write("/etc/letterlock/good.pem", chain)
    machine.write("/etc/letterlock/good.key", good.private_key_pem.bytes(), 0o600)


def _sockets(machine: Machine) -> None:
    """Those of the how-to, on loopback."""
    told = (REPOSITORY / "docs/how-to/sending.md").read_text()
    found = re.search(r"# letterlock-expired\.socket\n(.*?)```", told, re.DOTALL)
    assert found
    for name, address in _ADDRESSES.items():
        port = 443 if name == Role.POLICY.value else 25
        text = found[1].replace("[2001:db8::5e:2]:25", f"{address}:{port}")
        machine.write(
            f"/etc/systemd/system/letterlock-{name}.socket", text.replace("=expired", f"={name}")
        )


def _sender(machine: Machine) -> None:
    """A Postfix that leaves the traps' addresses to them."""
    table = [f"{NAMES.mail_domain(trap)} smtp:[{_ADDRESSES[trap]}]" for trap in Trap]
    machine.write("/etc/postfix/traps", "\n".join(table) + "\n")
    machine.must(
        "postconf", "-e", "transport_maps=texthash:/etc/postfix/traps", "relayhost=",
        "inet_interfaces=127.0.0.1", "inet_protocols=ipv4", "smtp_tls_security_level=may",
        "smtp_tls_CApath=", "smtp_tls_CAfile=",
    )  # fmt: skip


def _ask(method: str, path: str) -> tuple[int, str, str]:
    """Status, Location without the host, text."""
    connection = http.client.HTTPConnection("127.0.0.1", 8025, timeout=60)
    with closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode()


def _takes(token: str) -> bool:
    """Whether the listener has heard of the test."""
    with Client(25, _ADDRESSES[Trap.MTA_STS]).open() as client:
        client.say("MAIL FROM:<>")
        return client.say(f"RCPT TO:<{token}@{NAMES.mail_domain(Trap.MTA_STS)}>")[:3] == "250"


def _rows(machine: Machine, page: str) -> dict[str, str]:
    """Trap → result, of those whose mail came."""
    text = machine.call(lambda: _ask("GET", page))[2]
    return dict(re.findall(r">([a-z-]+)</th>\s*<td[^>]*>\s*(?:<[^>]*>)*(deliv[^<]*?)\s*<", text))


def _policy(system: Booted) -> str:
    host = policy_host(NAMES)
    return system.must(
        "curl", "--silent", "--show-error", "--cacert", "/etc/ssl/certs/ca-certificates.crt",
        "--resolve", f"{host}:443:{_ADDRESSES['policy']}",
        f"https://{host}/.well-known/mta-sts.txt",
    )  # fmt: skip


def _is_nobody(system: Booted) -> None:
    """A user of its own that only systemd knows, without a capability; the key is shown to it."""
    pid = system.unit(_LISTEN, "MainPID")
    status = dict(
        line.split(":\t", 1) for line in system.must("cat", f"/proc/{pid}/status").splitlines()
    )
    assert all(61184 <= int(each) <= 65519 for each in status["Uid"].split()), status["Uid"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def _until(happened: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)
