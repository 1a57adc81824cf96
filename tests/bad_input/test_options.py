"""Host names, options, targets and places that cannot be."""

from __future__ import annotations

import pytest

from tests.bad_input.case import BUT_HISTORY, Case, SetUp, play, secure
from tests.bad_input.conftest import MakeScene
from tests.bad_input.scene import FOLDER, Scene

pytestmark = pytest.mark.machine

NOT_A_NAME = "is not a host name; give one such as mail.example.com"


def toml(text: bytes | str) -> SetUp:
    return lambda scene: scene.write(f"{FOLDER}/own.toml", text)


def read_only_folder(scene: Scene) -> None:
    scene.folder(f"{FOLDER}/read-only")
    scene.read_only(f"{FOLDER}/read-only")


def letterlocks_folder(scene: Scene) -> None:
    scene.folder("/var/lib/letterlock/runs")
    scene.machine.must("chmod", "0700", "/var/lib/letterlock", "/var/lib/letterlock/runs")


HOSTS = (
    Case("white space in it", secure(host="mail example.com"), f"'mail example.com' {NOT_A_NAME}"),
    Case("empty", secure(host=""), f"'' {NOT_A_NAME}"),
    Case("a slash in it", secure(host="mail/example.com"), f"'mail/example.com' {NOT_A_NAME}"),
    Case("a way up", secure(host="../../etc/passwd"), f"'../../etc/passwd' {NOT_A_NAME}"),
    Case("an empty label", secure(host="mail..example.com"), f"'mail..example.com' {NOT_A_NAME}"),
    Case("a line break in it", secure(host="mail\nroot"), f"'mail\\nroot' {NOT_A_NAME}"),
    Case("a mail address", secure(host="me@example.com"), f"'me@example.com' {NOT_A_NAME}"),
    Case("a URL", secure(host="https://example.com/"), f"'https://example.com/' {NOT_A_NAME}"),
    Case("bytes of no text", secure(host="\udcff.org"), r"'\udcff.org' is not a host name (…)"),
    Case("no letters of a name", secure(host="☃.example"), "'☃.example' is not a host name (…)"),
    Case(
        "non-ASCII letters and not covered",
        secure(host="mail.bücher.example"),
        "/tmp/odd/good.crt:1: the certificate is not for mail.bücher.example: it has "
        "mail.example.com; order one for this name",
    ),
    Case(
        "an address that is not covered",
        secure(host="192.0.2.25"),
        "/tmp/odd/good.crt:1: the certificate is not for 192.0.2.25: it has mail.example.com; "
        "order one for this name",
    ),
)  # fmt: skip

