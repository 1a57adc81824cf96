"""A certificate's renewals on real servers, with a real CA and the clients people have."""

from __future__ import annotations

import imaplib
import json
import smtplib
import ssl
from typing import Any

import pytest

from letterlock.install.state import StateFolder
from letterlock.renew.pending import UNDER_WAY, Pending, pending
from tests.acme import (
    CERTBOT,
    DIRECTORY,
    ISSUE,
    LIVE,
    MISSING,
    Pebble,
    certbot,
    eventually,
    leaf,
)
from tests.e2e.ports import PORTS, seen_by_openssl
from tests.machine import HOSTNAME, PROGRAM, Machine

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

FULLCHAIN, KEY = LIVE / "fullchain.pem", LIVE / "privkey.pem"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/letterlock"
#: One user whom nobody can log in as from outside this machine.
USERS = """
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/var/mail/someone
}
mail_location = maildir:~/Maildir
"""


def serves(machine: Machine, wanted: str, pebble: Pebble, ports: Any = PORTS) -> None:
    """Every port serves that leaf with its intermediate, and OpenSSL accepts the chain."""
    for port in ports:
        seen = seen_by_openssl(machine, port, pebble.root)
        assert (seen.leaf, seen.certificates, seen.verdict) == (wanted, 2, "0 (ok)"), port


def waiting(machine: Machine) -> tuple[Pending, ...]:
    return machine.call(lambda: pending(StateFolder()))


def reloads(machine: Machine) -> int:
    """How often a server was told to read its configuration again, by its own log."""
    lines = machine.log()
    return sum("reload -- version" in line or "SIGHUP" in line for line in lines)


def renew(machine: Machine, *more: str) -> str:
    """A new certificate from Pebble; certbot ends well whatever its hooks do."""
    before = leaf(machine, FULLCHAIN)
    done = certbot(machine, "renew", "--force-renewal", *more)
    assert done.status == 0, (done.text, done.complaints)
    now = leaf(machine, FULLCHAIN)
    assert now != before
    return now


class Clients:
    """An IMAP and an SMTP client with open sessions."""

    def __init__(self, machine: Machine) -> None:
        self.imap, self.smtp = machine.call(self._connect)
        self.imap.login("someone", "secret")
        self.imap.select()
        self.smtp.starttls(context=_trusting())
        self.smtp.ehlo("client.example")

    @staticmethod
    def _connect() -> tuple[imaplib.IMAP4_SSL, smtplib.SMTP]:
        imap = imaplib.IMAP4_SSL("127.0.0.1", ssl_context=_trusting(), timeout=60)
        return imap, smtplib.SMTP("127.0.0.1", timeout=60)

    def work(self) -> None:
        """Both sessions go on, inside the TLS they had."""
        assert self.imap.noop()[0] == "OK"
        assert self.imap.status("INBOX", "(MESSAGES)")[0] == "OK"
        assert self.smtp.noop()[0] == 250
        assert self.smtp.mail("someone@client.example")[0] == 250
        assert self.smtp.rcpt(f"root@{HOSTNAME}")[0] == 250
        assert self.smtp.rset()[0] == 250

    def close(self) -> None:
        self.imap.logout()
        self.smtp.quit()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def issued(machine: Machine) -> Pebble:
    """A machine that runs, and whose certificate certbot got and letterlock installed."""
    machine.write("/etc/dovecot/conf.d/99-users.conf", USERS)
    machine.must("install", "-d", "-o", "5000", "-g", "5000", "/var/mail/someone")
    machine.start()
    pebble = Pebble(machine)
    done = certbot(machine, "certonly", *ISSUE)
    assert done.status == 0, (done.text, done.complaints, pebble.log()[-2000:])
    done = machine.warm_letterlock(
        "secure", HOSTNAME, "--cert", str(FULLCHAIN), "--key", str(KEY), "--sasl", "dovecot", "-y"
    )
    assert done.status == 0, done.complaints
    return pebble


def test_the_whole_story(stock_machine: Machine) -> None:
    machine = stock_machine
    # Without Dovecot its submission services die, and master(8) would let each rest for a minute.
    main = "/etc/postfix/main.cf"
    machine.write(main, machine.read(main) + b"service_throttle_time = 1s\n")
    pebble = issued(machine)
    first = leaf(machine, FULLCHAIN)
    serves(machine, first, pebble)

    _without_a_hook_the_old_one_stays(machine, pebble, first)
    second = _the_hook_serves_the_new_one_and_drops_nobody(machine, pebble)
    _a_second_call_reloads_nothing(machine)
    third = _killed_in_the_middle(machine, pebble, second)
    _with_dovecot_stopped(machine, pebble, third)


def _without_a_hook_the_old_one_stays(machine: Machine, pebble: Pebble, first: str) -> None:
    renew(machine)
    serves(machine, first, pebble)


