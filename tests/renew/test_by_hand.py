"""Renewals on servers that nobody but their admin configured, and what they name."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from letterlock.install.state import StateFolder
from letterlock.renew.pending import pending
from letterlock.renew.slots import slots
from letterlock.servers.find import find_servers
from letterlock.servers.references import named
from tests.e2e.ports import assert_served, digest
from tests.machine import HOSTNAME, Machine

LINEAGE = f"/etc/letsencrypt/live/{HOSTNAME}"
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
PORTS = (25, 143, 993)
C = "/root/c"
BLOCK = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def renewed(machine: Machine, number: int) -> Any:
    """A new certificate where certbot would have put it; its root is the machine's."""
    delivery = machine.delivery(folder=f"/root/{number}")
    policy, _, issuing = BLOCK.findall(machine.read(str(delivery.bundle)))
    leaf = machine.read(str(delivery.certificate))
    machine.write(f"{LINEAGE}/fullchain.pem", b"\n".join((leaf, issuing, policy, b"")))
    machine.write(f"{LINEAGE}/privkey.pem", machine.read(str(delivery.key)), 0o600)
    machine.write(ROOTS, machine.read(ROOTS) + b"\n" + machine.read(str(delivery.root)))
    return delivery


def configure(machine: Machine) -> None:
    """Both servers name certbot's own files, as a how-to would have them."""
    machine.must("postconf", "-e", f"smtpd_tls_cert_file={LINEAGE}/fullchain.pem",
                 f"smtpd_tls_key_file={LINEAGE}/privkey.pem")  # fmt: skip
    ssl = "/etc/dovecot/conf.d/10-ssl.conf"
    machine.replace(ssl, "/etc/dovecot/private/dovecot.pem", f"{LINEAGE}/fullchain.pem")
    machine.replace(ssl, "/etc/dovecot/private/dovecot.key", f"{LINEAGE}/privkey.pem")


def deploy(machine: Machine, *arguments: str) -> Any:
    done = machine.warm_letterlock("deploy", *arguments, "--json", "-", RENEWED_LINEAGE=LINEAGE)
    assert done.status == 0, done.complaints
    (told,) = json.loads(done.text)["deployments"]
    return told


def reloads(machine: Machine) -> int:
    return sum("reload -- version" in line or "SIGHUP" in line for line in machine.log())


def test_certbots_own_files(stock_machine: Machine) -> None:
    machine = stock_machine
    first = renewed(machine, 1)
    configure(machine)
    machine.start()
    assert_served(machine, PORTS, digest(machine, first.certificate), first.root)
    second = renewed(machine, 2)
    files = machine.tree("/etc/postfix", "/etc/dovecot", "/etc/letsencrypt", "/etc/ssl")
    # Of Postfix, processes that begin now read the new one: only Dovecot is sure to be stale.
    assert_served(machine, (143, 993), digest(machine, first.certificate), first.root)

    told = deploy(machine)

    assert_served(machine, PORTS, digest(machine, second.certificate), second.root)
    assert (told["changed"], told["run"], told["key_changed"]) == (False, None, True)
    assert told["before"]["sha256"] == digest(machine, first.certificate)
    assert machine.tree("/etc/postfix", "/etc/dovecot", "/etc/letsencrypt", "/etc/ssl") == files
    count = reloads(machine)
    assert (deploy(machine)["key_changed"], reloads(machine)) == (None, count)

    _of_the_web_server(machine)
    _amid_a_half_finished_edit(machine, second)
    _from_traefik(machine)


def _of_the_web_server(machine: Machine) -> None:
    machine.delivery("www.example.com", "/root/www")
    where = "/root/www/www.example.com"
    root = ("--ca-file", "/root/www/root.pem")
    files = ("--cert", f"{where}.crt", "--chain", f"{where}.ca-bundle", "--key", f"{where}.key")
    done = machine.warm_letterlock("deploy", *files, *root)
    assert (done.status, done.complaints) == (0, ())
    assert "nothing to do: no mail server here uses this certificate" in done.text
    done = machine.warm_letterlock("deploy", "www.example.com", *files, *root)
    assert done.status == 2
    assert "the first time it is: letterlock secure www.example.com" in done.complaints[-1]
    assert machine.call(lambda: pending(StateFolder())) == ()


