"""Rehearsals on a machine whose production servers run: a namespace within a namespace."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from letterlock.cli.demo_ca import Delivery
from letterlock.install.rehearse import Rehearsed, telling
from letterlock.model.facts import Handshake
from letterlock.model.plan import DirectoryChange, Expectation, FileChange, LinkChange, Plan
from letterlock.model.service import SERVICES, SMTP, Endpoint, MailProtocol
from letterlock.model.unknown import Unknown
from tests.conftest import MakeMachine
from tests.install.rehearse_inside import Outcome
from tests.machine import HOSTNAME, REPOSITORY, Entry, Machine, follow_guide

pytestmark = pytest.mark.machine

CERTIFICATE = f"/etc/ssl/certs/{HOSTNAME}.crt"
KEY = f"/etc/ssl/private/{HOSTNAME}.key"
MASTER = "/etc/postfix/master.cf"
MAIN = "/etc/postfix/main.cf"
DOVECOT_SSL = "/etc/dovecot/conf.d/10-ssl.conf"


def leaf_digest(pem: bytes) -> str:
    der = x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def change(machine: Machine, path: str, after: bytes, mode: int = 0o644) -> FileChange:
    exists = path in machine.tree(path)
    before = machine.read(path) if exists else None
    return FileChange(Path(path), before, after, mode)


@dataclass(frozen=True)
class Renewal:
    """A new certificate for a machine that follows the guide, and what proves it."""

    machine: Machine
    delivery: Delivery
    shared: Path

    @property
    def fullchain(self) -> bytes:
        read = self.machine.read
        return read(str(self.delivery.certificate)) + read(str(self.delivery.bundle))

    def plan(self, *changes: FileChange | LinkChange | DirectoryChange) -> Plan:
        """Without changes: the certificate and the key are replaced."""
        if not changes:
            key = self.machine.read(str(self.delivery.key))
            changes = (
                change(self.machine, CERTIFICATE, self.fullchain),
                change(self.machine, KEY, key, 0o600),
            )
        digest = leaf_digest(self.machine.read(str(self.delivery.certificate)))
        wanted = {
            service
            for service in SERVICES
            if ("Postfix" if service.protocol is MailProtocol.SMTP else "Dovecot")
            in self.machine.installed
        }
        if "Dovecot" not in self.machine.installed:
            wanted = {SMTP}  # the guide's submission services need Dovecot's SASL
        expectations = tuple(
            Expectation(Endpoint(address, service.port, service), HOSTNAME, digest)
            for service in wanted
            for address in ("127.0.0.1", "::1")
        )
        return Plan("secure", HOSTNAME, changes, self.machine.installed, expectations)

    def files(self, plan: Plan) -> tuple[str, str]:
        request, outcome = self.shared / "plan", self.shared / "outcome"
        root = self.shared / "root.pem"
        root.write_bytes(self.machine.read(str(self.delivery.root)))
        request.write_bytes(pickle.dumps((plan, str(root))))
        return str(request), str(outcome)

    def rehearse(self, plan: Plan) -> Outcome:
        request, outcome = self.files(plan)
        self.machine.must(*COMMAND, request, outcome)
        return outcome_in(outcome)


COMMAND = (
    "env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-c",
    "from tests.install.rehearse_inside import main; main()",
)  # fmt: skip


def outcome_in(file: str) -> Outcome:
    made = pickle.loads(Path(file).read_bytes())  # noqa: S301 our own test's
    assert isinstance(made, Outcome)
    return made


def renewal(machine: Machine, shared: Path) -> Renewal:
    return Renewal(machine, machine.delivery(folder="/root/renewed"), shared)


@pytest.fixture
def renewed(guide_machine: Machine, tmp_path: Path) -> Renewal:
    return renewal(guide_machine, tmp_path)


def complaints_of(outcome: Outcome) -> str:
    assert isinstance(outcome.rehearsal, Rehearsed), outcome.rehearsal
    return "\n".join(outcome.rehearsal.complaints)


def log_of(outcome: Outcome) -> str:
    assert isinstance(outcome.rehearsal, Rehearsed), outcome.rehearsal
    return "\n".join(outcome.rehearsal.log)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def queue_a_message(machine: Machine) -> None:
    """A message that stays in the deferred queue."""
    machine.must("sendmail", "someone@example.net", stdin=b"Subject: wait\n\nfor delivery\n")
    until(lambda: bool(queued(machine)))


def queued(machine: Machine) -> dict[str, Entry]:
    files = machine.tree("/var/spool/postfix/deferred")
    return {path: entry for path, entry in files.items() if entry.kind == "file"}


def mounts(machine: Machine) -> bytes:
    return machine.must("cat", "/proc/1/mountinfo").stdout


def production(machine: Machine) -> tuple[object, ...]:
    """Everything of a running machine that a rehearsal must leave alone. Waits for the processes
    that Postfix's master begins a moment after `postfix start` has returned."""

    def names() -> set[str]:
        return {line.split()[0] for line in machine.processes().values()}

    until(lambda: {"pickup", "qmgr"} <= names())
    folders = ("/etc", "/var/lib", "/var/spool/postfix", "/var/log", "/var/mail", "/run", "/tmp")
    return (
        machine.processes(),
        machine.must("ss", "-H", "-ltnp").text,
        {path: entry for path, entry in machine.tree(*folders).items() if "/pytest-" not in path},
        machine.log(),
        mounts(machine),
    )


