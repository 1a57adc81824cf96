"""One of several names renewed: in Postfix's SNI tables and Dovecot's local_name blocks, with every
other name as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from letterlock.cli.demo_ca import Delivery
from letterlock.install.state import StateFolder
from letterlock.renew.pending import Pending, waiting
from tests.e2e.ports import PORTS, digest, seen_by_openssl
from tests.machine import HOSTNAME, PROGRAM, Entry, Machine

ROOTS = "/etc/ssl/certs/ca-certificates.crt"
SHOP, CLUB = "mail.shop.example", "mail.club.example"
OWN_TABLE = "/etc/postfix/letterlock_sni"
LIVE = "/etc/letsencrypt/live"


def lineage(machine: Machine, name: str, number: int) -> Delivery:
    """A new certificate where certbot would have put it; its root is the machine's."""
    delivery = machine.delivery(name, f"/root/{name}-{number}")
    leaf, chain = (machine.read(str(p)) for p in (delivery.certificate, delivery.bundle))
    machine.write(f"{LIVE}/{name}/fullchain.pem", leaf + chain)
    machine.write(f"{LIVE}/{name}/privkey.pem", machine.read(str(delivery.key)), 0o600)
    machine.write(ROOTS, machine.read(ROOTS) + b"\n" + machine.read(str(delivery.root)))
    return delivery


def hook(machine: Machine, name: str, *arguments: str) -> Any:
    """certbot's deploy hook for that lineage."""
    return machine.warm_letterlock("deploy", *arguments, RENEWED_LINEAGE=f"{LIVE}/{name}")


@dataclass
class Served:
    """What every port serves to clients that send a name."""

    machine: Machine

    def is_(self, name: str | None, delivery: Delivery, ports: Iterable[int] = PORTS) -> None:
        wanted = digest(self.machine, delivery.certificate)
        for port in ports:
            seen = seen_by_openssl(self.machine, port, delivery.root, name=name)
            assert (seen.leaf, seen.verdict) == (wanted, "0 (ok)"), (name, port)


def pending(machine: Machine) -> tuple[Pending, ...]:
    return machine.call(lambda: waiting(StateFolder()).pending)


def configuration(machine: Machine) -> dict[str, Entry]:
    """Without what a renewal of the shop's name may change."""
    found = machine.tree("/etc/postfix", "/etc/dovecot", "/etc/ssl/letterlock")
    mine = (f"{OWN_TABLE}.db", f"/etc/ssl/letterlock/{SHOP}")
    return {path: entry for path, entry in found.items() if not path.startswith(mine)}


def test_one_of_three_names_that_letterlock_keeps(stock_machine: Machine) -> None:
    """After `secure` and `names`: table and blocks name letterlock's store."""
    machine = stock_machine
    machine.start()
    served = Served(machine)
    first, shop, club = (lineage(machine, name, 1) for name in (HOSTNAME, SHOP, CLUB))
    files = (
        "--cert",
        f"{LIVE}/{HOSTNAME}/fullchain.pem",
        "--key",
        f"{LIVE}/{HOSTNAME}/privkey.pem",
    )
    done = machine.warm_letterlock("secure", HOSTNAME, *files, "--sasl", "dovecot", "--yes")
    assert done.status == 0, done.complaints
    table = "".join(f"{n} {LIVE}/{n}/fullchain.pem {LIVE}/{n}/privkey.pem\n" for n in (SHOP, CLUB))
    machine.write("/root/table", table)
    done = machine.warm_letterlock("names", "/root/table", "--yes", "--no-rehearse")
    assert done.status == 0, done.complaints
    served.is_(SHOP, shop)
    before = configuration(machine)

    renewed = lineage(machine, SHOP, 2)
    lineage(machine, CLUB, 2)  # renewed as well, and its own hook is still to come
    planned = hook(machine, SHOP, "--dry-run")
    assert (planned.status, f"{OWN_TABLE}.db" in planned.text) == (0, True), planned.complaints
    assert "PRIVATE KEY" not in planned.text
    served.is_(SHOP, shop, (25, 993))
    done = hook(machine, SHOP, "--json", "-")
    assert done.status == 0, done.complaints
    (told,) = json.loads(done.text)["deployments"]
    assert (told["hosts"], told["key_changed"], len(told["endpoints"])) == ([SHOP], True, 14)
    served.is_(SHOP, renewed)
    served.is_(CLUB, club)
    served.is_(None, first)
    assert configuration(machine) == before, "nothing else differs"
    index = machine.tree(f"{OWN_TABLE}.db")[f"{OWN_TABLE}.db"]
    assert (index.mode, index.owner) == (0o600, (0, 0))
    assert "in service already, nothing reloaded" in hook(machine, SHOP).text

    _killed_before_the_index_is_in_place(machine, served, renewed, club)
    _with_postfix_stopped(machine, served, club)