def _the_hook_serves_the_new_one_and_drops_nobody(machine: Machine, pebble: Pebble) -> str:
    for expected in ("written", "there already"):
        done = machine.warm_letterlock("hook", "install", "certbot")
        assert (done.status, f"{HOOK}: {expected}" in done.text) == (0, True), done.complaints
    clients = Clients(machine)
    clients.work()
    before = reloads(machine)
    hangups = sum("SIGHUP" in line for line in machine.log())

    now = renew(machine)

    serves(machine, now, pebble)
    assert reloads(machine) > before, "the count of reloads means something"
    clients.work()
    clients.close()
    assert sum("SIGHUP" in line for line in machine.log()) == hangups, "that ends sessions"
    assert waiting(machine) == ()
    assert "deploy mail.example.com" in machine.warm_letterlock("history").text
    return now


def _a_second_call_reloads_nothing(machine: Machine) -> None:
    before = (reloads(machine), machine.warm_letterlock("history").text)
    done = machine.warm_letterlock("deploy", "--json", "-", RENEWED_LINEAGE=str(LIVE))
    assert done.status == 0, done.complaints
    (told,) = json.loads(done.text)["deployments"]
    assert (told["result"], told["changed"], told["key_changed"]) == ("in-service", False, None)
    assert len(told["endpoints"]) == 14
    assert (reloads(machine), machine.warm_letterlock("history").text) == before


def _killed_in_the_middle(machine: Machine, pebble: Pebble, served: str) -> str:
    """Killed right after the switch to the new version, before any server knows of it."""
    plain = machine.read(HOOK).decode()
    call = f"{PROGRAM} deploy --from certbot"
    assert call in plain
    traced = f"strace -o /root/trace -s 200 -e trace=rename,fsync {call}"
    machine.write(HOOK, plain.replace(call, traced), 0o755)
    served = renew(machine)
    serves(machine, served, pebble, (25, 993))
    calls = machine.read("/root/trace").decode().splitlines()
    (switch,) = (n for n, line in enumerate(calls) if "rename" in line and "/current" in line)
    syncs = sum(line.startswith("fsync") for line in calls[:switch])

    inject = f"-e inject=fsync:signal=KILL:when={syncs + 1}"
    machine.write(HOOK, plain.replace(call, traced.replace("-e", f"{inject} -e", 1)), 0o755)
    current = f"/etc/ssl/letterlock/{HOSTNAME}/current/fullchain.pem"
    now = renew(machine)
    assert "killed by SIGKILL" in machine.read("/root/trace").decode()
    assert leaf(machine, current) == now, "it was struck after the switch"
    serves(machine, served, pebble)
    (one,) = waiting(machine)
    assert (one.client, one.subject, one.reason, one.copied) == (
        "certbot", HOSTNAME, UNDER_WAY, True,
    )  # fmt: skip
    assert one.certificate and one.certificate.sha256 == now
    _keys_are_private(machine)

    machine.write(HOOK, plain, 0o755)
    _retried(machine, pebble, now, "was cut short: the old state is back")
    return now


def _with_dovecot_stopped(machine: Machine, pebble: Pebble, served: str) -> None:
    """Without Dovecot nobody answers AUTH on the submission ports, so they die inside TLS: as
    they did before, but that is no state to call a deployment done in."""
    machine.stop("Dovecot")
    now = renew(machine)
    serves(machine, served, pebble, (25,))
    (one,) = waiting(machine)
    assert "587" in one.reason or "465" in one.reason, one.reason

    machine.start("Dovecot")
    _retried(machine, pebble, now)


def _retried(machine: Machine, pebble: Pebble, now: str, said: str = "") -> None:
    done = machine.warm_letterlock("deploy", "--pending")
    assert done.status == 0, done.complaints
    assert said in "\n".join(done.complaints)
    serves(machine, now, pebble)
    assert waiting(machine) == ()
    left = [path for path in machine.tree("/var/lib/letterlock/pending") if path.endswith(".pem")]
    assert left == [], "no key lies about"


def _keys_are_private(machine: Machine) -> None:
    for path, entry in machine.tree("/etc/ssl/letterlock", "/var/lib/letterlock").items():
        if b"PRIVATE KEY" in entry.contents:
            assert entry.mode & 0o077 == 0, path