def test_every_port_serves_the_planned_certificate_and_production_notices_nothing(
    renewed: Renewal,
) -> None:
    machine = renewed.machine
    machine.write(MAIN, machine.read(MAIN) + b"defer_transports = smtp\n")
    machine.start()
    queue_a_message(machine)
    before = production(machine)
    message = queued(machine)

    outcome = renewed.rehearse(renewed.plan())

    assert complaints_of(outcome) == ""
    assert isinstance(outcome.rehearsal, Rehearsed)
    facts = outcome.rehearsal.facts
    assert sorted({fact.endpoint.port for fact in facts}) == [25, 110, 143, 465, 587, 993, 995]
    assert all(isinstance(fact.handshake, Handshake) for fact in facts)
    assert {fact.endpoint.address for fact in facts} == {"127.0.0.1", "::1"}
    for one, other in zip(before, production(machine), strict=True):
        assert one == other
    assert queued(machine) == message
    served = machine.s_client(993).text
    assert leaf_digest(served.encode()) != leaf_digest(renewed.fullchain)


def test_it_says_what_it_does_and_stays_small(renewed: Renewal) -> None:
    outcome = renewed.rehearse(renewed.plan())
    assert outcome.steps == (
        "rehearsal: validating Postfix",
        "rehearsal: validating Dovecot",
        "rehearsal: starting Dovecot",
        "rehearsal: starting Postfix",
        "rehearsal: speaking to every port",
    )
    assert outcome.megabytes < 150


@pytest.mark.parametrize("missing", ["Postfix", "Dovecot"])
def test_one_server_alone_is_rehearsed(
    make_machine: MakeMachine, tmp_path: Path, missing: str
) -> None:
    machine = make_machine(without=missing)
    follow_guide(machine)
    renewed = renewal(machine, tmp_path)
    assert complaints_of(renewed.rehearse(renewed.plan())) == ""


def test_new_folders_and_links_are_made_inside_only(renewed: Renewal) -> None:
    machine = renewed.machine
    home = Path("/etc/ssl/letterlock") / HOSTNAME
    ssl = machine.read(DOVECOT_SSL).replace(CERTIFICATE.encode(), f"{home}/current/c.pem".encode())
    ssl = ssl.replace(KEY.encode(), f"{home}/current/k.pem".encode())
    main = machine.read(MAIN).replace(CERTIFICATE.encode(), f"{home}/current/c.pem".encode())
    main = main.replace(KEY.encode(), f"{home}/current/k.pem".encode())
    before = machine.tree("/etc")
    outcome = renewed.rehearse(
        renewed.plan(
            DirectoryChange(home.parent),
            DirectoryChange(home),
            DirectoryChange(home / "1", 0o700),
            FileChange(home / "1/c.pem", None, renewed.fullchain),
            FileChange(home / "1/k.pem", None, machine.read(str(renewed.delivery.key)), 0o600),
            LinkChange(home / "current", None, "1"),
            change(machine, DOVECOT_SSL, ssl),
            change(machine, MAIN, main),
        )
    )
    assert complaints_of(outcome) == ""
    assert machine.tree("/etc") == before


def test_a_configuration_behind_an_absolute_link_is_written_inside_only(renewed: Renewal) -> None:
    machine = renewed.machine

    def move() -> None:
        Path("/etc/elsewhere").mkdir()
        Path(MAIN).rename("/etc/elsewhere/main.cf")
        Path(MAIN).symlink_to("/etc/elsewhere/main.cf")

    machine.call(move)
    before = machine.tree("/etc")
    broken = machine.read(MAIN) + b"inet_protocols = morse\n"
    outcome = renewed.rehearse(renewed.plan(change(machine, MAIN, broken)))
    assert "Postfix refuses the configuration" in complaints_of(outcome)
    assert "morse" in log_of(outcome)
    assert machine.tree("/etc") == before


@pytest.mark.parametrize(
    ("path", "extra", "reason"),
    [
        (MASTER, b"submission inet n - y\n", "Postfix refuses the configuration"),
        (MAIN, b"inet_interfaces = 198.51.100.77\n", "198.51.100.77"),
        (DOVECOT_SSL, b"ssl_cert = </etc/ssl/certs/none.pem\n", "/etc/ssl/certs/none.pem"),
        (DOVECOT_SSL, b"ssl_flavour = peppermint\n", "ssl_flavour"),
    ],
)
def test_a_plan_that_breaks_a_server_is_caught_with_the_servers_own_words(
    renewed: Renewal, path: str, extra: bytes, reason: str
) -> None:
    machine = renewed.machine
    outcome = renewed.rehearse(renewed.plan(change(machine, path, machine.read(path) + extra)))
    assert reason in complaints_of(outcome) + log_of(outcome)
    assert complaints_of(outcome)