def _killed_before_the_index_is_in_place(
    machine: Machine, served: Served, now: Delivery, other: Delivery
) -> None:
    """The store has switched to the new version, the table still holds the old one."""
    newest = lineage(machine, SHOP, 3)
    killed = machine.run(
        "strace", "-o", "/root/trace", "-s", "200", "-e", "trace=rename", "-e",
        "inject=rename:signal=KILL:when=3", "env", f"RENEWED_LINEAGE={LIVE}/{SHOP}", str(PROGRAM),
        "deploy", "--no-rehearse", timeout=120,
    )  # fmt: skip
    assert killed.status != 0
    trace = machine.read("/root/trace").decode().splitlines()
    kept, switch, index = (line for line in trace if line.startswith("rename("))
    assert "/pending/" in kept and "/current" in switch and f'"{OWN_TABLE}.db"' in index, trace
    current = Path(f"/etc/ssl/letterlock/{SHOP}/current/fullchain.pem")
    assert digest(machine, current) == digest(machine, newest.certificate), "it had switched"
    served.is_(SHOP, now, (25, 993))
    (one,) = pending(machine)
    assert one.subject == SHOP
    told = machine.warm_letterlock("status")
    assert told.status == 1 and SHOP in told.text.splitlines()[2], told.text
    done = machine.warm_letterlock("deploy", "--pending")
    assert done.status == 0, done.complaints
    served.is_(SHOP, newest)
    served.is_(CLUB, other)
    assert pending(machine) == ()


def _with_postfix_stopped(machine: Machine, served: Served, other: Delivery) -> None:
    """The table is built all the same: what starts later is right."""
    machine.stop("Postfix")
    last = lineage(machine, SHOP, 4)
    done = hook(machine, SHOP)
    assert done.status == 0, done.complaints
    assert "Postfix is stopped and stays so" in done.text
    served.is_(SHOP, last, (143, 993))
    machine.start("Postfix")
    served.is_(SHOP, last)
    served.is_(CLUB, other)


SOURCE = f"""# by hand
{SHOP}\t{LIVE}/{SHOP}/privkey.pem,
\t{LIVE}/{SHOP}/fullchain.pem
{CLUB} {LIVE}/{CLUB}/privkey.pem {LIVE}/{CLUB}/fullchain.pem
.wild.example {LIVE}/{CLUB}/privkey.pem {LIVE}/{CLUB}/fullchain.pem
"""


def by_hand(machine: Machine, kind: str) -> None:
    """A table and blocks that letterlock never wrote, with certbot's own files."""
    machine.write("/etc/postfix/sni", SOURCE)
    machine.must("postconf", "-e", f"tls_server_sni_maps={kind}:/etc/postfix/sni")
    blocks = "".join(
        f"local_name {name} {{\n  ssl_cert = <{LIVE}/{name}/fullchain.pem\n"
        f"  ssl_key = <{LIVE}/{name}/privkey.pem\n}}\n"
        for name in (SHOP, CLUB)
    )
    machine.write("/etc/dovecot/conf.d/99-names.conf", blocks)
    if kind == "hash":
        machine.must("postmap", "-F", "hash:/etc/postfix/sni")


