"""`letterlock records`: printed, published, and nothing left to find."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from letterlock.certs.bundle import CertificateFiles
from letterlock.install.state import StateFolder
from letterlock.renew.handover import Handover
from letterlock.renew.pending import done as forget
from letterlock.renew.pending import keep
from tests.dns_lab import DnsLab
from tests.machine import HOSTNAME, ForbiddenError, Machine, follow_guide
from tests.web_lab import WebLab, page

pytestmark = pytest.mark.machine
DOMAIN = "example.com"
_CAA = ("--caa", "letsencrypt.org")
_WISHES = (
    "--domain",
    DOMAIN,
    "--mode",
    "enforce",
    "--mx",
    HOSTNAME,
    "--policy-host",
    "www.example.com",
    *_CAA,
)
#: Findings that are about DNS and what it leads to.
_ABOUT_DNS = (
    "dane-",
    "mta-sts-",
    "tls-rpt-",
    "caa-",
    "srv-",
    "promised-",
    "client",
    "dnssec-",
    "mx-",
)


@dataclass(frozen=True)
class Published:
    machine: Machine
    snippet: str
    policy: bytes


def new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def published() -> Iterator[Published]:
    """The records printed for a server that is in no DNS yet, and published."""
    try:
        machine = Machine()
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine, WebLab(machine) as web:
        follow_guide(machine)
        machine.write("/root/roots.pem", machine.read("/root/guide/root.pem") + web.root)
        machine.write("/root/next.key", new_key(), 0o600)
        machine.start()
        done = machine.warm_letterlock(
            "records", HOSTNAME, "--address", "127.0.0.1", *_WISHES, "--next-key", "/root/next.key",
            "--mta-sts-policy", "/root/mta-sts.txt",
        )  # fmt: skip
        assert done.status == 0, (done.text, done.complaints)
        policy = machine.read("/root/mta-sts.txt")
        lab = DnsLab(machine)
        lines = done.text.splitlines()
        lab.zone(DOMAIN, f"@ MX 10 {HOSTNAME}.", "mail A 127.0.0.1", "www A 127.0.2.1", *lines)
        lab.start()
        web.site("127.0.2.1", "mta-sts.example.com", page(policy))
        yield Published(machine, done.text, policy)


def test_after_publishing_there_is_nothing_to_find(published: Published) -> None:
    trusting = ("--ca-file", "/root/roots.pem")
    done = published.machine.warm_letterlock("check", f"@{DOMAIN}", *trusting, "--json", "-")
    report = json.loads(done.text)
    told = [f"{each['id']}: {each['evidence']}" for each in report["findings"]]
    assert [one for one in told if one.startswith(_ABOUT_DNS)] == []
    domain, mail, users = report["targets"]
    assert mail["host"]["sts"]["pattern"] == HOSTNAME
    assert len(mail["host"]["dane"]) == 1
    ports = sorted(one["port"] for one in users["host"]["promises"])
    assert ports == [110, 143, 465, 587, 993, 995]
    assert domain["domain"]["tls_rpt"]["addresses"] == [f"mailto:postmaster@{DOMAIN}"]


def test_a_real_name_server_takes_the_snippet(published: Published) -> None:
    head = f"{DOMAIN}. 60 IN SOA ns hostmaster 1 3600 600 86400 60\n{DOMAIN}. 60 IN NS ns.root.\n"
    published.machine.write("/root/snippet.zone", head + published.snippet)
    done = published.machine.run("nsd-checkzone", DOMAIN, "/root/snippet.zone")
    assert done.ok, (done.text, done.complaints)
    assert published.snippet.count("IN TLSA 3 1 1 ") == 14


def test_compared_all_is_there(published: Published) -> None:
    done = published.machine.warm_letterlock(
        "records", HOSTNAME, *_WISHES, "--next-key", "/root/next.key", "--compare",
        "--ca-file", "/root/roots.pem", COLUMNS="80",
    )  # fmt: skip
    assert done.status == 0, (done.text, done.complaints)
    assert "remove it once the next key is served and caches have forgotten it" in done.text
    assert done.text.splitlines()[-1] == "17 of 24 published; 7 to remove after the rollover."


def test_compared_after_the_rollover(published: Published) -> None:
    """The staged key is forgotten: its records are stale; so is the CA."""
    done = published.machine.warm_letterlock(
        "records", HOSTNAME, "--port", "25", "--domain", DOMAIN, "--caa", "sectigo.com",
        "--compare", "--ca-file", "/root/roots.pem", "--json", "-",
    )  # fmt: skip
    assert done.status == 1, done.complaints
    found = json.loads(done.text)["comparison"]
    told = [(each["type"], each["state"]) for each in found]
    assert told == [
        ("TLSA", "published"),
        ("TLSA", "stale"),
        ("CAA", "missing"),
        ("TXT", "missing"),
        ("TXT", "stale"),
        ("TXT", "published"),
    ]
    assert "publish it: at mail.example.com issue names letsencrypt.org alone" in found[2]["what"]
    assert "its policy is another (mode enforce)" in found[4]["what"]


def test_what_deploy_keeps_is_the_next_key(published: Published) -> None:
    machine = published.machine
    delivery = machine.delivery(folder="/root/renewed")
    files = CertificateFiles(str(delivery.certificate), str(delivery.key), (str(delivery.bundle),))
    kept = machine.call(lambda: keep(StateFolder(), Handover("certbot", HOSTNAME, files)))
    done = machine.warm_letterlock("records", HOSTNAME, "--port", "25", *_CAA)
    machine.call(lambda: forget(StateFolder(), kept))
    assert done.status == 0, done.complaints
    assert "the next key, of a certificate to be deployed" in done.text
    assert done.complaints == (
        "letterlock: the next key is of a certificate that is kept to be deployed",
    )


def test_an_ed25519_key_is_met_too(published: Published, tmp_path: Path) -> None:
    """No client of one key type, RSA or ECDSA, sees it."""
    machine = published.machine
    machine.must(
        "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "9", "-subj", "/CN=x",
        "-keyout", "/root/ed.key", "-out", "/root/ed.crt",
    )  # fmt: skip
    (tmp_path / "both.pem").write_bytes(machine.read("/root/ed.key") + machine.read("/root/ed.crt"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    machine.stop("Dovecot")
    try:
        with machine.call(lambda: socket.create_server(("127.0.0.1", 993))) as listener:
            serving = threading.Thread(target=serve, args=(listener, context))
            serving.start()
            done = machine.warm_letterlock("records", HOSTNAME, "--port", "993", *_CAA)
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()
    finally:
        machine.start("Dovecot")
    assert done.status == 0, done.complaints
    assert "the Ed25519 key that is served" in done.text


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError):
        while True:
            connected, _peer = listener.accept()
            with contextlib.suppress(OSError), connected:
                context.wrap_socket(connected, server_side=True).sendall(b"* BYE\r\n")


def test_from_a_file_nothing_is_visited(published: Published) -> None:
    done = published.machine.warm_letterlock(
        "records", "unheard-of.example.com", "--cert", f"/etc/ssl/certs/{HOSTNAME}.crt",
        "--port", "25", "--port", "587",
        "--caa", "LetsEncrypt.org; accounturi=https://a.example/Acct/1",
    )  # fmt: skip
    assert done.status == 0, done.complaints
    assert done.text.count("IN TLSA 3 1 1 ") == 2
    issuer = '"letsencrypt.org; accounturi=https://a.example/Acct/1"'
    assert f"\nunheard-of.example.com. 3600 IN CAA 0 issue {issuer}" in done.text
    assert "SRV" not in done.text


def test_the_policy_alone(published: Published) -> None:
    done = published.machine.warm_letterlock(
        "records", HOSTNAME, *_WISHES, "--cert", f"/etc/ssl/certs/{HOSTNAME}.crt",
        "--mta-sts-policy", "-",
    )  # fmt: skip
    assert done.text.encode() == published.policy


def test_what_a_policy_was_made_from_is_said_beside_it(published: Published) -> None:
    done = published.machine.warm_letterlock(
        "records", HOSTNAME, "--domain", "gone.example", "--cert",
        f"/etc/ssl/certs/{HOSTNAME}.crt", "--mta-sts-policy", "-",
    )  # fmt: skip
    assert f"mx: {HOSTNAME}" in done.text
    (remark,) = done.complaints
    assert remark.startswith(f"letterlock: the policy names {HOSTNAME} alone: ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("127.0.0.1",), 2, "'127.0.0.1' is not a host name alone"),
        (("mail.example.com:25",), 2, "is not a host name alone"),
        ((HOSTNAME, "--address", "www.example.com"), 2, "is not an address"),
        ((HOSTNAME, "--report-to", "postmaster"), 2, "neither a mailto: nor an https: address"),
        ((HOSTNAME, "--caa", "https://letsencrypt.org"), 2, "is not the domain of a CA"),
        ((HOSTNAME, "--caa", 'a.example; a="'), 2, "that no zone file holds as it is"),
        ((HOSTNAME, "--ttl", "0"), 2, "--ttl 0 is not between 1 and"),
        ((HOSTNAME, "--max-age", "-1"), 2, "--max-age -1 is not between 0 and"),
        ((HOSTNAME, "--port", "8025"), 2, "port 8025 is none of the mail ports; say --cert"),
        ((HOSTNAME, "--next-key", "/root/roots.pem"), 2, "holds no private key"),
        ((HOSTNAME, "--cert", "/root/gone.crt"), 2, "/root/gone.crt"),
        ((HOSTNAME, "--domain", DOMAIN, "--mx", "*.*.a"), 2, "neither a host name nor"),
        ((HOSTNAME, "--mta-sts-policy", "/root"), 2, "cannot be written: it is a folder"),
        ((HOSTNAME, "--mta-sts-policy", "-", "--json", "-"), 2, "would both go to stdout"),
        ((HOSTNAME, "--mta-sts-policy", "-"), 2, "--mta-sts-policy needs a domain"),
        (("gone.example.com",), 3, "cannot be resolved"),
        ((HOSTNAME, "--address", "192.0.2.1"), 3, "serves no certificate at 192.0.2.1"),
    ],
)
def test_wrong_input_is_one_line(
    published: Published, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = published.machine.warm_letterlock("records", *arguments)
    assert done.status == status, done.complaints
    (line,) = done.complaints
    assert said in line
    assert not done.text