def test_a_key_of_another_certificate_is_seen_on_the_wire(renewed: Renewal) -> None:
    machine = renewed.machine
    outcome = renewed.rehearse(renewed.plan(change(machine, CERTIFICATE, renewed.fullchain)))
    said = complaints_of(outcome).splitlines()
    assert len(said) == 14, said
    assert any(
        "25 (smtp): the TLS handshake failed: STARTTLS was offered and" in one for one in said
    )
    assert "different cert than ssl_cert" in log_of(outcome)
    assert "key values mismatch" in log_of(outcome)


def test_a_service_that_dies_at_the_first_connection_is_caught(renewed: Renewal) -> None:
    machine = renewed.machine
    master = machine.read(MASTER).replace(
        b"-o syslog_name=postfix/smtps",
        b"-o syslog_name=postfix/smtps -o smtpd_sasl_path=private/none",
    )
    key = machine.read(str(renewed.delivery.key))
    outcome = renewed.rehearse(
        renewed.plan(
            change(machine, MASTER, master),
            change(machine, CERTIFICATE, renewed.fullchain),
            change(machine, KEY, key, 0o600),
        )
    )
    said = complaints_of(outcome).splitlines()
    assert {line.split()[0] for line in said} == {"127.0.0.1:465", "[::1]:465"}
    assert "SASL" in log_of(outcome)


def test_ports_that_another_program_holds_do_not_matter(renewed: Renewal) -> None:
    machine = renewed.machine
    listen = (
        "import socket,time;s=socket.create_server(('',465));print('up',flush=True);time.sleep(99)"
    )
    with subprocess.Popen(
        [*machine.tools.prefix, sys.executable, "-c", listen], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        assert complaints_of(renewed.rehearse(renewed.plan())) == ""
        holder.terminate()


def test_milters_and_blocklists_do_not_fail_it(renewed: Renewal) -> None:
    machine = renewed.machine
    machine.replace(
        MASTER,
        "smtp      inet  n       -       y       -       -       smtpd",
        "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"
        "tlsproxy unix - - y - 0 tlsproxy\ndnsblog unix - - y - 0 dnsblog",
    )
    strict = (
        b"smtpd_milters = inet:127.0.0.1:9, { inet:127.0.0.1:10, default_action=reject }\n"
        b"smtpd_delay_reject = no\nsmtpd_client_restrictions = reject_unknown_client_hostname\n"
        b"postscreen_dnsbl_sites = bl.example.org\nmynetworks = 192.0.2.0/24\n"
    )
    machine.write(MAIN, machine.read(MAIN) + strict)
    assert complaints_of(renewed.rehearse(renewed.plan())) == ""


def test_what_only_the_private_system_lacks_is_no_complaint_about_the_plan(
    renewed: Renewal,
) -> None:
    machine = renewed.machine
    local = "/etc/dovecot/local.conf"
    machine.write(local, f"log_path = {renewed.shared}/dovecot.log\n")
    machine.start("Dovecot")
    outcome = renewed.rehearse(renewed.plan())
    assert isinstance(outcome.rehearsal, Unknown)
    assert "the present configuration does not start in a private system either" in str(
        outcome.rehearsal
    )


def test_killed_in_the_middle_it_leaves_nothing(renewed: Renewal) -> None:
    machine = renewed.machine
    machine.start()
    before = production(machine)
    running = machine.processes()
    with subprocess.Popen([*machine.tools.prefix, *COMMAND, *renewed.files(renewed.plan())]):

        def count(program: str) -> int:
            return sum(program in line for line in machine.processes().values())

        until(lambda: count("/sbin/dovecot") == 2)
        ours = [
            pid
            for pid, line in machine.processes().items()
            if "tests.install.rehearse_inside" in line and pid not in running
        ]
        for pid in ours:
            machine.must("kill", "-KILL", str(pid))
        # Production's Postfix may have begun a process of its own meanwhile.
        until(lambda: count("/sbin/dovecot") == 1 and count("rehearse_inside") == 0)
        until(lambda: count("sbin/master") == count("private_init") == 1)
        assert set(running) <= set(machine.processes())
    for one, other in zip(before, production(machine), strict=True):
        assert one == other


def test_without_the_right_to_make_namespaces_it_says_so(renewed: Renewal) -> None:
    request, outcome = renewed.files(renewed.plan())
    caps = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    renewed.machine.must(*caps, *COMMAND, request, outcome)
    made = outcome_in(outcome)
    assert isinstance(made.rehearsal, Unknown)
    assert "Operation not permitted" in made.rehearsal.reason


def test_the_log_is_told_without_noise() -> None:
    log = (
        "<22>Nov  2 18:13:27 dovecot: master: starting up",
        "<20>Nov 22 18:13:28 postfix/smtpd[4]: warning: cannot get RSA private key",
        "<22>Nov 22 18:13:29 postfix/smtpd[4]: connect from localhost",
    )
    assert telling(log) == ("postfix/smtpd[4]: warning: cannot get RSA private key",)
    assert telling(log[:2] + log) == telling(log)
    assert telling(log[:1]) == ("dovecot: master: starting up",)
