"""Configurations that cannot be read, that their server refuses, or that cannot be changed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.bad_input.case import BUT_HISTORY, Case, SetUp, play, secure
from tests.bad_input.conftest import MakeScene
from tests.bad_input.scene import Scene

pytestmark = pytest.mark.machine

MAIN = "/etc/postfix/main.cf"
MASTER = "/etc/postfix/master.cf"
DOVECOT = "/etc/dovecot/dovecot.conf"
SSL = "/etc/dovecot/conf.d/10-ssl.conf"
GARBAGE = random.Random(8).randbytes(4000)  # noqa: S311 the same ones each time
POSTFIX_CHECK = "make `postfix check` pass first"
DOVECONF = "make `doveconf -n` pass first"
STARTED_AT_25 = "smtp      inet  n       -       y       -       -       smtpd\n"


def appended(path: str, text: bytes | str) -> SetUp:
    return lambda scene: scene.append(path, text)


def written(path: str, contents: bytes | str) -> SetUp:
    return lambda scene: scene.write(path, contents)


def linked(path: str, target: str) -> SetUp:
    return lambda scene: scene.link(path, target)


def as_folder(path: str) -> SetUp:
    def set_up(scene: Scene) -> None:
        scene.remove(path)
        scene.folder(path)

    return set_up


def include_loop(scene: Scene) -> None:
    scene.write("/etc/dovecot/a.conf", "!include b.conf\n")
    scene.write("/etc/dovecot/b.conf", "!include a.conf\n")
    scene.append(DOVECOT, "!include a.conf\n")


def own_certificate_in_sni_map(scene: Scene) -> None:
    scene.append(MAIN, "tls_server_sni_maps = static:/etc/postfix/sni.pem\n")


def readable_key(scene: Scene) -> None:
    scene.write("/etc/ssl/private/mail.example.com.key", "old", 0o644)


CASES = (
    # --- Postfix
    Case(
        "main.cf of random bytes",
        secure(),
        f"{MAIN}:1: Postfix refuses its present configuration: missing '=' after attribute name: "
        f'"…"; {POSTFIX_CHECK}',
        set_up=written(MAIN, GARBAGE),
    ),
    Case(
        "a NUL byte in main.cf",
        secure(),
        f"{MAIN}:47: Postfix refuses its present configuration: missing '=' after attribute name: "
        f'"mynetworks"; {POSTFIX_CHECK}',
        set_up=appended(MAIN, b"mynetworks\0= 127.0.0.0/8\n"),
    ),
    Case(
        "a line without = in main.cf",
        secure(),
        f"{MAIN}:47: Postfix refuses its present configuration: missing '=' after attribute name: "
        f'"remember to fix this"; {POSTFIX_CHECK}',
        set_up=appended(MAIN, "remember to fix this\n"),
    ),
    Case(
        "a brace that is not closed in main.cf",
        secure(),
        f"{MAIN}: Postfix refuses its present configuration: macro processing error; "
        f"{POSTFIX_CHECK}",
        set_up=appended(MAIN, "smtpd_banner = ${myhostname\n"),
    ),
    Case(
        "an address that is none in main.cf",
        secure(),
        f"{MAIN}: Postfix refuses its present configuration: config variable inet_interfaces: "
        f"host not found: 999.1.2.3; {POSTFIX_CHECK}",
        set_up=appended(MAIN, "inet_interfaces = 999.1.2.3\n"),
    ),
    Case(
        "main.cf as a dangling link",
        secure(),
        f"{MAIN}: a dangling link to /srv/postfix/main.cf; make that file, or the link go",
        set_up=linked(MAIN, "/srv/postfix/main.cf"),
    ),
    Case(
        "main.cf as a link to itself",
        secure(),
        f"{MAIN}: cannot be read: Too many levels of symbolic links",
        set_up=linked(MAIN, "main.cf"),
    ),
    Case("main.cf as a folder", secure(), f"{MAIN}: not a regular file", set_up=as_folder(MAIN)),
    Case(
        "a huge main.cf",
        secure(),
        f"{MAIN}: larger than 8388608 bytes: no configuration file",
        set_up=written(MAIN, b"#" * 9_000_000),
    ),
    Case(
        "no master.cf",
        secure(),
        f"{MASTER}: no such file",
        set_up=lambda scene: scene.remove(MASTER),
    ),
    Case(
        "master.cf of random bytes",
        secure(),
        f"{MASTER}:1: Postfix refuses its present configuration: bad field count; {POSTFIX_CHECK}",
        set_up=written(MASTER, GARBAGE),
    ),
    Case(
        "a service with five columns",
        secure(),
        f"{MASTER}:138: Postfix refuses its present configuration: bad field count; "
        f"{POSTFIX_CHECK}",
        set_up=appended(MASTER, "smtps inet n - y\n"),
    ),
    Case(
        "a service of a type that is none",
        secure(),
        f'{MASTER}:138: Postfix refuses its present configuration: invalid type field "tcp" in '
        f'"smtps tcp n - y - - smtpd"; {POSTFIX_CHECK}',
        set_up=appended(MASTER, "smtps tcp n - y - - smtpd\n"),
    ),
    Case(
        "AUTH offered with nobody to answer",
        secure(),
        f"{MASTER}:12: service smtp offers AUTH, but nothing is set up to answer it: smtpd would "
        "die at the first connection; let Dovecot answer with --sasl dovecot, or set up Cyrus "
        "SASL first",
        status=4,
        set_up=appended(MAIN, "smtpd_sasl_auth_enable = yes\n"),
    ),
    Case(
        "an SNI map that is no file and holds the host",
        secure(),
        "/etc/postfix/sni.pem: tls_server_sni_maps finds mail.example.com in "
        "static:/etc/postfix/sni.pem, which is no file that can be edited; change or remove it "
        "there, and try again",
        status=4,
        set_up=own_certificate_in_sni_map,
    ),
    # --- Dovecot
    Case(
        "dovecot.conf of random bytes",
        secure(),
        f"{DOVECOT}:1: Dovecot refuses its present configuration: …; {DOVECONF}",
        set_up=written(DOVECOT, GARBAGE),
    ),
    Case(
        "a brace too many in Dovecot's",
        secure(),
        f"{SSL}:84: Dovecot refuses its present configuration: Unexpected '}}'; {DOVECONF}",
        set_up=appended(SSL, "}\n"),
    ),
    Case(
        "a setting that Dovecot does not know",
        secure(),
        f"{SSL}:84: Dovecot refuses its present configuration: Unknown setting: "
        f"ssl_certificate; {DOVECONF}",
        set_up=appended(SSL, "ssl_certificate = </etc/mail.crt\n"),
    ),
    Case(
        "a value that Dovecot does not know",
        secure(),
        f"{SSL}:84: Dovecot refuses its present configuration: Invalid value: perhaps; {DOVECONF}",
        set_up=appended(SSL, "ssl = perhaps\n"),
    ),
    Case(
        "an include loop",
        secure(),
        "/etc/dovecot/b.conf:1: /etc/dovecot/a.conf is included in itself (included from "
        f"/etc/dovecot/a.conf:1, {DOVECOT}:102); correct the include",
        set_up=include_loop,
    ),
    Case(
        "an include of nothing",
        secure(),
        f"{DOVECOT}:102: !include sites/*.conf matches no file; correct the include",
        set_up=appended(DOVECOT, "!include sites/*.conf\n"),
    ),
    Case(
        "dovecot.conf as a dangling link",
        secure(),
        f"{DOVECOT}: a dangling link to /srv/dovecot.conf; make that file, or the link go",
        set_up=linked(DOVECOT, "/srv/dovecot.conf"),
    ),
    # --- what is in the way
    Case(
        "a file where the store should be",
        secure(),
        "/etc/ssl/letterlock/mail.example.com/current: is no symbolic link that can be read (Not "
        "a directory); move it away",
        set_up=written("/etc/ssl/letterlock", "mine\n"),
    ),
    Case(
        "a folder where the link should be",
        secure(),
        "/etc/ssl/letterlock/mail.example.com/current: is no symbolic link that can be read "
        "(Invalid argument); move it away",
        set_up=lambda scene: scene.folder("/etc/ssl/letterlock/mail.example.com/current"),
    ),
    Case(
        "a key that others may read, in the place asked for",
        secure("--key-dir", "/etc/ssl/private"),
        "/etc/ssl/private/mail.example.com.key: is readable by others than its owner, and keeps "
        "its mode; chmod 600 /etc/ssl/private/mail.example.com.key",
        set_up=readable_key,
    ),
    Case(
        "a read-only folder",
        secure("--no-rehearse"),
        f"{MAIN}: its folder /etc/postfix is read-only or immutable; nothing was changed; make "
        "it writable, or run as root",
        status=4,
        set_up=lambda scene: scene.read_only("/etc/postfix"),
        unchanged=BUT_HISTORY,
    ),
    Case(
        "a read-only file",
        secure("--no-rehearse"),
        f"{MAIN}: cannot be changed: Device or resource busy; it is a mount of its own: change it "
        "where it comes from; rolled back, everything is as it was",
        status=4,
        set_up=lambda scene: scene.read_only(MAIN),
        unchanged=BUT_HISTORY,
    ),
    Case(
        "a file that is a mount of its own, rehearsed",
        secure(),
        f"{MAIN}: cannot be changed: Device or resource busy; it is a mount of its own: change it "
        "where it comes from; rolled back, everything is as it was",
        status=4,
        set_up=lambda scene: scene.mount(MAIN, "--bind", MAIN),
        unchanged=BUT_HISTORY,
    ),
    Case(
        "a full disk under the store",
        secure("--no-rehearse"),
        "/etc/ssl/letterlock/…: cannot be changed: No space left on device; rolled "
        "back, everything is as it was",
        status=4,
        set_up=lambda scene: scene.tiny("/etc/ssl/letterlock"),
        unchanged=BUT_HISTORY,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)


def test_nothing_is_left_of_a_run_that_found_no_room(make_scene: MakeScene) -> None:
    """The history says what became of it, and nothing is to be recovered."""
    scene = make_scene("stopped")
    scene.tiny("/etc/ssl/letterlock")
    scene.machine.warm_letterlock(*secure("--no-rehearse"))
    told = scene.machine.warm_letterlock("history").text
    assert "secure mail.example.com" in told
    assert "rolled back" in told
    assert scene.machine.warm_letterlock("recover").text == "Nothing was cut short.\n"
    assert not scene.machine.call(lambda: list(Path("/etc/ssl/letterlock").iterdir()))