def test_an_admins_own_table(stock_machine: Machine) -> None:
    machine = stock_machine
    shop, club = (lineage(machine, name, 1) for name in (SHOP, CLUB))
    by_hand(machine, "hash")
    machine.start()
    served = Served(machine)
    ports = (25, 143, 993)
    served.is_(SHOP, shop, ports)
    served.is_("any.wild.example", club, ())
    assert machine.tree("/etc/postfix/sni.db")["/etc/postfix/sni.db"].mode == 0o644
    before = machine.tree("/etc/postfix", "/etc/dovecot", LIVE)

    _with_another_key(machine, served, shop)
    renewed = lineage(machine, SHOP, 2)
    newer_club = lineage(machine, CLUB, 2)
    done = hook(machine, SHOP)
    assert done.status == 0, done.complaints
    served.is_(SHOP, renewed, ports)
    served.is_(CLUB, club, (25,))
    after = machine.tree("/etc/postfix", "/etc/dovecot", LIVE)
    changed = {path for path in after if after[path] != before.get(path)}
    live = {path for path in changed if path.startswith(LIVE)}
    assert changed - live == {"/etc/postfix/sni.db"}
    assert after["/etc/postfix/sni.db"].mode == 0o640, "no user may read the new key"

    done = machine.warm_letterlock("rollback", "--yes")
    assert done.status == 0, done.complaints
    served.is_(SHOP, shop, (25,))
    assert hook(machine, SHOP).status == 0
    assert hook(machine, CLUB).status == 0
    served.is_(SHOP, renewed, ports)
    served.is_(CLUB, newer_club, ports)

    by_hand(machine, "texthash")
    machine.must("postfix", "reload")
    again = lineage(machine, SHOP, 3)
    done = hook(machine, SHOP, "--json", "-")
    assert done.status == 0, done.complaints
    (told,) = json.loads(done.text)["deployments"]
    assert (told["changed"], told["hosts"]) == (False, [SHOP])
    served.is_(SHOP, again, ports)
    served.is_(CLUB, newer_club, ports)


def _with_another_key(machine: Machine, served: Served, shop: Delivery) -> None:
    """Chain and key were not renewed together: postmap would not notice."""
    files = f"{LIVE}/{SHOP}"
    kept = machine.read(f"{files}/fullchain.pem"), machine.read(f"{files}/privkey.pem")
    lineage(machine, SHOP, 9)
    machine.write("/etc/postfix/other.key", kept[1], 0o600)
    machine.replace("/etc/postfix/sni", f"{files}/privkey.pem", "/etc/postfix/other.key")
    done = hook(machine, SHOP)
    assert done.status == 4
    assert (
        "/etc/postfix/sni:2: names no private key that belongs to the new certificate"
        in (done.complaints[-1])
    )
    served.is_(SHOP, shop, (25,))
    (one,) = pending(machine)
    assert "names no private key" in one.reason
    machine.write("/etc/postfix/sni", SOURCE)
    machine.must("rm", "-r", f"/var/lib/letterlock/pending/{one.id}", "/etc/postfix/other.key")


def test_a_name_that_is_served_something_else(stock_machine: Machine) -> None:
    """An entry for the very name, with files that are nobody's we know of."""
    machine = stock_machine
    first = lineage(machine, HOSTNAME, 1)
    copies = tuple(machine.read(f"{LIVE}/{HOSTNAME}/{n}.pem") for n in ("privkey", "fullchain"))
    machine.write("/etc/postfix/copy.pem", b"".join(copies), 0o600)
    machine.write("/etc/postfix/sni", f"{HOSTNAME} /etc/postfix/copy.pem\n", 0o600)
    machine.must("postconf", "-e", f"smtpd_tls_cert_file={LIVE}/{HOSTNAME}/fullchain.pem",
                 f"smtpd_tls_key_file={LIVE}/{HOSTNAME}/privkey.pem",
                 "tls_server_sni_maps=hash:/etc/postfix/sni")  # fmt: skip
    machine.must("postmap", "-F", "hash:/etc/postfix/sni")
    machine.start()
    lineage(machine, HOSTNAME, 2)
    done = hook(machine, HOSTNAME)
    assert done.status == 4, done.text
    assert (
        f"/etc/postfix/sni:1: {HOSTNAME} has a certificate of its own there"
        in (done.complaints[-1])
    )
    assert f"letterlock secure {HOSTNAME} --sni" in done.complaints[-1]
    Served(machine).is_(HOSTNAME, first, (25,))
    machine.must("postconf", "-e", "tls_server_sni_maps=static:/etc/postfix/copy.pem")
    done = hook(machine, HOSTNAME)
    assert (done.status, "cannot be renewed from here" in done.complaints[-1]) == (4, True)
