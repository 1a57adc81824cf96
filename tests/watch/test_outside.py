"""What the watch sees at the addresses that others reach."""

from __future__ import annotations

import json
from typing import Any

import pytest

from letterlock.install.private_init import own_addresses
from letterlock.watch.from_outside import outside_addresses
from tests.conftest import MakeMachine
from tests.machine import Machine
from tests.status.renewal import ROOT, Authority, put

OUTSIDE = "192.0.2.25"
SETTINGS = f"""\
ca_file = "{ROOT}"
addresses = ["{OUTSIDE}", "2001:db8::25"]
command = ["/bin/sh", "-c", "cat >>/root/said; echo >>/root/said"]
"""
#: An interface with three addresses more, of which one is made up for a day.
ADDRESSES = """
ip link add outside type veth peer name cable
sysctl -qw net.ipv6.conf.outside.use_tempaddr=2 net.ipv6.conf.outside.accept_dad=0
ip link set outside up && ip link set cable up
ip address add 192.0.2.25/24 dev outside
ip address add 169.254.3.4/16 dev outside scope link
ip address add 2001:db8::25/64 dev outside mngtmpaddr nodad
"""


@pytest.mark.machine
def test_a_fault_that_only_others_meet(make_machine: MakeMachine) -> None:
    machine = make_machine(without="Dovecot")
    machine.must("sh", "-ec", ADDRESSES)
    assert " temporary " in machine.must("ip", "address").text
    lasting = machine.call(lambda: own_addresses(lasting=True))
    assert {OUTSIDE, "2001:db8::25"} <= set(lasting)
    assert len(set(machine.call(own_addresses)) - set(lasting)) == 1
    assert set(machine.call(outside_addresses)) <= set(lasting)
    authority = Authority.make()
    machine.write(ROOT, authority.root.pem)
    put(machine, authority, "ecdsa")
    machine.must(
        "postconf", "-e", "inet_interfaces=127.0.0.1", "smtpd_tls_security_level=may",
        "smtpd_tls_chain_files=/etc/ssl/private/ecdsa.key, /etc/ssl/private/ecdsa.pem",
    )  # fmt: skip
    machine.write("/etc/letterlock/watch.toml", SETTINGS)
    machine.start()
    assert run(machine) == (0, "Nothing new; no fault is open.\n"), "there is nothing to meet"

    machine.must("postconf", "-Me", f"{OUTSIDE}:smtp/inet={OUTSIDE}:smtp inet n - y - - smtpd")
    machine.must("postconf", "-P", f"{OUTSIDE}:smtp/inet/smtpd_tls_security_level=none")
    machine.stop()
    machine.start()
    assert run(machine)[0] == 1
    (news,) = told(machine)
    assert [(each["id"], each["place"], each["source"]) for each in news["began"]] == [
        ("starttls-not-offered", f"{OUTSIDE}:25", "check")
    ]

    machine.must("postconf", "-PX", f"{OUTSIDE}:smtp/inet/smtpd_tls_security_level")
    machine.must("postfix", "reload")
    assert run(machine)[0] == 0
    assert [each["id"] for each in told(machine)[1]["over"]] == ["starttls-not-offered"]


def run(machine: Machine) -> tuple[int, str]:
    done = machine.warm_letterlock("watch", "run", "--settle", "0")
    assert done.status in (0, 1), (done.text, done.complaints)
    return done.status, done.text


def told(machine: Machine) -> list[Any]:
    return [json.loads(line) for line in machine.run("cat", "/root/said").text.splitlines()]