def test_certbots_installer(stock_machine: Machine) -> None:
    """run, renew, install again, rollback; killed in the middle and recovered."""
    machine = stock_machine
    machine.start()
    pebble = Pebble(machine)
    before = machine.tree("/etc/postfix", "/etc/dovecot")
    plugin = ("--installer", "letterlock", "--letterlock-sasl", "dovecot")

    done = certbot(machine, "run", *ISSUE, *plugin)
    assert done.status == 0, (done.text, done.complaints)
    assert "in service, seen on 7 ports" in done.text
    first = leaf(machine, FULLCHAIN)
    serves(machine, first, pebble)

    second = renew(machine)
    serves(machine, second, pebble)
    assert waiting(machine) == ()
    count = reloads(machine)
    done = certbot(machine, "install", "--cert-name", HOSTNAME, *plugin)
    assert (done.status, reloads(machine)) == (0, count), done.complaints

    killed = machine.run(
        "env", f"REQUESTS_CA_BUNDLE={'/etc/ssl/certs/ca-certificates.crt'}",
        "strace", "-o", "/root/trace", "-e", "trace=linkat", "-e",
        "inject=linkat:signal=KILL:when=2", str(CERTBOT), "renew", "--force-renewal",
        "--no-random-sleep-on-renew", "--non-interactive", "--server", DIRECTORY, timeout=240,
    )  # fmt: skip
    assert killed.status != 0
    assert "killed by SIGKILL" in machine.read("/root/trace").decode()
    serves(machine, second, pebble, (25, 993))
    (one,) = waiting(machine)
    assert one.reason == UNDER_WAY
    third = leaf(machine, FULLCHAIN)
    assert third != second
    done = certbot(machine, "install", "--cert-name", HOSTNAME, *plugin)
    assert done.status == 0, done.complaints
    assert "was cut short: the old state is back" in done.text
    serves(machine, third, pebble)

    done = certbot(machine, "rollback", "--checkpoints", "3", *plugin[:2])
    assert done.status == 0, done.complaints
    assert machine.tree("/etc/postfix", "/etc/dovecot") == before, "byte for byte what it was"
    assert not machine.listening() & {465, 587}


def test_certbots_installer_keeps_what_fails(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    pebble = Pebble(machine)
    done = certbot(machine, "run", *ISSUE, "-i", "letterlock")
    assert done.status == 0, (done.text, done.complaints)
    served = leaf(machine, FULLCHAIN)
    main = machine.read("/etc/postfix/main.cf")
    machine.write("/etc/postfix/main.cf", main + b"smtpd_tls_CAfile = /nonexistent\n")
    done = certbot(machine, "renew", "--force-renewal")
    assert done.status != 0, "certbot says so, and forgets it"
    serves(machine, served, pebble, (143, 993))
    (one,) = waiting(machine)
    assert "rehearsal failed" in one.reason
    machine.write("/etc/postfix/main.cf", main)
    _retried(machine, pebble, leaf(machine, FULLCHAIN))


def test_lego_and_dehydrated(stock_machine: Machine) -> None:
    machine = stock_machine
    machine.start()
    pebble = Pebble(machine)
    lego = (
        "env", "LEGO_CA_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt", "lego", "--server",
        DIRECTORY, "--path", "/root/lego", "--email", "admin@example.com", "--accept-tos",
        "--domains", HOSTNAME, "--http",
    )  # fmt: skip
    machine.must(*lego, "run")
    files = f"/root/lego/certificates/{HOSTNAME}"
    done = machine.warm_letterlock(
        "secure", HOSTNAME, "--cert", f"{files}.crt", "--key", f"{files}.key", "--yes"
    )
    assert done.status == 0, done.complaints
    serves(machine, leaf(machine, f"{files}.crt"), pebble)

    done = machine.run(*lego, "renew", "--days", "9999", "--no-random-sleep", "--renew-hook",
                       f"{PROGRAM} deploy", timeout=240)  # fmt: skip
    assert done.ok, done.complaints
    assert f"{HOSTNAME}: in service" in done.text
    serves(machine, leaf(machine, f"{files}.crt"), pebble)
    done = machine.warm_letterlock("deploy", HOSTNAME, "--from", "lego:/root/lego")
    assert "in service already, nothing reloaded" in done.text, done.complaints

    _dehydrated(machine, pebble)


def _dehydrated(machine: Machine, pebble: Pebble) -> None:
    machine.write("/etc/dehydrated/conf.d/ca.sh", f"CA={DIRECTORY}\nKEYSIZE=2048\n")
    machine.write("/etc/dehydrated/domains.txt", f"{HOSTNAME}\n")
    assert machine.warm_letterlock("hook", "install", "dehydrated").status == 0
    web = "/root/web/.well-known"
    machine.must("sh", "-c", f"""mkdir -p {web}
        ln -s /var/lib/dehydrated/acme-challenges {web}/acme-challenge
        cd /root/web && exec python3 -m http.server 80 >/dev/null 2>&1 &""")  # fmt: skip
    eventually(lambda: 80 in machine.listening(), "a web server listens")
    machine.must("dehydrated", "--register", "--accept-terms")
    done = machine.run("dehydrated", "--cron", timeout=240)
    assert done.ok, (done.text, done.complaints)
    assert f"{HOSTNAME}: in service" in done.text
    serves(machine, leaf(machine, f"/var/lib/dehydrated/certs/{HOSTNAME}/fullchain.pem"), pebble)
    # Its domain's key is of another type than lego's: that is told of.
    assert "the key is another one" in done.text
    again = machine.run("dehydrated", "--cron", timeout=240)
    assert again.ok and "in service" not in again.text