def _amid_a_half_finished_edit(machine: Machine, served: Any) -> None:
    """A reload would put it into force, and perhaps end the server."""
    file = "/etc/dovecot/conf.d/10-ssl.conf"
    before = machine.read(file)
    machine.write(file, before + b"ssl = mayb\n")
    third = renewed(machine, 3)
    done = machine.warm_letterlock("deploy", RENEWED_LINEAGE=LINEAGE)
    assert done.status in (2, 4), done.text
    assert "ssl" in done.complaints[-1]
    assert_served(machine, (993,), digest(machine, served.certificate), served.root)
    (one,) = machine.call(lambda: pending(StateFolder()))
    assert one.certificate and one.certificate.sha256 == digest(machine, third.certificate)
    machine.write(file, before)
    damaged = "/var/lib/letterlock/pending/20260101T000000000000Z-0000"
    machine.write(f"{damaged}/record.json", "half", 0o600)
    told = machine.warm_letterlock("status")
    assert told.status == 1, told.complaints
    assert "could not be brought into service" in told.text.splitlines()[1]
    assert f"{damaged}: is damaged" in told.text.replace("\n         ", "")
    shown = machine.warm_letterlock("fix", "--dry-run")
    assert f"deploy again  {HOSTNAME}  (from certbot)" in shown.text
    fixed = machine.warm_letterlock("fix", "--yes")
    assert fixed.status == 1, "something is left: what is damaged"
    assert f"✓ {HOSTNAME}: deployed" in fixed.text, (fixed.text, fixed.complaints)
    assert fixed.text.count(f"✗ {damaged} is damaged") == fixed.text.count("✗ ") == 1
    assert_served(machine, PORTS, digest(machine, third.certificate), third.root)
    assert machine.warm_letterlock("deploy", "--pending").status == 4
    machine.must("rm", "-r", damaged)
    assert machine.warm_letterlock("deploy", "--pending").text == "Nothing is pending.\n"


def _from_traefik(machine: Machine) -> None:
    """secure with one from acme.json's owner, then a renewal read out of that file."""
    delivery = machine.delivery(folder="/root/4")
    machine.write(ROOTS, machine.read(ROOTS) + b"\n" + machine.read(str(delivery.root)))
    pems = (str(delivery.certificate), str(delivery.bundle), str(delivery.key))
    first, chain, key = (machine.read(path) for path in pems)
    given = {
        "domain": {"main": HOSTNAME},
        "certificate": base64.b64encode(first + chain).decode(),
        "key": base64.b64encode(key).decode(),
    }
    document = {"le": {"Account": {}, "Certificates": [given]}}
    machine.write("/root/acme.json", json.dumps(document), 0o600)
    where = ("--from", "traefik:/root/acme.json")
    refused = machine.warm_letterlock("deploy", HOSTNAME, *where)
    assert refused.status == 2, "these servers name certbot's files, not ours"
    done = machine.warm_letterlock(
        "secure", HOSTNAME, "--cert", f"{LINEAGE}/fullchain.pem", "--key", f"{LINEAGE}/privkey.pem",
        "--cert-dir", "/etc/ssl/certs", "--yes", "--no-rehearse",
    )  # fmt: skip
    assert done.status == 0, done.complaints
    done = machine.warm_letterlock("deploy", HOSTNAME, *where)
    assert done.status == 0, done.complaints
    assert "in service; seen at" in done.text
    leaf = digest(machine, delivery.certificate)
    assert_served(machine, PORTS, leaf, delivery.root)
    assert digest(machine, Path(f"/etc/ssl/certs/{HOSTNAME}.pem")) == leaf


