"""The main job on real servers: a CA's delivery in, seven proven ports out, or nothing changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from letterlock.cli.demo_ca import Delivery
from letterlock.servers.tools import Completed
from tests.e2e.ports import (
    DOVECOT_PORTS,
    PORTS,
    POSTFIX_PORTS,
    assert_served,
    digest,
    seen_by_openssl,
)
from tests.machine import HOSTNAME, Machine, follow_guide

CONFIGURATION = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
ALL = tuple(PORTS)


def arguments(delivery: Delivery, *more: str) -> tuple[str, ...]:
    return (
        "secure", HOSTNAME, "--cert", str(delivery.certificate), "--chain", str(delivery.bundle),
        "--key", str(delivery.key), "--ca-file", str(delivery.root), "--yes", *more,
    )  # fmt: skip


#: Where the rehearsal, held elsewhere with all kinds of configurations, shows nothing new.
_AT_ONCE = ("--no-rehearse",)


def secure(machine: Machine, delivery: Delivery, *more: str) -> str:
    return text_of(machine.warm_letterlock(*arguments(delivery, *more)))


def text_of(done: Completed) -> str:
    assert done.status == 0, (done.text, done.complaints)
    assert done.complaints == ()
    return done.text


def secure_json(machine: Machine, delivery: Delivery, *more: str) -> Any:
    return json.loads(secure(machine, delivery, *more, "--json", "-"))


@pytest.mark.parametrize("layout", ["separate", "combined"])
def test_stock(stock_machine: Machine, layout: str) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    before = machine.tree(*CONFIGURATION)

    # This one begins as it is installed; the others are as good from a warm interpreter.
    typed = arguments(delivery, "--sasl", "dovecot", "--cert-layout", layout)
    assert "secured. TLS on 7 ports, seen at 14 addresses and ports." in text_of(
        machine.letterlock(*typed)
    )
    assert_served(machine, ALL, digest(machine, delivery.certificate), delivery.root)
    key = machine.tree(f"/etc/ssl/letterlock/{HOSTNAME}/current/key.pem").popitem()[1]
    assert (key.mode, key.owner) == (0o600, (0, 0))
    combined = b"letterlock/mail.example.com/current/combined.pem"
    assert (combined in machine.read("/etc/postfix/main.cf")) == (layout == "combined")

    after = machine.tree(*CONFIGURATION)
    assert "nothing to change; TLS on 7 ports" in secure(
        machine, delivery, "--sasl", "dovecot", "--cert-layout", layout
    )
    assert machine.tree(*CONFIGURATION) == after, "a second secure is a no-op"

    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert machine.tree(*CONFIGURATION) == before, "byte for byte what it was"
    assert machine.listening() >= {25, 110, 143, 993, 995}
    assert not machine.listening() & {465, 587}


@pytest.mark.parametrize(("combined", "profile"), [(False, "old"), (True, "intermediate")])
def test_as_the_guide_leaves_it(stock_machine: Machine, combined: bool, profile: str) -> None:
    machine = stock_machine
    follow_guide(machine, combined=combined)
    machine.start()
    delivery = machine.delivery()
    layout = ("--cert-layout", "combined") if combined else ()

    secure(machine, delivery, "--profile", profile, *layout)

    assert_served(machine, ALL, digest(machine, delivery.certificate), delivery.root)
    master = machine.read("/etc/postfix/master.cf").decode()
    services = [line.split()[0] for line in master.splitlines() if " inet " in line[:30]]
    assert sorted(s for s in services if not s.startswith("#")) == ["smtp", "smtps", "submission"]
    assert "smtpd_use_tls" not in machine.read("/etc/postfix/main.cf").decode()


def test_the_guides_own_places(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    places = ("--cert-dir", "/etc/ssl/certs", "--key-dir", "/etc/ssl/private")
    secure(machine, delivery, *places, *_AT_ONCE)
    assert_served(machine, ALL, digest(machine, delivery.certificate), delivery.root)
    key = machine.tree(f"/etc/ssl/private/{HOSTNAME}.key").popitem()[1]
    assert (key.mode, key.owner) == (0o600, (0, 0))
    assert f"/etc/ssl/certs/{HOSTNAME}.pem".encode() in machine.read("/etc/postfix/main.cf")


def test_only_postfix(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine(without="Dovecot")
    machine.start()
    delivery = machine.delivery()
    said = secure(machine, delivery)
    assert "TLS on 3 ports" in said
    assert "nobody can log in on ports 465 and 587 yet" in said
    assert_served(machine, POSTFIX_PORTS, digest(machine, delivery.certificate), delivery.root)


def test_only_dovecot(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine(without="Postfix")
    machine.start()
    delivery = machine.delivery()
    assert "TLS on 4 ports" in secure(machine, delivery)
    assert_served(machine, DOVECOT_PORTS, digest(machine, delivery.certificate), delivery.root)


def test_a_stopped_server_is_rehearsed_written_and_stays_stopped(stock_machine: Machine) -> None:
    machine = stock_machine
    delivery = machine.delivery()
    said = secure_json(machine, delivery)
    assert said["rehearsal"]["state"] == "passed"
    assert said["rehearsal"]["ports"] == sorted(ALL)
    assert any("Postfix is stopped and stays so" in notice for notice in said["notices"])
    assert machine.listening() == set()

    assert "TLS on 7 ports" in secure(machine, delivery, "--start")
    assert_served(machine, ALL, digest(machine, delivery.certificate), delivery.root)


def test_one_of_two_stopped(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start("Postfix")
    delivery = machine.delivery()
    said = secure_json(machine, delivery)
    assert {endpoint["port"] for endpoint in said["endpoints"]} == set(POSTFIX_PORTS)
    assert not machine.listening() & set(DOVECOT_PORTS)


def test_a_renewed_certificate_is_really_served_and_paths_stay(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    first = machine.delivery()
    secure(machine, first, "--sasl", "dovecot", *_AT_ONCE)
    configuration = machine.tree("/etc/postfix", "/etc/dovecot")
    second = machine.delivery(folder="/root/renewal")
    assert digest(machine, first.certificate) != digest(machine, second.certificate)

    secure(machine, second, "--sasl", "dovecot")

    assert_served(machine, ALL, digest(machine, second.certificate), second.root)
    assert machine.tree("/etc/postfix", "/etc/dovecot") == configuration
    machine.warm_letterlock("rollback", "--yes")
    assert_served(machine, ALL, digest(machine, first.certificate), first.root)


def test_login_processes_that_live_on_serve_the_renewed_certificate_too(
    stock_machine: Machine,
) -> None:
    machine = stock_machine
    machine.write(
        "/etc/dovecot/conf.d/99-local.conf",
        "service imap-login {\n  service_count = 0\n  process_min_avail = 2\n}\n",
    )
    machine.start("Dovecot")
    first, second = machine.delivery(), machine.delivery(folder="/root/renewal")
    secure(machine, first, *_AT_ONCE)
    for _ in range(4):
        assert_served(machine, (143, 993), digest(machine, first.certificate), first.root)
    secure(machine, second, *_AT_ONCE)
    for _ in range(4):
        assert_served(machine, (143, 993), digest(machine, second.certificate), second.root)


def test_users_ports_hold_the_profile_and_port_25_stays_open_to_old_senders(
    stock_machine: Machine,
) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    secure(machine, delivery, "--sasl", "dovecot", "--profile", "modern", *_AT_ONCE)
    for port in PORTS:
        versions = {
            option: seen_by_openssl(machine, port, delivery.root, option).version
            for option in ("-tls1_2", "-tls1_3")
        }
        assert versions["-tls1_3"] == "TLSv1.3", port
        assert versions["-tls1_2"] == ("TLSv1.2" if port == 25 else ""), port


def test_weak_suites_are_gone_from_users_ports(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    secure(machine, delivery, "--sasl", "dovecot", *_AT_ONCE)
    for port in PORTS:
        cbc = seen_by_openssl(
            machine, port, delivery.root, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"
        )
        assert (cbc.version == "TLSv1.2") == (port == 25), port
        group = seen_by_openssl(machine, port, delivery.root, "-groups", "secp521r1")
        assert group.version == "", port


def test_require_tls_and_auth_only_inside_tls(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    secure(machine, machine.delivery(), "--sasl", "dovecot", "--require-tls", *_AT_ONCE)
    said = machine.run(
        "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/587; cat >&3; timeout 5 cat <&3",
        stdin=b"EHLO x\r\nMAIL FROM:<>\r\nQUIT\r\n",
    ).text  # fmt: skip
    assert "530 5.7.0 Must issue a STARTTLS command first" in said
    assert "AUTH" not in said
    # Dovecot takes a connection from the machine to itself for a secure one: only its word, then.
    assert machine.must("doveconf", "-h", "ssl").text.strip() == "required"


def test_options_of_the_guide(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    more = (
        "--sasl", "dovecot", "--min-protocol", "TLSv1.3", "--exclude-ciphers", "AES128,SEED",
        "--server-preference", "--wrapper-port", "2465", "--dh-size", "3072",
    )  # fmt: skip
    said = secure_json(machine, delivery, *more)
    assert {endpoint["port"] for endpoint in said["endpoints"]} == {*ALL, 2465}
    assert seen_by_openssl(machine, 2465, delivery.root).verdict == "0 (ok)"
    main = machine.read("/etc/postfix/main.cf").decode()
    assert "smtpd_tls_mandatory_protocols=>=TLSv1.3" in main.replace(" ", "")
    assert "tls_preempt_cipherlist = yes" in main
    assert b"DH PARAMETERS" in machine.read("/etc/ssl/letterlock/ffdhe3072.pem")
    assert seen_by_openssl(machine, 993, delivery.root, "-tls1_2").version == ""


def test_a_dry_run_shows_it_all_and_touches_nothing(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    before = machine.tree("/etc", "/var/lib")
    said = secure(machine, delivery, "--dry-run", "--sasl", "dovecot")
    assert machine.tree("/etc", "/var/lib") == before
    for expected in (
        "--- a/etc/postfix/main.cf",
        "+  -o smtpd_tls_wrappermode=yes",
        "key.pem: new",
        "postfix reload",
        "[RFC 8314 section 3.3, RFC 6409 section 3.1]",
        "Postfix and Dovecot reloaded",
    ):
        assert expected in said
    assert "PRIVATE KEY" not in said


def test_ipv6_is_served_too(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    secure(machine, delivery, *_AT_ONCE)
    leaf = digest(machine, delivery.certificate)
    for port in PORTS:
        assert seen_by_openssl(machine, port, delivery.root, address="::1").leaf == leaf, port


def test_wrong_in_the_rehearsal_means_nothing_changed(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    delivery = machine.delivery()
    machine.write(
        "/etc/postfix/main.cf",
        machine.read("/etc/postfix/main.cf") + b"smtpd_tls_CAfile = /nonexistent\n",
    )
    machine.must("postfix", "reload")
    before = machine.tree(*CONFIGURATION)
    done = machine.warm_letterlock(*arguments(delivery))
    assert done.status == 4
    assert "letterlock: the rehearsal failed: " in done.complaints[-1]
    assert any("/nonexistent" in line for line in done.complaints), "Postfix's own reason is shown"
    assert machine.tree(*CONFIGURATION) == before


def test_wrong_on_the_wire_means_rolled_back_and_the_old_state_served(
    stock_machine: Machine,
) -> None:
    machine = stock_machine
    machine.start()
    first = machine.delivery()
    secure(machine, first, "--sasl", "dovecot", *_AT_ONCE)
    machine.write(
        "/etc/postfix/main.cf",
        machine.read("/etc/postfix/main.cf") + b"smtpd_tls_CAfile = /nonexistent\n",
    )
    before = machine.tree(*CONFIGURATION)
    second = machine.delivery(folder="/root/renewal")
    done = machine.warm_letterlock(*arguments(second, "--no-rehearse"))
    assert done.status == 4
    assert "rolled back" in done.complaints[-1]
    assert machine.tree(*CONFIGURATION) == before
    assert_served(machine, DOVECOT_PORTS, digest(machine, first.certificate), first.root)
    listed = machine.warm_letterlock("history").text.splitlines()
    assert "rolled back" in listed[-1]


def test_a_laboratorys_own_root_and_a_self_signed_certificate(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start("Dovecot")
    delivery = machine.delivery()
    trusting = arguments(delivery)
    at = trusting.index("--ca-file")
    without = (*trusting[:at], *trusting[at + 2 :])
    refused = machine.warm_letterlock(*without)
    assert refused.status == 2
    assert machine.warm_letterlock(*without, "--allow-self-signed", *_AT_ONCE).status == 0

    machine.must(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", f"/CN={HOSTNAME}", "-addext", f"subjectAltName=DNS:{HOSTNAME}", "-days", "9",
        "-keyout", "/root/own.key", "-out", "/root/own.crt",
    )  # fmt: skip
    own = ("secure", HOSTNAME, "--cert", "/root/own.crt", "--key", "/root/own.key", "--yes")
    assert "SELF" in machine.warm_letterlock(*own).complaints[-1].upper()
    assert machine.warm_letterlock(*own, "--allow-self-signed", *_AT_ONCE).status == 0
