"""A folder of certificates as certbot keeps it, served name by name and taken out again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.certs.authority import Issued
from tests.conftest import MakeMachine
from tests.e2e.ports import seen_by_openssl
from tests.machine import Machine
from tests.names.many import Host

CONFIGURATION = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
MAP = "/etc/postfix/letterlock_sni"
BLOCKS = "/etc/dovecot/letterlock-names.conf"


def leaf_of(issued: Issued) -> str:
    return hashlib.sha256(issued.der).hexdigest()


def served(machine: Machine, host: Host, port: int, name: str) -> str:
    return seen_by_openssl(machine, port, host.root, name=name).leaf


def test_a_folder_of_certificates_comes_and_goes(make_machine: MakeMachine, tmp_path: Path) -> None:
    machine = make_machine()
    machine.start()
    host = Host(tmp_path / "host")
    count = 18
    issued = {f"mail.d{n}.example": host.issue(f"mail.d{n}.example") for n in range(count)}
    star = host.issue("*.example.net", "example.net")
    issued["b.example.net"] = host.issue("b.example.net")
    before = machine.tree(*CONFIGURATION)
    result = tmp_path / "result.json"
    command = (
        "names", str(host.live), "--ca-file", str(host.root), "--yes", "--json", str(result),
    )  # fmt: skip

    done = machine.warm_letterlock(*command)
    assert done.status == 0, (done.text, done.complaints)
    assert "21 names: served; 21 seen at" in done.text
    told = json.loads(result.read_text())
    assert (told["verb"], told["rehearsed"], told["changed"]) == ("names", True, True)
    many = {e["name"] for e in told["plan"]["expectations"]}
    assert many == {*issued, "example.net", "any-name.example.net"}
    for port in (25, 143, 993):
        assert served(machine, host, port, "mail.d17.example") == leaf_of(
            issued["mail.d17.example"]
        )
        assert served(machine, host, port, "b.example.net") == leaf_of(issued["b.example.net"])
        assert served(machine, host, port, "c.example.net") == leaf_of(star)
    assert "PRIVATE" not in result.read_text()
    for path in (MAP + ".db", "/etc/ssl/letterlock/mail.d0.example/current/key.pem"):
        assert machine.tree(path)[path].mode == 0o600

    again = machine.warm_letterlock(*command)
    assert "21 names: nothing to change; 21 seen" in again.text, again.complaints

    with_names = machine.tree(*CONFIGURATION)
    gone = machine.warm_letterlock("remove", "mail.d17.example", "*.example.net", "--yes")
    assert gone.status == 0, (gone.text, gone.complaints)
    assert "/etc/ssl/letterlock/example.net stays: another name" in gone.text
    left = machine.tree("/etc")
    assert not any("mail.d17.example" in path for path in left)
    for path in (MAP, BLOCKS):
        assert b"mail.d17.example" not in left[path].contents
        assert b"mail.d16.example" in left[path].contents
    for port in (25, 993):
        assert served(machine, host, port, "mail.d17.example") != leaf_of(
            issued["mail.d17.example"]
        )
        assert served(machine, host, port, "b.example.net") == leaf_of(issued["b.example.net"])

    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert machine.tree(*CONFIGURATION) == with_names
    assert served(machine, host, 25, "c.example.net") == leaf_of(star)
    assert served(machine, host, 993, "c.example.net") == leaf_of(star)
    assert machine.warm_letterlock("rollback", "--yes").status == 0
    assert machine.tree(*CONFIGURATION) == before


def test_wrong_input_changes_nothing(make_machine: MakeMachine, tmp_path: Path) -> None:
    machine = make_machine()
    host = Host(tmp_path / "host")
    host.issue("a.example")
    host.issue("old.example", days=-1)
    folder = host.live / "a.example"
    before = machine.tree("/etc", "/var/lib/letterlock")

    def said(*arguments: str) -> tuple[int, str]:
        done = machine.warm_letterlock(*arguments, "--yes")
        return done.status, done.complaints[-1]

    trusting = ("--ca-file", str(host.root))
    table = tmp_path / "table"
    for text, expected in (
        ("# nothing\n", "names no certificate; it should have lines such as"),
        ("a.example\n", f"{table}:1: has 1 columns; write: NAME[,NAME…] CERTIFICATE [KEY]"),
        ("\nb..c x y\n", f"{table}:2: 'b..c' is not a host name"),
        (f"b.example {folder}/fullchain.pem {folder}/privkey.pem\n",
         f"{table}:1: the certificate does not speak for b.example, but for a.example"),
        (f"a.example {folder}/fullchain.pem\n", "no private key was given"),
    ):  # fmt: skip
        table.write_text(text)
        status, line = said("names", str(table), *trusting)
        assert (status, expected in line) == (2, True), line
    status, line = said("names", str(host.live), *trusting)
    assert status == 2
    assert "1 of 2 certificates must not be installed" in line
    assert "--skip-refused" in line
    assert said("remove", "x.example")[0] == 2
    assert machine.tree("/etc", "/var/lib/letterlock") == before

    done = machine.warm_letterlock(
        "names", str(host.live), *trusting, "--skip-refused", "--dry-run"
    )
    assert done.status == 0
    assert "note: left out: " in done.text
    assert "local_name a.example {" in done.text
    assert machine.tree("/etc", "/var/lib/letterlock") == before
