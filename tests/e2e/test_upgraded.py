"""Servers that an upgrade left with old names: on this machine's own, and on the first that does
not start with them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.ports import DOVECOT_PORTS, PORTS, assert_served, digest, seen_by_openssl
from tests.e2e.test_secure import CONFIGURATION, arguments
from tests.machine import PROGRAM, REPOSITORY, Machine, follow_guide

pytestmark = pytest.mark.machine

SSL = "/etc/dovecot/conf.d/10-ssl.conf"
OF_2_2 = "ssl_protocols = !SSLv2, !SSLv3 # as in 2015\nssl_dh_parameters_length = 2048\n"
TRIXIE = REPOSITORY / ".cache/lab/trixie"


def leave_old_names(machine: Machine) -> None:
    machine.write(SSL, machine.read(SSL) + OF_2_2.encode())


def test_secure_brings_a_dovecot_that_refuses_2_2s_names_to_todays(stock_machine: Machine) -> None:
    machine = stock_machine
    leave_old_names(machine)
    assert "Error:" in " ".join(machine.run("doveconf", "-n").complaints)
    machine.start("Postfix")
    delivery = machine.delivery()

    done = machine.warm_letterlock(*arguments(delivery, "--start", "--json", "-"))

    assert done.status == 0, done.complaints[-3:]
    assert machine.run("doveconf", "-n").complaints == ()
    assert b"ssl_protocols" not in machine.read(SSL)
    assert b"ssl_dh_parameters_length" not in machine.read(SSL)
    assert_served(machine, DOVECOT_PORTS, digest(machine, delivery.certificate), delivery.root)
    told = json.loads(done.text)
    assert any("refuses its present configuration" in line for line in told["plan"]["notices"])
    now = machine.tree(*CONFIGURATION)
    back = machine.warm_letterlock("rollback", "--yes")
    assert back.status == 4, "it would lead back to what Dovecot refuses"
    assert "Unrecognized protocol" in back.complaints[-1]
    assert machine.tree(*CONFIGURATION) == now


def test_modernize_renames_and_does_nothing_else(stock_machine: Machine) -> None:
    machine = stock_machine
    delivery = follow_guide(machine)
    machine.start()
    leave_old_names(machine)  # the upgrade, under a Dovecot that runs on
    before = {path: machine.read(path) for path in (SSL, "/etc/postfix/main.cf")}

    shown = machine.warm_letterlock("secure", "--modernize", "--dry-run")
    assert shown.status == 0, shown.complaints
    assert before[SSL] == machine.read(SSL)
    done = machine.warm_letterlock("secure", "--modernize", "--yes")

    assert done.status == 0, done.complaints
    assert machine.read(SSL) == before[SSL].replace(OF_2_2.encode(), b"")
    main = before["/etc/postfix/main.cf"].decode().splitlines()
    now = machine.read("/etc/postfix/main.cf").decode().splitlines()
    assert [line for line in main if line not in now] == ["smtpd_use_tls=yes"]
    assert [line for line in now if line not in main] == ["smtpd_tls_security_level=may"]
    assert machine.run("doveconf", "-n").complaints == ()
    leaf = digest(machine, delivery.certificate)
    for port in PORTS:
        assert seen_by_openssl(machine, port, delivery.root).leaf == leaf, port
    again = machine.warm_letterlock("secure", "--modernize", "--yes")
    assert "nothing to change" in again.text


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--postfix-version", "3.1.0"), "Postfix 3.1.0 could not be validated"),
        (("--dovecot-version", "2.2"), "Dovecot 2.2.0 could not be validated"),
    ],
)
def test_nothing_is_written_that_no_checker_can_see(
    stock_machine: Machine, more: tuple[str, ...], says: str
) -> None:
    machine = stock_machine
    follow_guide(machine)
    delivery = machine.delivery()
    before = machine.tree(*CONFIGURATION)
    done = machine.warm_letterlock(*arguments(delivery, *more))
    assert done.status == 4
    assert says in done.complaints[-1]
    assert machine.tree(*CONFIGURATION) == before
    dry = machine.warm_letterlock(*arguments(delivery, *more, "--dry-run"))
    assert dry.status == 0, dry.complaints
    assert "was read from its files alone" in dry.text


# --- Dovecot 2.4, in a private copy of Debian's next generation.

Secure = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def trixie(tmp_path: Path) -> tuple[Path, Secure]:
    """What is written over that root, and our program run on it."""
    if not TRIXIE.is_dir():
        pytest.skip("NOT PROVEN for Dovecot 2.4: no root of trixie in .cache/lab")
    upper, work, root = (tmp_path / name for name in ("upper", "work", "root"))
    for folder in (upper / "etc/dovecot", work, root):
        folder.mkdir(parents=True)
    mount = f"lowerdir={TRIXIE.resolve()},upperdir={upper},workdir={work}"

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        script = 'mount -t overlay none -o "$1" "$2" && shift 2 && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", mount, str(root), *argv],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
        )

    probe = run("true")
    if probe.returncode:
        pytest.skip(f"no private system here: {probe.stderr}")
    return upper, run


OF_2_3 = """ssl = yes
ssl_cert = </etc/dovecot/private/dovecot.pem
ssl_key = </etc/dovecot/private/dovecot.key # the key
ssl_prefer_server_ciphers = yes
disable_plaintext_auth = yes
verbose_ssl = yes
"""
HEAD = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nprotocols = imap pop3\n"


def test_dovecot_2_4_starts_again_with_2_3s_tls_names(trixie: tuple[Path, Secure]) -> None:
    upper, run = trixie
    file = upper / "etc/dovecot/dovecot.conf"
    file.write_text(HEAD + OF_2_3)
    root = str(upper.parent / "root")
    assert run("chroot", root, "doveconf", "-n").returncode != 0
    done = run(str(PROGRAM), "secure", "--modernize", "--root", root, "--yes")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == HEAD + (
        "ssl = yes\n"
        "ssl_server_cert_file = /etc/dovecot/private/dovecot.pem\n"
        "ssl_server_key_file = /etc/dovecot/private/dovecot.key # the key\n"
        "ssl_server_prefer_ciphers = server\n"
        "auth_allow_cleartext = no\n"
        "log_debug = category=ssl\n"
    )
    assert run("chroot", root, "doveconf", "-n").returncode == 0


def test_what_else_stops_dovecot_2_4_is_told_by_line(trixie: tuple[Path, Secure]) -> None:
    upper, run = trixie
    file = upper / "etc/dovecot/dovecot.conf"
    text = OF_2_3 + "mail_location = maildir:~/Maildir\nplugin {\n  quota = maildir\n}\n"
    file.write_text(text)
    root = str(upper.parent / "root")
    dry = run(str(PROGRAM), "secure", "--modernize", "--root", root, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "+ssl_server_cert_file = /etc/dovecot/private/dovecot.pem" in dry.stdout
    for told in (
        "dovecot.conf:1: the first",
        "dovecot.conf:7: mail_loc",
        "dovecot.conf:8: Unknown",
    ):
        assert told in dry.stdout
    assert "dovecot_storage_version must be set" in dry.stdout
    done = run(str(PROGRAM), "secure", "--modernize", "--root", root, "--yes")
    assert done.returncode == 2
    assert "dovecot.conf:1: the first setting must be dovecot_config_version" in done.stderr
    assert file.read_text() == text


def test_postfix_3_10_warns_no_more(trixie: tuple[Path, Secure]) -> None:
    upper, run = trixie
    root = str(upper.parent / "root")
    file = upper / "etc/postfix/main.cf"
    file.parent.mkdir()
    stock = (TRIXIE / "etc/postfix/main.cf").read_text()
    old = "smtpd_use_tls = yes\nsmtp_use_tls = yes\nsmtpd_tls_dh1024_param_file = /dh.pem\n"
    lines = (line for line in stock.splitlines(keepends=True) if "security_level" not in line)
    file.write_text("".join(lines) + old)
    assert "will be removed" in run("chroot", root, "postconf", "-n").stderr
    done = run(str(PROGRAM), "secure", "--modernize", "--root", root, "--yes")
    assert done.returncode == 0, done.stderr
    said = run("chroot", root, "postconf", "-n")
    assert said.stderr == ""
    assert "smtpd_tls_security_level = may" in said.stdout
    assert "smtp_tls_security_level = may" in said.stdout
