"""Servers that are not what they say, that do not come back, whose ports are taken; other runs at
work; journals that are damaged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bad_input.case import BUT_HISTORY, Case, SetUp, play, secure
from tests.bad_input.conftest import MakeScene
from tests.bad_input.scene import FOLDER, Scene
from tests.machine import Machine

pytestmark = pytest.mark.machine

MAIN = "/etc/postfix/main.cf"
MASTER = "/etc/postfix/master.cf"
PORT_25 = "smtp      inet  n       -       y       -       -       smtpd\n"
DAMAGED = (
    "/var/lib/letterlock/runs/20260102-030405.678-90ab/journal:1: the journal is damaged: …; see "
    "that its files are as they should be, then move this run's folder away"
)
ASKED = tuple(word for word in secure("--no-rehearse") if word != "--yes")


def faked(program: str, script: str) -> SetUp:
    return lambda scene: scene.fake(program, script)


def no_program(scene: Scene) -> None:
    scene.write(f"{FOLDER}/nothing", "no program\n", 0o755)
    scene.mount("/usr/sbin/dovecot", "--bind", f"{FOLDER}/nothing")


def tls_breaks_on_port_25(scene: Scene) -> None:
    """smtpd(8) offers STARTTLS and then cannot: the file is only opened at a client's STARTTLS."""
    scene.replace(MASTER, PORT_25, f"{PORT_25}  -o smtpd_tls_CAfile=/nonexistent\n")


def port_465_taken(scene: Scene) -> None:
    scene.hold_port(465)


def reload_ends_dovecot(scene: Scene) -> None:
    scene.fake(
        "/usr/bin/doveadm",
        "kill $(cat /run/dovecot/master.pid)\n"
        "while [ -e /run/dovecot/master.pid ]; do sleep 0.02; done",
    )


def served(machine: Machine, port: int, starttls: str | None = None) -> bytes:
    """The certificate that openssl sees."""
    found = machine.s_client(port, starttls).stdout.partition(b"-----BEGIN CERTIFICATE-----")[2]
    assert found
    return found.partition(b"-----END CERTIFICATE-----")[0]


def the_old_state_is_served(scene: Scene) -> None:
    stock = scene.machine.read("/etc/ssl/certs/ssl-cert-snakeoil.pem")
    scene.until_listening(25, 143, 993)
    assert served(scene.machine, 993).strip() in stock
    assert served(scene.machine, 143, "imap").strip() in stock
    assert scene.machine.listening() & {25, 465, 587} == {25}
    assert "rolled back" in scene.machine.warm_letterlock("history").text


def the_old_state_is_served_on_25_too(scene: Scene) -> None:
    the_old_state_is_served(scene)
    stock = scene.machine.read("/etc/ssl/certs/ssl-cert-snakeoil.pem")
    assert served(scene.machine, 25, "smtp").strip() in stock


def postfix_is_back(scene: Scene) -> None:
    """master(8) ends where it cannot have a port; the way back starts it again."""
    scene.until_listening(25)
    stock = scene.machine.read("/etc/ssl/certs/ssl-cert-snakeoil.pem")
    assert served(scene.machine, 25, "smtp").strip() in stock
    assert any("cannot" in line or "bind" in line for line in scene.machine.log())


def somebody_edits_main_cf(scene: Scene) -> None:
    scene.append(MAIN, "# I was here\n")


def another_at_work(scene: Scene) -> None:
    scene.python(
        "from pathlib import Path\n"
        "from letterlock.install.state import StateFolder\n"
        "state = StateFolder(Path('/'))\n"
        "state.prepare()\n"
        "held = state.lock('secure', 'other.example.com')\n"
        "held.__enter__()"
    )


def read_only_own_folder(scene: Scene) -> None:
    scene.folder("/var/lib/letterlock")
    scene.machine.must("chmod", "0700", "/var/lib/letterlock")
    scene.read_only("/var/lib/letterlock")


def a_damaged_journal(scene: Scene) -> None:
    run = "/var/lib/letterlock/runs/20260102-030405.678-90ab"
    scene.write(f"{run}/journal", b"\x00\xff not a journal\nnor is this\n", 0o600)
    scene.machine.must("chmod", "-R", "go=", "/var/lib/letterlock")


def secured(scene: Scene) -> None:
    done = scene.machine.warm_letterlock(*secure("--no-rehearse"))
    assert done.status == 0, done.complaints


def secured_and_edited(scene: Scene) -> None:
    secured(scene)
    scene.replace(MAIN, "smtpd_tls_auth_only=yes", "smtpd_tls_auth_only=no")


VERSIONS = (
    Case(
        "Dovecot of an unknown version",
        secure(),
        "Dovecot says it is version 'unstable build', which is no version; see what `dovecot "
        "--version` prints",
        set_up=faked("/usr/sbin/dovecot", "echo unstable build"),
    ),
    Case(
        "Postfix of an unknown version",
        secure(),
        "Postfix says it is version 'snapshot', which is no version; see what `postconf -d "
        "mail_version` prints",
        set_up=faked("/usr/sbin/postconf", "echo snapshot; echo /etc/postfix"),
    ),
    Case(
        "Dovecot from before its first release",
        secure(),
        "Dovecot 0.99.14 is older than 1.0, the oldest that is known here; upgrade Dovecot",
        set_up=faked("/usr/sbin/dovecot", "echo 0.99.14"),
    ),
    Case(
        "Postfix from before its TLS",
        secure(),
        "Postfix 2.1.5 is older than 2.2, the oldest that is known here; upgrade Postfix",
        set_up=faked("/usr/sbin/postconf", "echo 2.1.5; echo /etc/postfix"),
    ),
    Case(
        "postconf that fails",
        secure(),
        "postconf fails: Segmentation fault",
        set_up=faked("/usr/sbin/postconf", "echo Segmentation fault >&2; exit 139"),
    ),
    Case(
        "dovecot that is no program",
        secure(),
        "dovecot cannot be run: Exec format error",
        status=3,
        set_up=no_program,
    ),
)