OPTIONS = (
    Case(
        "no host name",
        ("secure", "--cert", "/tmp/odd/good.crt"),
        "Missing argument 'HOST'; letterlock secure --help lists what there is",
    ),
    Case(
        "--modernize with a certificate",
        secure("--modernize"),
        "--modernize only renames settings: no certificate goes with it; leave out one of the two "
        "(secure renames too)",
    ),
    Case(
        "a version that is none",
        secure("--postfix-version", "three"),
        "--postfix-version: 'three' is no version; write it as 3.4.0 or 2.2",
    ),
    Case(
        "a version older than the table",
        secure("--dovecot-version", "0.99"),
        "Dovecot 0.99.0 is older than 1.0, the oldest that is known here; upgrade Dovecot",
    ),
    Case(
        "no terminal and no --yes",
        tuple(word for word in secure() if word != "--yes"),
        "this changes the system and there is nobody to ask; add --yes",
    ),
    Case(
        "no root",
        ("secure", "mail.example.com", "--cert", "/tmp/odd/good.crt", "--yes"),
        "secure changes the mail server's configuration, which needs root; run it as root, or "
        "add --dry-run to see the plan",
        user="nobody",
    ),
    Case(
        "no root for rollback",
        ("rollback", "--yes"),
        "/var/lib/letterlock/runs: cannot be read: Permission denied; run it as root",
        user="nobody",
        status=4,
        set_up=letterlocks_folder,
    ),
    Case("no such verb", ("frobnicate",),
         "No such command 'frobnicate'; letterlock --help lists what there is"),
    Case("no such option", secure("--force"),
         "No such option: --force…; letterlock secure --help lists what there is"),
    Case("no certificate", ("secure", "mail.example.com"),
         "Missing option '--cert'; letterlock secure --help lists what there is"),
    Case("no such layout", secure("--cert-layout", "heap"),
         "Invalid value for '--cert-layout': 'heap' is not one of 'separate', 'combined'; "
         "letterlock secure --help lists what there is"),
    Case("a port that is none", secure("--wrapper-port", "70000"),
         "Invalid value for '--wrapper-port': …; letterlock secure --help lists what there is"),
    Case("TLS from the first byte on port 25", secure("--wrapper-port", "25"),
         "port 25 is where other servers deliver, and they begin without TLS (RFC 3207); give "
         "--wrapper-port another port"),
    Case("a wrapper port that is Dovecot's", secure("--wrapper-port", "993"),
         "port 993 is Dovecot's; give --wrapper-port another port"),
    Case("no such protocol", secure("--min-protocol", "TLSv1.4"),
         "no protocol is called 'TLSv1.4'; choose one of SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
    Case("a Diffie-Hellman group of 1000 bits", secure("--dh-size", "1000"),
         "no group of RFC 7919 has 1000 bits; choose one of 2048, 3072, 4096, 6144, 8192"),
    Case("ciphers with a ! before", secure("--exclude-ciphers", "RC4:!MD5"),
         "--exclude-ciphers: '!MD5' is no cipher's name; give names as openssl ciphers prints "
         "them, without !"),
    Case("ciphers that are a macro", secure("--exclude-ciphers", "${smtpd_banner}"),
         "--exclude-ciphers: '${smtpd_banner}' is no cipher's name; give names as openssl "
         "ciphers prints them, without !"),
    Case("no such profile", secure("--profile", "paranoid"),
         "no profile is called 'paranoid'; choose one of modern, intermediate, old, … or give the "
         "path of a TOML file"),
    Case("a profile that is not there", secure("--profile", "/tmp/odd/own.toml"),
         "/tmp/odd/own.toml: the profile cannot be read: No such file or directory"),
    Case("a profile that is no TOML", secure("--profile", "/tmp/odd/own.toml"),
         "/tmp/odd/own.toml: not a valid profile: … (at line 2, column …)",
         set_up=toml("name = 'own'\ntitle =\n")),
    Case("a profile with nothing in it", secure("--profile", "/tmp/odd/own.toml"),
         "/tmp/odd/own.toml: not a valid profile: Object missing required field `…`",
         set_up=toml("")),
    Case("a profile of bytes that are no text", secure("--profile", "/tmp/odd/own.toml"),
         "/tmp/odd/own.toml: the profile is not UTF-8 text", set_up=toml(b"\xff\xfe\0\0")),
    Case("--json into a folder that is not there", secure("--json", "/tmp/odd/none/x.json"),
         "--json /tmp/odd/none/x.json cannot be written: there is no folder /tmp/odd/none"),
    Case("--json into a folder", secure("--json", "/tmp/odd"),
         "--json /tmp/odd cannot be written: it is a folder"),
    Case("--json into a read-only folder", secure("--json", "/tmp/odd/read-only/x.json"),
         "--json /tmp/odd/read-only/x.json cannot be written: not allowed, or read-only",
         set_up=read_only_folder),
    Case("--root that is no folder", secure("--root", "/tmp/odd/good.crt"),
         "--root /tmp/odd/good.crt is not a folder"),
    Case("--root that is not there", ("history", "--root", "/tmp/odd/none"),
         "--root /tmp/odd/none is not a folder"),
    Case("--root with no server below", secure("--root", "/tmp/odd/none"),
         "neither Postfix nor Dovecot is installed below /tmp/odd/none; install one, or name "
         "another root with --root",
         set_up=lambda scene: scene.folder("/tmp/odd/none")),
    Case("--cert-dir that is not absolute", secure("--cert-dir", "certs"),
         "the folder 'certs' is not an absolute path without .."),
    Case("--cert-dir with a way up", secure("--cert-dir", "/etc/ssl/../x"),
         "the folder '/etc/ssl/../x' is not an absolute path without .."),
    Case("--cert-dir that is a file", secure("--cert-dir", "/etc/passwd"),
         "/etc/passwd/mail.example.com.pem: cannot be read (Not a directory)"),
    Case("no Postfix and no Dovecot", secure(),
         "neither Postfix nor Dovecot is installed below /; install one, or name another root "
         "with --root", machine="bare"),
    Case("--sasl dovecot without Dovecot", secure("--sasl", "dovecot"),
         "--sasl dovecot needs both servers, and Dovecot is not installed",
         machine="only Postfix"),
    Case("--wrapper-port without Postfix", secure("--wrapper-port", "4650"),
         "--wrapper-port is for Postfix, which is not installed", machine="only Dovecot"),
)  # fmt: skip

TARGETS = (
    Case("a mail address with a port", ("check", "me@example.com:25"),
         "'example.com:25' in 'me@example.com:25' is not a mail domain; a port or an address "
         "belongs to a mail server: name it without @"),
    Case("a URL", ("check", "https://example.com"),
         "'https://example.com' is a URL; give the host name alone"),
    Case("white space", ("check", "mail example.com"),
         "the host name 'mail example.com' contains white space"),
    Case("empty", ("check", ""), "the host name is empty"),
    Case("port 0", ("check", "example.com:0"), "'0' is not a port number (1 to 65535)"),
    Case("a port of no service", ("check", "127.0.0.1:2525"),
         "port 2525 is none of the mail ports; say --service (…)"),
    Case("a name with a port", ("check", "127.0.0.1", "--name", "example.com:25"),
         "--name example.com:25 has a port: it is only a name"),
    Case("no such service", ("check", "127.0.0.1", "--service", "gopher"), "…gopher…"),
    Case("a CA file without a root", ("check", "127.0.0.1", "--ca-file", "/tmp/odd/good.crt"),
         "/tmp/odd/good.crt: holds no root certificate; a CA file must hold the self-signed root "
         "itself"),
    Case("no time at all", ("check", "127.0.0.1", "--timeout", "0"),
         "--timeout 0 is not between 0 and 600 seconds"),
    Case("a name that does not resolve", ("check", "mail.example.net"),
         "mail.example.net cannot be resolved: …; check the spelling, or give an address and "
         "--name (…)", status=3),
    Case("the result into a folder that is not there",
         ("check", "127.0.0.1", "--json", "/tmp/odd/none/x.json"),
         "--json /tmp/odd/none/x.json cannot be written: there is no folder /tmp/odd/none"),
)  # fmt: skip


@pytest.mark.parametrize("case", HOSTS, ids=str)
def test_host_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)


@pytest.mark.parametrize("case", OPTIONS, ids=str)
def test_option_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)


@pytest.mark.parametrize("case", TARGETS, ids=str)
def test_target_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)


def test_a_host_in_letters_beyond_ascii_is_taken_where_it_is_covered(
    make_scene: MakeScene,
) -> None:
    """RFC 5891: what the certificate has is the A-label, and the files are named by it."""
    scene = make_scene("stopped")
    typed = secure("--dry-run", host="mail.Bücher.example", cert="idn.crt", key="idn.key")
    done = scene.machine.warm_letterlock(*typed)
    assert done.status == 0, done.complaints
    assert "/etc/ssl/letterlock/mail.xn--bcher-kva.example/current" in done.text
    assert "/etc/ssl/letterlock/mail.b" not in done.text
    assert scene.machine.tree(*BUT_HISTORY) == {
        path: entry for path, entry in scene.pristine.items() if path.startswith(BUT_HISTORY)
    }
