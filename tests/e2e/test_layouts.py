"""Layouts that are not the stock one: secured, proven on the wire, and byte for byte back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.e2e.test_secure import arguments, secure, secure_json
from tests.machine import HOSTNAME, Machine

SECOND = "/etc/postfix-in"


def _second_instance(machine: Machine) -> None:
    """An MX instance on an address of its own, as MULTI_INSTANCE_README makes one."""
    machine.must("ip", "address", "add", "127.0.0.2/8", "dev", "lo")
    machine.must("postconf", "-e", "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4")
    machine.must("postconf", "-e", "multi_instance_enable = yes", "multi_instance_name = -")
    wrapper = "multi_instance_wrapper = ${command_directory}/postmulti -p --"
    machine.must("postconf", "-e", f"multi_instance_directories = {SECOND}", wrapper)
    state = "/var/lib/postfix-in"

    def make() -> None:
        for folder in (SECOND, state, f"{state}/queue", f"{state}/data"):
            Path(folder).mkdir()
        shutil.chown(f"{state}/data", "postfix")
        shutil.copy("/etc/postfix/master.cf", SECOND)

    machine.call(make)
    machine.write(
        f"{SECOND}/main.cf",
        f"""compatibility_level = 3.6
multi_instance_enable = yes
multi_instance_name = postfix-in
queue_directory = {state}/queue
data_directory = {state}/data
inet_interfaces = 127.0.0.2
inet_protocols = ipv4
myhostname = mx.example.com
smtpd_tls_security_level = none
""",
    )
    machine.must("postfix", "-c", SECOND, "check")


def _served(machine: Machine, address: str, port: int) -> bytes:
    """SHA-256 of what is served there, by openssl."""
    upgrade = () if port == 465 else ("-starttls", "smtp")
    shown = machine.run(
        "openssl", "s_client", "-connect", f"{address}:{port}", "-servername", HOSTNAME, *upgrade,
        stdin=b"",
    )  # fmt: skip
    return machine.run(
        "openssl", "x509", "-noout", "-fingerprint", "-sha256", stdin=shown.stdout
    ).stdout


def test_every_enabled_instance_of_postfix(stock_machine: Machine) -> None:
    machine = stock_machine
    _second_instance(machine)
    machine.start()  # `postfix start` without -c starts the other along
    delivery = machine.delivery()
    before = machine.tree("/etc/postfix", SECOND)

    told = secure_json(machine, delivery, "--sasl", "dovecot")

    seen = {(each["address"], each["port"]) for each in told["endpoints"]}
    assert {("127.0.0.1", 25), ("127.0.0.1", 587), ("127.0.0.1", 465), ("127.0.0.2", 25)} <= seen
    assert ("127.0.0.2", 587) not in seen, "a further instance opens no port"
    assert _served(machine, "127.0.0.2", 25) == _served(machine, "127.0.0.1", 465) != b""
    assert "nothing to change" in secure(machine, delivery, "--sasl", "dovecot")

    done = machine.warm_letterlock("rollback", "--yes")
    assert done.status == 0, done.complaints
    assert machine.tree("/etc/postfix", SECOND) == before

    secure(machine, delivery, "--instance", "postfix-in")
    assert machine.read("/etc/postfix/main.cf") == before["/etc/postfix/main.cf"].contents
    assert _served(machine, "127.0.0.2", 25) != _served(machine, "127.0.0.1", 25)
    wrong = machine.warm_letterlock(*arguments(delivery, "--instance", "nowhere"))
    assert wrong.status == 2
    assert "no enabled Postfix instance is called 'nowhere'" in wrong.complaints[0]


_GROWN_MASTER = """
submission inet n       -       y       -       -       smtpd
  -o { smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem }
  -o smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
"""
_ONE_FILE = """# 2.3.19 (9b53102964): /etc/dovecot/dovecot.conf
mail_location = mbox:~/mail:INBOX=/var/mail/%u
passdb {
  driver = pam
}
protocols = imap pop3
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
userdb {
  driver = passwd
}
!include_try nothing/*.conf
!include tls/first.inc
"""
_SNAKEOIL = """ssl_cert = </etc/ssl/certs/ssl-cert-snakeoil.pem
ssl_key = </etc/ssl/private/ssl-cert-snakeoil.key
"""


def _grow(machine: Machine) -> None:
    """A symlinked /etc/postfix, TLS through `$name` and -o, a chroot, Dovecot in one file with
    nested includes, attributes on the files, and all of /etc in git."""

    def move() -> None:
        Path("/etc/mail").mkdir()
        shutil.move("/etc/postfix", "/etc/mail/postfix")
        Path("/etc/postfix").symlink_to("mail/postfix")
        shutil.rmtree("/etc/dovecot/conf.d")
        Path("/etc/dovecot/tls").mkdir()

    machine.call(move)
    main = machine.read("/etc/postfix/main.cf").decode()
    snakeoil = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
    main = main.replace(f"smtpd_tls_cert_file={snakeoil}", "smtpd_tls_cert_file = $mycert")
    assert "$mycert" in main
    main += f"mycert = {snakeoil}\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"
    machine.write("/etc/postfix/main.cf", main)
    master = machine.read("/etc/postfix/master.cf").decode()
    machine.write("/etc/postfix/master.cf", master + _GROWN_MASTER.lstrip())
    machine.write("/etc/dovecot/dovecot.conf", _ONE_FILE)
    machine.write("/etc/dovecot/tls/first.inc", "!include second.inc\nssl = yes\n")
    machine.write("/etc/dovecot/tls/second.inc", _SNAKEOIL)
    machine.call(lambda: os.setxattr("/etc/postfix/main.cf", "user.comment", b"kept"))
    machine.must(
        "sh", "-c",
        "cd /etc && git init -q && git config user.email r@example.com && git config user.name r "
        "&& git add -A && git commit -qm all",
    )  # fmt: skip


def test_a_grown_server_in_git(stock_machine: Machine) -> None:
    machine = stock_machine
    _grow(machine)
    machine.start()
    delivery = machine.delivery()
    before = machine.tree("/etc/mail", "/etc/postfix", "/etc/dovecot")

    told = secure_json(machine, delivery)

    seen = {each["port"] for each in told["endpoints"]}
    assert seen == {25, 110, 143, 465, 587, 993, 995}
    status = machine.must("git", "-C", "/etc", "status", "--porcelain", "-uall").text
    assert sorted(line.removeprefix(" M ") for line in status.splitlines()) == [
        "dovecot/tls/first.inc", "dovecot/tls/second.inc",
        "mail/postfix/main.cf", "mail/postfix/master.cf",
    ]  # fmt: skip
    after = machine.tree("/etc/mail", "/etc/postfix", "/etc/dovecot")
    assert after["/etc/postfix"] == before["/etc/postfix"], "still a link"
    assert ("user.comment", b"kept") in after["/etc/mail/postfix/main.cf"].attributes
    assert b"ssl-cert-snakeoil" not in after["/etc/mail/postfix/master.cf"].contents
    assert "nothing to change" in secure(machine, delivery)

    done = machine.warm_letterlock("rollback", "--yes")
    assert done.status == 0, done.complaints
    assert machine.tree("/etc/mail", "/etc/postfix", "/etc/dovecot") == before
    assert machine.must("git", "-C", "/etc", "status", "--porcelain", "-uall").text == ""
