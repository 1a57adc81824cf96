"""Stale certificates found and mended on real servers that letterlock never set up."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from letterlock.certs.trust import TrustStore
from letterlock.report.status_json import members
from letterlock.report.status_schema import SCHEMA
from letterlock.report.status_words import StatusResult
from letterlock.status.run import status as take_status
from tests.e2e.ports import PORTS, seen_by_openssl
from tests.machine import HOSTNAME, PROGRAM, Machine
from tests.report.test_json_schema import strict
from tests.status.renewal import KEYS, OTHER, ROOT, put, set_up_by_hand

ALL = set(PORTS)
#: What is printed is all in the schema, and the other way round.
STRICT = strict(deepcopy(SCHEMA))
POSTFIX = {25, 465, 587}


def status(machine: Machine) -> Any:
    """The JSON document, by the function behind the verb: its start-up is spared."""
    taken = machine.call(lambda: take_status(Path("/"), TrustStore.from_file(ROOT)))
    told = members(StatusResult(taken.facts, taken.findings, taken.determined))
    jsonschema.validate(told, STRICT)
    return told


def stale(told: Any, name: str | None = None, key_type: str | None = None) -> set[int]:
    """The ports that serve something else than the disk holds, to clients of one kind."""
    return {
        each["port"]
        for each in told["served"]
        if each["stale"] is True and (each["name"], each["key_type"]) == (name, key_type)
    }


def ids(told: Any) -> set[str]:
    return {each["id"] for each in told["findings"]}


def greet_all(machine: Machine) -> None:
    """Let a process of each of Postfix's services read its certificate and stay."""
    for port in sorted(POSTFIX):
        assert "BEGIN CERTIFICATE" in machine.s_client(port, PORTS[port]).text, port


