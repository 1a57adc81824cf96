"""`letterlock cert` as a user runs it: output, files, exit codes."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests import warm
from tests.certs.authority import Hierarchy, key_pem, make_intermediate, make_leaf, make_root
from tests.certs.openssl import openssl

_NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Desk:
    """A folder with a CA's delivery, and the command."""

    folder: Path
    tree: Hierarchy

    def run(
        self, *arguments: str, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        settings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **environment}
        done = warm.run(
            "cert", *arguments, environment=settings, stdin=stdin, folder=str(self.folder)
        )
        return subprocess.CompletedProcess(done.argv, done.status, done.stdout, done.stderr)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def mode(self, name: str) -> int:
        return stat.S_IMODE((self.folder / name).stat().st_mode)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Valid today: the command has no other clock."""
    term = {"before": _NOW - timedelta(days=1), "after": _NOW + timedelta(days=90)}
    root = make_root()
    middle = make_intermediate(root)
    tree = Hierarchy(root, middle, make_leaf(middle, **term))
    made = Desk(tmp_path, tree)
    made.write("mail.crt", tree.leaf.pem)
    made.write("mail.key", tree.leaf.key_pem)
    made.write("ca.crt", b"\xef\xbb\xbf" + tree.root.pem.replace(b"\n", b"\r\n") + middle.pem)
    made.write("root.pem", tree.root.pem)
    return made


_FILES = ("--cert", "mail.crt", "--chain", "ca.crt", "--ca-file", "root.pem")


def test_show_every_fact(desk: Desk) -> None:
    done = desk.run("show", "mail.crt", "ca.crt")
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "mail.crt:1" in text
    assert "ca.crt:1" in text
    for fact in (
        "CN=mail.example.com",
        "ECDSA prime256v1",
        "serverAuth",
        "89 days left",
        desk.tree.leaf.facts.sha256,
        desk.tree.leaf.facts.spki_sha256,
    ):
        assert fact in text
    assert "\x1b" not in text


def test_show_as_json(desk: Desk) -> None:
    done = desk.run("show", "--json", "mail.crt", "ca.crt")
    first, second, third = json.loads(done.stdout)
    assert first["where"] == "mail.crt:1"
    assert first["dns_names"] == ["mail.example.com"]
    assert first["public_key"] == {"algorithm": "ECDSA", "bits": 256, "curve": "prime256v1"}
    assert first["sha256"] == desk.tree.leaf.facts.sha256
    assert datetime.fromisoformat(first["not_after"]) == desk.tree.leaf.facts.not_after
    told = openssl("x509", "-noout", "-serial", stdin=desk.tree.leaf.pem).decode().strip()
    assert "serial=" + first["serial_number"].replace(":", "") == told
    assert (second["is_ca"], second["self_issued"]) == (True, True)
    assert (third["is_ca"], third["self_issued"]) == (True, False)


def test_show_a_file_without_certificate(desk: Desk) -> None:
    done = desk.run("show", "mail.key")
    assert done.returncode == 2
    assert done.stderr == b"letterlock: no certificate in mail.key, but a private key\n"


def test_bundle_to_standard_output(desk: Desk) -> None:
    done = desk.run("bundle", *_FILES)
    assert done.returncode == 0
    assert done.stdout == desk.tree.leaf.pem + desk.tree.intermediate.pem
    assert b"ca.crt:1: left out CN=Test Root: the root, which clients have" in done.stderr


def test_bundle_with_key_and_root_into_a_file(desk: Desk) -> None:
    done = desk.run(
        "bundle", *_FILES, "--key", "mail.key", "--combined", "--with-root", "--out", "all.pem"
    )
    assert done.returncode == 0, done.stderr
    tree = desk.tree
    expected = tree.leaf.key_pem + tree.leaf.pem + tree.intermediate.pem + tree.root.pem
    assert desk.read("all.pem") == expected
    assert desk.mode("all.pem") == 0o600
    assert sorted(path.name for path in desk.folder.iterdir()) == [
        "all.pem",
        "ca.crt",
        "mail.crt",
        "mail.key",
        "root.pem",
    ]


def test_bundle_never_over_an_existing_file(desk: Desk) -> None:
    desk.write("out.pem", b"precious")
    done = desk.run("bundle", *_FILES, "--out", "out.pem")
    assert done.returncode == 2
    assert b"out.pem: exists already; --force replaces it\n" in done.stderr
    assert desk.read("out.pem") == b"precious"
    (desk.folder / "out.pem").chmod(0o644)
    forced = desk.run(
        "bundle", *_FILES, "--key", "mail.key", "--combined", "--out", "out.pem", "--force"
    )
    assert forced.returncode == 0
    assert b"PRIVATE KEY" in desk.read("out.pem")
    assert desk.mode("out.pem") == 0o600
    lost = desk.run("bundle", *_FILES, "--out", "nowhere/out.pem")
    assert lost.returncode == 2
    assert b"nowhere/out.pem: cannot be written" in lost.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--cert", "mail.crt", "--ca-file", "root.pem"), b"the chain is incomplete"),
        (("--cert", "mail.crt", "--chain", "ca.crt"), b"not in the system's trust store"),
        ((*_FILES, "--host", "imap.example.com"), b"the certificate is not for imap.example.com"),
        ((*_FILES, "--combined"), b"no private key was given; use --key"),
        ((*_FILES[:4], "--ca-file", "mail.crt"), b"mail.crt: holds no root certificate"),
        (("--cert", "missing.crt"), b"missing.crt: no such file"),
        ((*_FILES, "--password-file", "x", "--password-env", "Y"), b"exclude each other"),
    ],
)
def test_bundle_refuses(desk: Desk, arguments: tuple[str, ...], what: bytes) -> None:
    done = desk.run("bundle", *arguments, "--out", "out.pem")
    assert done.returncode == 2
    assert what in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not (desk.folder / "out.pem").exists()


def test_no_key_on_a_terminal(desk: Desk) -> None:
    ours, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "letterlock", "cert", "bundle", *_FILES),
                *("--key", "mail.key", "--combined"),
            ],
            cwd=desk.folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(ours)
    assert done.returncode == 2
    assert done.stderr == (
        b"letterlock: a private key is not shown on a terminal; use --out FILE\n"
    )


def _protect(desk: Desk) -> None:
    desk.write("mail.key", key_pem(desk.tree.leaf.private_key, b"se cret"))


def test_passwords_from_file_and_environment(desk: Desk) -> None:
    _protect(desk)
    combined = ("bundle", *_FILES, "--key", "mail.key", "--combined")
    desk.write("password", b"se cret\r\nnot this line\n")
    expected = desk.tree.leaf.key_pem + desk.tree.leaf.pem + desk.tree.intermediate.pem
    assert desk.run(*combined, "--password-file", "password").stdout == expected
    assert desk.run(*combined, "--password-env", "PASS", PASS="se cret").stdout == expected
    for arguments, what in (
        ((), b"mail.key:1: the private key is encrypted and no password was given"),
        (("--password-env", "NOT_SET"), b"the environment variable NOT_SET is not set"),
        (("--password-env", "WRONG"), b"mail.key:1: the private key does not open"),
        (("--password-file", "gone"), b"gone: the password file cannot be read"),
    ):
        done = desk.run(*combined, *arguments, WRONG="wrong")
        assert done.returncode == 2
        assert what in done.stderr
        assert done.stdout == b""


def test_password_from_a_prompt_that_does_not_echo(desk: Desk) -> None:
    _protect(desk)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(desk.folder)
        arguments = ["cert", "match", "--cert", "mail.crt", "--key", "mail.key"]
        os.execv(sys.executable, [sys.executable, "-m", "letterlock", *arguments])  # noqa: S606
    shown = b""
    while b"Password for mail.key: " not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"se cret\n")
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:
        pass  # Linux's end of file at a terminal
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"mail.key belongs to CN=mail.example.com (mail.crt:1)" in shown
    assert b"se cret" not in shown


def test_pkcs12_in_pem_out(desk: Desk) -> None:
    tree = desk.tree
    content = pkcs12.serialize_key_and_certificates(
        b"mail",
        tree.leaf.private_key,
        tree.leaf.certificate,
        [tree.intermediate.certificate],
        BestAvailableEncryption(b"geheim"),
    )
    desk.write("mail.pfx", content)
    done = desk.run(
        *("bundle", "--cert", "mail.pfx", "--ca-file", "root.pem", "--combined"),
        *("--password-env", "P12"),
        P12="geheim",
    )
    assert done.stdout == tree.leaf.key_pem + tree.leaf.pem + tree.intermediate.pem


def test_match(desk: Desk) -> None:
    done = desk.run("match", "--cert", "mail.crt", "--key", "mail.key")
    assert (done.returncode, done.stdout) == (
        0,
        b"mail.key belongs to CN=mail.example.com (mail.crt:1)\n",
    )
    other = desk.run("match", "--cert", "ca.crt", "--key", "mail.key")
    assert other.returncode == 1
    assert other.stdout == b"mail.key does not belong to any certificate in ca.crt\n"
    swapped = desk.run("match", "--cert", "mail.key", "--key", "mail.crt")
    assert swapped.returncode == 2
    assert b"wrong way round" in swapped.stderr


@pytest.mark.parametrize("kind", ["rsa-2048", "p-384"])
def test_csr_and_its_key(desk: Desk, kind: str) -> None:
    done = desk.run(
        *("csr", "mail.example.com", "Bücher.example", "--type", kind),
        *("--key-out", "new.key", "--out", "new.csr"),
    )
    assert done.returncode == 0, done.stderr
    assert desk.mode("new.key") == 0o600
    key = openssl("pkey", "-in", "new.key", "-pubout", folder=desk.folder)
    assert key == openssl(
        "req", "-in", "new.csr", "-noout", "-verify", "-pubkey", folder=desk.folder
    )
    text = openssl("req", "-in", "new.csr", "-noout", "-text", folder=desk.folder)
    assert b"DNS:mail.example.com, DNS:xn--bcher-kva.example" in text
    assert b"PRIVATE" not in done.stdout + done.stderr


def test_csr_never_loses_a_key(desk: Desk) -> None:
    before = desk.read("mail.key")
    for more in ((), ("--force",)):
        done = desk.run(
            "csr", "mail.example.com", "--type", "p-256", "--key-out", "mail.key", *more
        )
        assert done.returncode == 2
        assert b"mail.key: exists already" in done.stderr
    assert desk.read("mail.key") == before
    for arguments in (
        ("a b", "--key-out", "n.key"),
        ("mail.example.com", "--type", "rsa-1024", "--key-out", "n.key"),
        ("mail.example.com", "--key-out", "n.key", "--out", "mail.crt"),
    ):
        assert desk.run("csr", *arguments).returncode == 2
        assert not (desk.folder / "n.key").exists()
    assert desk.read("mail.crt") == desk.tree.leaf.pem


def test_tlsa(desk: Desk) -> None:
    leaf, middle = desk.tree.leaf.facts, desk.tree.intermediate.facts
    done = desk.run("tlsa", "mail.example.com", "--cert", "mail.crt")
    assert done.stdout.decode() == (
        f"_25._tcp.mail.example.com. IN TLSA 3 1 1 {leaf.spki_sha256}\n"
    )
    both = desk.run(
        *("tlsa", "mail.example.com", "--cert", "mail.crt", "--port", "25", "--port", "465"),
        *("--selector", "0"),
    )
    assert both.stdout.decode() == (
        f"_25._tcp.mail.example.com. IN TLSA 3 0 1 {leaf.sha256}\n"
        f"_465._tcp.mail.example.com. IN TLSA 3 0 1 {leaf.sha256}\n"
    )
    desk.write("full.pem", desk.tree.leaf.pem + desk.tree.intermediate.pem)
    anchor = desk.run("tlsa", "mail.example.com", "--cert", "full.pem", "--usage", "2")
    assert anchor.stdout.decode() == (
        f"_25._tcp.mail.example.com. IN TLSA 2 1 1 {middle.spki_sha256}\n"
    )
    alone = desk.run("tlsa", "mail.example.com", "--cert", "mail.crt", "--usage", "2")
    assert alone.returncode == 2
    assert b"holds none" in alone.stderr


@pytest.mark.parametrize("verb", ["show", "bundle", "match", "csr", "tlsa"])
def test_help_has_examples_and_imports_nothing_heavy(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "letterlock", "cert", verb, "--help"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"Example" in done.stdout
    assert f"letterlock cert {verb} ".encode() in done.stdout
    for heavy in (b"cryptography", b"httpx2", b"service_identity", b"msgspec", b"rich.table"):
        assert heavy not in done.stderr
