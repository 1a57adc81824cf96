"""Two names, a wildcard and a default on one real server, each port told apart by
`openssl s_client -servername`."""

from __future__ import annotations

from pathlib import Path

from letterlock.cli.demo_ca import Delivery
from tests.e2e.ports import PORTS, digest, seen_by_openssl
from tests.machine import HOSTNAME, Machine

CONFIGURATION = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
SECOND = "mail.example.org"
MAP = "/etc/postfix/letterlock_sni"
BLOCKS = "/etc/dovecot/letterlock-names.conf"


def secure(machine: Machine, name: str, delivery: Delivery, *more: str) -> str:
    done = machine.warm_letterlock(
        "secure", name, "--cert", str(delivery.certificate), "--chain", str(delivery.bundle),
        "--key", str(delivery.key), "--ca-file", str(delivery.root), "--yes", *more,
    )  # fmt: skip
    assert done.status == 0, (done.text, done.complaints)
    return done.text


def leaf_for(machine: Machine, port: int, name: str | None, root: Path) -> str:
    return seen_by_openssl(machine, port, root, name=name).leaf


def test_a_second_name_is_served_beside_the_first(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    first = machine.delivery()
    secure(machine, HOSTNAME, first, "--sasl", "dovecot")
    one_name = machine.tree(*CONFIGURATION)
    second = machine.delivery(SECOND, "/root/second")

    said = secure(machine, SECOND, second)

    assert "the default certificate stays" in said
    assert "secured. TLS on 7 ports" in said
    default, other = digest(machine, first.certificate), digest(machine, second.certificate)
    for port in PORTS:
        assert leaf_for(machine, port, SECOND, second.root) == other, port
        assert leaf_for(machine, port, HOSTNAME, first.root) == default, port
    for port in (465, 993):
        assert leaf_for(machine, port, "no.example.test", first.root) == default, port
        assert leaf_for(machine, port, None, first.root) == default, port
    tree = machine.tree("/etc")
    assert (tree[MAP + ".db"].mode, tree[MAP + ".db"].owner) == (0o600, (0, 0))
    assert b"PRIVATE KEY" not in tree[MAP].contents
    assert "nothing to change; TLS on 7 ports" in secure(machine, SECOND, second)

    renewed = machine.delivery(SECOND, "/root/renewed")
    before = machine.tree(*CONFIGURATION)
    said = secure(machine, SECOND, renewed)
    newer = digest(machine, renewed.certificate)
    for port in PORTS:
        assert leaf_for(machine, port, SECOND, renewed.root) == newer, port
    assert leaf_for(machine, 25, HOSTNAME, first.root) == default
    assert machine.read(MAP) == before[MAP].contents, "only the index and the link differ"
    refused = machine.warm_letterlock("remove", HOSTNAME, "--yes")
    assert refused.status == 4
    assert f"{HOSTNAME} has the default certificate of Postfix" in refused.complaints[-1]

    # The two change places: each is served its own still.
    change = ("--ca-file", "/root/both.pem", "--default")
    roots = machine.read(str(first.root)) + machine.read(str(renewed.root))
    machine.write("/root/both.pem", roots)
    said = secure(machine, SECOND, renewed, *change)
    assert f"{HOSTNAME} goes on being served its own certificate by its name" in said
    for port in (25, 465, 993):
        assert leaf_for(machine, port, None, renewed.root) == newer, port
        assert leaf_for(machine, port, SECOND, renewed.root) == newer, port
        assert leaf_for(machine, port, HOSTNAME, first.root) == default, port

    assert machine.warm_letterlock("rollback", "--yes").status == 0
    for expected in (before, one_name):
        done = machine.warm_letterlock("rollback", "--yes")
        assert done.status == 0, done.complaints
        assert machine.tree(*CONFIGURATION) == expected
    assert leaf_for(machine, 25, SECOND, first.root) == default
    assert leaf_for(machine, 993, SECOND, first.root) == default