def sending_client() -> ssl.SSLSocket:
    """A mail client on port 465, greeted inside TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", 465), timeout=30)
    connection = context.wrap_socket(plain, server_hostname=HOSTNAME)
    assert connection.recv(512).startswith(b"220")
    return connection


def reloads(machine: Machine) -> int:
    """How often either server was reloaded: their logs tell it."""
    return sum("reload" in line or "SIGHUP" in line for line in machine.log())


def test_a_renewal_that_nobody_told(stock_machine: Machine) -> None:
    machine = stock_machine
    authority = set_up_by_hand(machine)
    machine.start()
    greet_all(machine)

    files = machine.tree("/etc", "/var/lib")
    done = machine.warm_letterlock("status", "--ca-file", ROOT, "--json", "-")
    assert done.status == 0, (done.text, done.complaints)
    told = json.loads(done.text)
    jsonschema.validate(told, STRICT)
    assert told["findings"] == [] and told["determined"]
    assert machine.tree("/etc", "/var/lib") == files, "looking leaves nothing behind"
    seen = {(each["port"], each["name"], each["key_type"]) for each in told["served"]}
    assert seen == {(port, None, kind) for port in ALL for kind in ("RSA", "ECDSA")} | {
        (port, OTHER, None) for port in ALL
    }
    before = reloads(machine)
    nothing = machine.warm_letterlock("fix", "--yes", "--ca-file", ROOT)
    assert (nothing.status, nothing.text) == (0, "Nothing is stale or pending: nothing to do.\n")
    assert reloads(machine) == before, "no reload where nothing is stale"

    put(machine, authority, "ecdsa")
    told = status(machine)
    assert (stale(told, key_type="ECDSA"), stale(told, key_type="RSA")) == (ALL, set())
    assert ids(told) == {"certificate-stale"}

    put(machine, authority, "rsa", "other")
    told = status(machine)
    assert stale(told, key_type="RSA") == stale(told, key_type="ECDSA") == ALL
    assert stale(told, name=OTHER) == ALL - POSTFIX, "Dovecot's local_name"
    assert ids(told) == {"certificate-stale", "sni-map-stale"}, "Postfix's map holds the old PEM"
    assert told["sni_maps"][0]["stale"][0].startswith(f"{OTHER}: the map holds the certificate")
    plugin = machine.warm_letterlock("status", "--nagios", "--ca-file", ROOT)
    assert plugin.status == 2
    assert plugin.text.startswith("LETTERLOCK CRITICAL - ")
    assert "certificate-stale (ports 25, 110, 143, 465, 587, 993, 995)" in plugin.text

    sender = machine.call(sending_client)
    done = machine.warm_letterlock("fix", "--yes", "--ca-file", ROOT)
    assert done.status == 0, (done.text, done.complaints)
    with sender:
        sender.sendall(b"NOOP\r\n")
        assert sender.recv(512).startswith(b"250"), "a message under way is not cut off"
    assert "✓ what is served is what is on disk" in done.text
    told = status(machine)
    assert told["findings"] == []
    for port in sorted(ALL):
        assert seen_by_openssl(machine, port, Path(ROOT)).verdict == "0 (ok)", port
    built = machine.tree("/etc/postfix/sni.db")["/etc/postfix/sni.db"]
    assert (built.mode, built.owner) == (0o600, (0, 0))
    leftovers = [name for name in machine.tree("/etc/postfix") if ".letterlock" in name]
    assert leftovers == []

    run = machine.warm_letterlock("rollback", "--yes")
    assert run.status == 0, run.complaints
    assert "sni-map-stale" in ids(status(machine)), "the old map is back"


def test_each_process_behind_a_port_is_seen(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine("Dovecot")
    authority = set_up_by_hand(machine)
    machine.start()

    def greeted() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", 25), timeout=30)
        assert connection.recv(512).startswith(b"220")
        return connection

    old = machine.call(greeted)  # its process has read the certificate, and is kept busy
    put(machine, authority, "rsa")
    new = machine.call(greeted)  # so that this is another one, with the new certificate
    for connection in (old, new):
        connection.close()

    told = status(machine)
    served = [each for each in told["served"] if (each["port"], each["key_type"]) == (25, "RSA")]
    leaves = {chain[0]["sha256"] for each in served for chain in each["chains"]}
    assert len(leaves) == 2, "the idle old process and the new one"
    assert any(each["stale"] for each in served)
    assert ids(told) == {"certificate-stale"}
    assert machine.warm_letterlock("fix", "--yes").status == 0
    assert status(machine)["findings"] == []


def test_what_cannot_be_used(stock_machine: Machine) -> None:
    machine = stock_machine
    authority = set_up_by_hand(machine)
    assert machine.warm_letterlock("status", "--ca-file", ROOT).status == 3
    told = status(machine)
    assert [each["running"] for each in told["servers"]] == [False, False]
    assert all("not running" in each["stale"]["unknown"] for each in told["served"])
    assert {each["key_matches"] for each in told["certificates"]} == {True}

    machine.start()
    greet_all(machine)
    _, key = authority.pair("rsa2048", HOSTNAME)
    machine.write(f"{KEYS}/rsa.key", key, 0o644)
    put(machine, authority, "ecdsa")
    machine.call(lambda: Path(KEYS).chmod(0o755))
    machine.call(lambda: Path(f"{KEYS}/other.pem").unlink())
    told = status(machine)
    assert ids(told) >= {
        "key-mismatch", "certificate-file-unusable", "key-readable-by-others", "certificate-stale",
    }  # fmt: skip
    unusable = [each for each in told["findings"] if each["id"] == "certificate-file-unusable"]
    assert [each["evidence"] for each in unusable] == [
        "/etc/dovecot/conf.d/99-hand.conf:7: ssl_cert (local_name other.example.net): "
        f"{KEYS}/other.pem: no such file"
    ]
    before = reloads(machine)
    done = machine.warm_letterlock("fix", "--yes")
    assert done.status == 1, (done.text, done.complaints)
    assert "left alone    Postfix is not reloaded: " in done.text
    assert "left alone    Dovecot is not reloaded: " in done.text
    assert reloads(machine) == before, "what runs is better than what it would read"
    key_file = machine.tree(f"{KEYS}/rsa.key")[f"{KEYS}/rsa.key"]
    assert key_file.mode == 0o640, "what others may not do needs no server"
    assert "BEGIN CERTIFICATE" in machine.s_client(993).text


def test_wrong_inputs(stock_machine: Machine) -> None:
    machine = stock_machine
    program = machine.warm_letterlock("status", "--name", "no name", "--nagios")
    assert program.status == 3
    assert program.text.startswith("LETTERLOCK UNKNOWN - "), program.text
    for arguments in (
        ("status", "--ca-file", "/nowhere.pem"),
        ("status", "--json", "-", "--nagios"),
        ("fix", "--root", "/nowhere"),
        ("status", "--json", "/nowhere/x.json"),
    ):
        done = machine.warm_letterlock(*arguments)
        assert done.status == 2, arguments
        assert len(done.complaints) == 1, done.complaints
    for verb in ("status", "fix"):
        done = machine.run(
            "setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=-all",
            str(PROGRAM), verb,
        )  # fmt: skip
        assert done.status == 2
        assert "run as root" in done.complaints[0]


def test_nobody_is_there_to_ask(stock_machine: Machine) -> None:
    machine = stock_machine
    authority = set_up_by_hand(machine)
    machine.start("Dovecot")
    put(machine, authority, "rsa")
    dry = machine.warm_letterlock("fix", "--dry-run")
    assert (dry.status, dry.text.splitlines()[0]) == (
        0,
        "reload        Dovecot  (stale on 110, 143, 993, 995)",
    )
    done = machine.warm_letterlock("fix")
    assert done.status == 2
    assert "add --yes" in done.complaints[0]
    assert stale(status(machine), key_type="RSA") == ALL - POSTFIX, "neither did anything"


@pytest.mark.parametrize("verb", ["status", "fix"])
def test_without_a_server(verb: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, verb, "--root", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "neither Postfix nor Dovecot is installed" in done.stderr