RUNNING = (
    Case(
        "a port taken by another program",
        secure(),
        f"port 465 is held by {Path(sys.executable).name} (process …): the mail server could not "
        "listen there; stop that program, or give it another port",
        status=4,
        set_up=port_465_taken,
    ),
    Case(
        "a rehearsal that fails",
        secure(),
        "the rehearsal failed: 127.0.0.1:25 (smtp): the TLS handshake failed: STARTTLS was "
        "offered and then refused: 454 4.7.0 TLS not available due to local problem (and 1 "
        "more); nothing was changed",
        status=4,
        set_up=tls_breaks_on_port_25,
        above=r"  .*warning: TLS library problem: .*",
    ),
    Case(
        "Dovecot that does not come back",
        secure("--no-rehearse"),
        "Dovecot did not come back after the reload; rolled back, everything is as it was",
        status=4,
        set_up=reload_ends_dovecot,
        unchanged=BUT_HISTORY,
        afterwards=the_old_state_is_served_on_25_too,
    ),
    Case(
        "Postfix that ends because a port was taken meanwhile",
        ASKED,
        "…; rolled back, everything is as it was",
        status=4,
        at_the_question=port_465_taken,
        answer=b"y\n",
        unchanged=BUT_HISTORY,
        afterwards=postfix_is_back,
    ),
)

RUNS = (
    Case(
        "a file changed between plan and apply",
        ASKED,
        f"{MAIN}: was changed by somebody else since the plan was made: its contents differ; "
        "nothing was changed; run it again",
        status=4,
        at_the_question=somebody_edits_main_cf,
        answer=b"y\n",
        unchanged=BUT_HISTORY,
    ),
    Case(
        "no, at the question",
        ASKED,
        "nothing was changed, as you said",
        status=4,
        answer=b"n\n",
    ),
    Case(
        "the end of input at the question",
        ASKED,
        "nothing was changed: no answer came",
        status=4,
        answer=b"\x04",
    ),
    Case(
        "another letterlock at work",
        secure("--no-rehearse"),
        "letterlock secure other.example.com (process …) is at work since …; try again when it "
        "has ended",
        status=4,
        set_up=another_at_work,
    ),
    Case(
        "a damaged journal",
        secure(),
        DAMAGED,
        status=4,
        set_up=a_damaged_journal,
    ),
    Case("recover: a damaged journal", ("recover",), DAMAGED, status=4, set_up=a_damaged_journal),
    Case(
        "letterlock's folder is a file",
        secure(),
        "/var/lib/letterlock/runs: cannot be read: Not a directory",
        status=4,
        set_up=lambda scene: scene.write("/var/lib/letterlock", "mine"),
    ),
    Case(
        "letterlock's folder is read-only",
        secure("--no-rehearse"),
        "/var/lib/letterlock/runs: cannot make letterlock's own folder: Read-only file system",
        status=4,
        set_up=read_only_own_folder,
    ),
    Case(
        "letterlock's folder has no room",
        secure("--no-rehearse"),
        "/var/lib/letterlock/runs/…: cannot be written, so nothing was changed: No space left on "
        "device",
        status=4,
        set_up=lambda scene: scene.tiny("/var/lib/letterlock"),
        unchanged=BUT_HISTORY,
    ),
    Case(
        "rollback: nothing to undo",
        ("rollback", "--yes"),
        "there is no run to undo; letterlock history lists them all",
    ),
    Case(
        "rollback: an unknown run",
        ("rollback", "20260102", "--yes"),
        "no runs have an id that begins with 20260102; letterlock history lists them",
    ),
    Case(
        "rollback: nobody to ask",
        ("rollback",),
        "nobody is there to ask; say --yes to go on without asking",
        set_up=secured,
    ),
    Case(
        "rollback: somebody changed the same line",
        ("rollback", "--yes"),
        f"run … cannot be undone: changed since by somebody else: {MAIN}:…; nothing was changed; "
        "settle these by hand",
        status=4,
        set_up=secured_and_edited,
        above=rf"{MAIN}:\d+: the run wrote this and somebody changed it since\n  now:\n"
        r"    smtpd_tls_auth_only=no\n  the run wrote:\n    smtpd_tls_auth_only=yes\n.*",
    ),
)


@pytest.mark.parametrize("case", VERSIONS, ids=str)
def test_program_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)


@pytest.mark.parametrize("case", RUNNING, ids=str)
def test_refused_while_servers_run(case: Case, make_scene: MakeScene) -> None:
    play(make_scene("running"), case)


@pytest.mark.parametrize("case", RUNS, ids=str)
def test_run_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)
