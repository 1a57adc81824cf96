"""RSA and ECDSA together on real servers: each proven by a client that speaks nothing else."""

from __future__ import annotations

import json

import pytest

from letterlock.model.certificate import KeyType
from tests.e2e.ports import POSTFIX_PORTS, seen_by_openssl
from tests.e2e.two_types import ALONE, Two, assert_each_served, deliver_two
from tests.machine import HOSTNAME, Machine

pytestmark = pytest.mark.machine
CONFIGURATION = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
CURRENT = f"/etc/ssl/letterlock/{HOSTNAME}/current"
BOTH = tuple(KeyType)


def secure(machine: Machine, two: Two, *more: str, types: tuple[KeyType, ...] = BOTH) -> str:
    done = machine.warm_letterlock(*two.arguments("--sasl", "dovecot", *more, types=types))
    assert done.status == 0, (done.text, done.complaints)
    assert done.complaints == ()
    return done.text


@pytest.mark.parametrize("layout", ["separate", "combined"])
def test_both_on_a_stock_machine(stock_machine: Machine, layout: str) -> None:
    machine = stock_machine
    machine.start()
    # Once from a CA for each key type, once both from one that has RSA only.
    two = deliver_two(machine, one_ca=layout == "combined")
    before = machine.tree(*CONFIGURATION)

    said = secure(machine, two, "--cert-layout", layout)

    assert_each_served(machine, two)
    assert "each certificate by a client that speaks RSA or ECDSA alone" in " ".join(said.split())
    assert "key      RSA 2048" in said and "key      ECDSA prime256v1" in said
    named = b"combined-ecdsa.pem" if layout == "combined" else b"fullchain-ecdsa.pem"
    assert named in machine.read("/etc/postfix/main.cf")
    assert named in machine.read("/etc/dovecot/conf.d/10-ssl.conf")
    modes = {path: entry.mode for path, entry in machine.tree(CURRENT + "/").items()}
    assert {modes[f"{CURRENT}/{name}-ecdsa.pem"] for name in ("key", "combined")} == {0o600}

    after = machine.tree(*CONFIGURATION)
    assert "nothing to change" in secure(machine, two, "--cert-layout", layout)
    assert machine.tree(*CONFIGURATION) == after, "a second secure is a no-op"
    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert machine.tree(*CONFIGURATION) == before, "byte for byte what it was"


def test_renewed_apart_and_then_one_alone(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    first = deliver_two(machine)
    secure(machine, first)
    configuration = machine.tree("/etc/postfix", "/etc/dovecot")
    second = deliver_two(machine, "/root/renewal", issuers=first)
    rsa_renewed = Two(
        {KeyType.RSA: second.rsa, KeyType.ECDSA: first.ecdsa}, second.chain, second.roots
    )

    said = json.loads(secure(machine, rsa_renewed, "--json", "-", types=(KeyType.RSA,)))

    assert_each_served(machine, rsa_renewed, versions=("TLSv1.3",))
    assert machine.tree("/etc/postfix", "/etc/dovecot") == configuration, "paths stay"
    assert any("the ECDSA certificate in the store is kept" in one for one in said["notices"])
    told = {(each["key_type"], each["leaf_sha256"]) for each in said["plan"]["expectations"]}
    assert told == {("RSA", second.rsa.leaf), ("ECDSA", first.ecdsa.leaf)}
    served = {
        (endpoint["port"], shaken["chain"][0]["sha256"])
        for endpoint in said["endpoints"]
        for shaken in (endpoint["handshake"], *endpoint["further_handshakes"])
    }
    assert len(served) == 14 and len(said["endpoints"]) == 14

    secure(machine, second, "--single", types=(KeyType.ECDSA,))
    assert seen_by_openssl(machine, 993, second.roots).leaf == second.ecdsa.leaf
    for port in (25, 993):
        rsa_only = seen_by_openssl(machine, port, second.roots, *ALONE[KeyType.RSA, "TLSv1.3"])
        assert rsa_only.version == "", "the RSA certificate is gone"
    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert_each_served(machine, rsa_renewed, ports=(25, 995), versions=("TLSv1.3",))


def test_a_neighbours_own_certificate_is_not_joined_by_ours(stock_machine: Machine) -> None:
    """What is set around a local_name block, or in main.cf, holds inside too: a client of the other
    name or address that prefers ECDSA must not be served ours."""
    machine = stock_machine
    other = deliver_two(machine, "/root/other")
    full = machine.read(other.rsa.certificate) + machine.read(other.chain)
    machine.write("/root/other/full.pem", full)
    machine.write(
        "/etc/dovecot/conf.d/99-names.conf",
        "local_name other.example.org {\n  ssl_cert = </root/other/full.pem\n"
        f"  ssl_key = <{other.rsa.key}\n}}\n",
    )
    machine.write(
        "/etc/postfix/master.cf",
        machine.read("/etc/postfix/master.cf")
        + b"127.0.0.2:2526 inet n - y - - smtpd\n  -o smtpd_tls_cert_file=/root/other/full.pem\n"
        + f"  -o smtpd_tls_key_file={other.rsa.key}\n".encode(),
    )
    machine.start()
    two = deliver_two(machine)

    secure(machine, two)

    assert_each_served(machine, two, (25, 993), ("TLSv1.3",))
    for kind, leaf in ((KeyType.RSA, other.rsa.leaf), (KeyType.ECDSA, "")):
        alone = ALONE[kind, "TLSv1.3"]
        name = ("-servername", "other.example.org")
        assert seen_by_openssl(machine, 993, other.roots, *name, *alone).leaf == leaf
        at = seen_by_openssl(
            machine, 2526, other.roots, "-starttls", "smtp", *alone, address="127.0.0.2"
        )
        assert at.leaf == leaf


def test_settings_per_key_type_stay_where_the_admin_has_them(stock_machine: Machine) -> None:
    machine = stock_machine
    old, two = deliver_two(machine, "/root/old"), deliver_two(machine)
    main = machine.read("/etc/postfix/main.cf").decode()
    per_type = (
        f"smtpd_tls_eccert_file = {old.ecdsa.certificate}\nsmtpd_tls_eckey_file = {old.ecdsa.key}\n"
    )
    machine.write("/etc/postfix/main.cf", main + per_type)
    machine.start("Postfix")

    done = machine.warm_letterlock(*two.arguments())

    assert done.status == 0, done.complaints
    written = machine.read("/etc/postfix/main.cf").decode()
    assert "chain_files" not in written
    assert f"smtpd_tls_eccert_file = {CURRENT}/fullchain-ecdsa.pem" in written
    assert_each_served(machine, two, POSTFIX_PORTS[:2])


def test_bad_input_changes_nothing(stock_machine: Machine) -> None:
    machine = stock_machine
    two, other = deliver_two(machine), deliver_two(machine, "/root/other")
    before = machine.tree("/etc")
    usual = list(two.arguments())
    instead = {two.ecdsa.certificate: other.rsa.certificate, two.ecdsa.key: other.rsa.key}
    key = usual.index(two.ecdsa.key)
    cases = (
        ([instead.get(word, word) for word in usual], "is a second certificate with an RSA key"),
        (
            [*usual[: key - 1], *usual[key + 1 :]],
            "/root/two/ecdsa.crt:1: none of the private keys given belongs to the certificate",
        ),
    )
    for arguments, said in cases:
        done = machine.warm_letterlock(*arguments)
        assert done.status == 2
        assert said in done.complaints[-1] and len(done.complaints) == 1
        assert machine.tree("/etc") == before