def test_a_full_disk(stock_machine: Machine) -> None:
    """Of letterlock's own folder and of its store: nothing is lost, and of two the newest."""
    machine = stock_machine
    first = renewed(machine, 1)
    machine.start()
    files = ("--cert", f"{LINEAGE}/fullchain.pem", "--key", f"{LINEAGE}/privkey.pem")
    done = machine.warm_letterlock("secure", HOSTNAME, *files, "--yes", "--no-rehearse")
    assert done.status == 0, done.complaints
    machine.write("/etc/letsencrypt/renewal-hooks/deploy/.keep", "")
    assert machine.warm_letterlock("hook", "install", "certbot").status == 0
    places = ("/var/lib/letterlock", "/etc/ssl/letterlock")
    for place in places:
        machine.must("sh", "-c", f"""set -e
            rm -rf /root/copy; cp -a {place} /root/copy
            mount -t tmpfs -o size=1m,mode=0755 full {place}
            cp -a /root/copy/. {place}
            cat /dev/zero >{place}/filler 2>/dev/null || true""")  # fmt: skip

    for number in (2, 3):
        newest = renewed(machine, number)
        done = machine.warm_letterlock("deploy", "--no-rehearse", RENEWED_LINEAGE=LINEAGE)
        assert done.status == 4, (done.text, done.complaints)
        assert "No space left on device" in done.complaints[-1]
    assert_served(machine, PORTS, digest(machine, first.certificate), first.root)
    (one,) = machine.call(lambda: pending(StateFolder()))
    assert one.certificate and one.certificate.sha256 == digest(machine, newest.certificate)
    assert "No space left on device" in one.reason
    for path, entry in machine.tree(*places).items():
        assert b"PRIVATE KEY" not in entry.contents or entry.mode & 0o077 == 0, path

    for place in places:
        machine.must("rm", f"{place}/filler")
    done = machine.warm_letterlock("deploy", "--pending", "--no-rehearse")
    assert done.status == 0, done.complaints
    assert_served(machine, PORTS, digest(machine, newest.certificate), newest.root)
    assert machine.call(lambda: pending(StateFolder())) == ()


def test_what_the_configurations_name(stock_machine: Machine) -> None:
    """Read by the servers' own tools: overrides in master.cf, pairs, local_name, protocol."""
    machine = stock_machine
    machine.must(
        "postconf", "-e", f"smtpd_tls_cert_file={C}/rsa.pem", f"smtpd_tls_key_file={C}/rsa.key",
        f"smtpd_tls_eccert_file={C}/ec.pem", "smtpd_tls_eckey_file=$smtpd_tls_eccert_file",
    )  # fmt: skip
    master = machine.read("/etc/postfix/master.cf") + (
        b"465 inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"
        b"  -o smtpd_tls_chain_files=/root/c/k.pem,/root/c/chain.pem\n"
        b"587 inet n - y - - smtpd\n  -o smtpd_tls_security_level=none\n"
    )
    machine.write("/etc/postfix/master.cf", master)
    for name in ("a", "b", "pop"):
        delivery = machine.delivery(folder=f"{C}/{name}")
        machine.write(f"{C}/{name}.pem", machine.read(str(delivery.certificate)))
        machine.write(f"{C}/{name}.key", machine.read(str(delivery.key)), 0o600)
    machine.write(
        "/etc/dovecot/conf.d/99-names.conf",
        f"ssl_cert = <{C}/a.pem\nssl_key = <{C}/a.key\n"
        f"local_name mail.shop.example {{\n  ssl_cert = <{C}/b.pem\n  ssl_key = <{C}/b.key\n}}\n"
        f"protocol pop3 {{\n  ssl_cert = <{C}/pop.pem\n  ssl_key = <{C}/pop.key\n}}\n",
    )
    found = {
        (each.server, each.certificate, each.key, each.name,
         tuple(sorted({endpoint.port for endpoint in each.endpoints})))
        for each in slots(named(find_servers(machine.tools)).every)
        if not each.certificate.endswith(".key")
    }  # fmt: skip
    assert found == {
        ("Postfix", f"{C}/rsa.pem", f"{C}/rsa.key", None, (25,)),
        ("Postfix", f"{C}/ec.pem", f"{C}/ec.pem", None, (25,)),
        ("Postfix", f"{C}/k.pem", f"{C}/k.pem", None, (465,)),
        ("Postfix", f"{C}/chain.pem", f"{C}/k.pem", None, (465,)),
        ("Dovecot", f"{C}/a.pem", f"{C}/a.key", None, (143, 993)),
        ("Dovecot", f"{C}/b.pem", f"{C}/b.key", "mail.shop.example", (110, 143, 993, 995)),
        ("Dovecot", f"{C}/pop.pem", f"{C}/pop.key", None, (110, 995)),
    }
