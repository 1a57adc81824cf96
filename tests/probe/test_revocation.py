"""`check --online`: a real responder and a real list, and ones that misbehave."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from letterlock.certs.trust import TrustStore
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.revocation import Revocation, Status, Told
from letterlock.model.service import IMAPS, Endpoint
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe import revocation
from letterlock.probe.chain import read_chain
from letterlock.probe.fetch import Bounds
from letterlock.probe.revocation import Inquirer
from tests import warm
from tests.certs.authority import Issued, issue, key_usage, make_root
from tests.weak_servers import HOSTNAME, mail

Reply = Callable[[BaseHTTPRequestHandler], None]
NOW = datetime.now(UTC)
SPAN = {"before": NOW - timedelta(days=1), "after": NOW + timedelta(days=60)}
ROOT = make_root("Online Root", before=SPAN["before"], after=SPAN["after"])


class _Site(ThreadingHTTPServer):
    """Answers each path as `replies` has it, and remembers who asked for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Reply] = {}
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        if self.command == "POST":
            self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.replies[self.path](self)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the tests' terminal."""


def says(body: bytes, status: int = 200, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def trickles(handler: BaseHTTPRequestHandler) -> None:
    """A header a while, for ever: each within what one step may take."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            handler.wfile.write(b"X: y\r\n")
            time.sleep(0.05)
    except OSError:
        return


@pytest.fixture
def site() -> Iterator[_Site]:
    with _Site() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def leaf(*, ocsp: str | None = None, crl: str | None = None, issuer: Issued = ROOT) -> Issued:
    extra: list[tuple[x509.ExtensionType, bool]] = []
    if ocsp:
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        extra.append((x509.AuthorityInformationAccess([place]), False))
    if crl:
        name = [x509.UniformResourceIdentifier(crl)]
        extra.append(
            (x509.CRLDistributionPoints([x509.DistributionPoint(name, None, None, None)]), False)
        )
    return issue(HOSTNAME, issuer, names=[HOSTNAME], extra=extra, **SPAN)  # type: ignore[arg-type]


def served(*chain: Issued, trust: TrustStore) -> EndpointFacts:
    ders = tuple(one.der for one in chain)
    read, verdict = read_chain(ders, HOSTNAME, trust, NOW)
    seen = Handshake("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", read, verdict, 0.01)
    return EndpointFacts(Endpoint("192.0.2.1", 993, IMAPS), HOSTNAME, None, seen)


def ask(*chain: Issued, inquirer: Inquirer | None = None) -> tuple[Revocation, ...]:
    trust = TrustStore.of([ROOT.facts])
    return (inquirer or Inquirer(trust))([served(*chain, trust=trust)])


def reason(*chain: Issued) -> str:
    (found,) = ask(*chain)
    assert isinstance(found.told, Unknown), found
    assert "\n" not in found.told.reason
    return found.told.reason


# --- OpenSSL as the CA


@dataclass
class Authority:
    """What `openssl ca` keeps, of ROOT: certificates become revoked by a line in its index."""

    folder: Path
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file("ca.pem", ROOT.pem)
        self.file("ca.key", ROOT.key_pem)
        self.file("crlnumber", b"01\n")
        self.file(
            "ca.cnf",
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.folder}/index.txt\n"
            f"crlnumber={self.folder}/crlnumber\ndefault_md=sha256\n".encode(),
        )
        self.file("index.txt", b"")

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_bytes(data)
        return path

    def note(self, one: Issued, revoked: str = "") -> None:
        """`revoked` as YYMMDDHHMMSSZ,reason."""
        state = "R" if revoked else "V"
        serial = f"{one.certificate.serial_number:X}"
        serial = serial.zfill(len(serial) + len(serial) % 2)
        end = f"{one.certificate.not_valid_after_utc:%y%m%d%H%M%SZ}"
        self.lines.append(f"{state}\t{end}\t{revoked}\t{serial}\tunknown\t/CN={HOSTNAME}\n")
        self.file("index.txt", "".join(self.lines).encode())

    def crl(self, *options: str) -> bytes:
        done = subprocess.run(
            ["openssl", "ca", "-config", self.folder / "ca.cnf", "-gencrl", "-keyfile",
             self.folder / "ca.key", "-cert", self.folder / "ca.pem",
             *(options or ("-crldays", "1"))],
            capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout

    @contextmanager
    def responder(self, port: int, signer: Issued = ROOT, *options: str) -> Iterator[None]:
        """`openssl ocsp` at work. It can only be told to listen on every address."""
        file = self.file("signer.pem", signer.pem + signer.key_pem)
        process = subprocess.Popen(
            ["openssl", "ocsp", "-index", self.folder / "index.txt", "-CA", self.folder / "ca.pem",
             "-rsigner", file, "-port", str(port), *(options or ("-nmin", "5"))],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait_for(process)
            yield
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes]) -> None:
    """Until it says so: a connection that asks nothing is one too many for it."""
    assert process.stdout is not None
    said = b""
    while b"waiting for" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    threading.Thread(target=process.stdout.read, daemon=True).start()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "ca"
    folder.mkdir()
    return Authority(folder)


YESTERDAY = f"{NOW - timedelta(hours=20):%y%m%d%H%M%SZ}"


def appointed() -> Issued:
    return issue("Responder", ROOT, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING], **SPAN)  # type: ignore[arg-type]


@pytest.mark.parametrize("delegated", [False, True])
def test_openssls_responder(authority: Authority, delegated: bool) -> None:
    port = _free_port()
    good, bad, unknown = (leaf(ocsp=f"http://127.0.0.1:{port}") for _ in range(3))
    authority.note(good)
    authority.note(bad, f"{YESTERDAY},keyCompromise")
    inquirer = Inquirer(TrustStore.of([ROOT.facts]))
    with authority.responder(port, appointed() if delegated else ROOT):
        (fine,) = ask(good, inquirer=inquirer)
        (revoked,) = ask(bad, inquirer=inquirer)
        assert "does not know the certificate" in reason(unknown)
    assert isinstance(fine.told, Told) and fine.told.status is Status.GOOD
    assert fine.source == f"OCSP http://127.0.0.1:{port}"
    assert isinstance(revoked.told, Told) and revoked.told.status is Status.REVOKED
    assert revoked.told.reason == "keyCompromise"
    assert revoked.told.revoked_at and f"{revoked.told.revoked_at:%y%m%d%H%M%SZ}" == YESTERDAY
    # What was told once is not asked again: nobody listens any more.
    assert ask(good, inquirer=inquirer) == (fine,)
    assert "cannot be fetched" in reason(leaf(ocsp=f"http://127.0.0.1:{port}"))


def test_openssls_responder_with_a_signer_that_the_ca_did_not_appoint(authority: Authority) -> None:
    port = _free_port()
    one = leaf(ocsp=f"http://127.0.0.1:{port}")
    authority.note(one)
    stranger = issue("Stranger", make_root("Elsewhere"), **SPAN)  # type: ignore[arg-type]
    with authority.responder(port, stranger):
        assert "CN=Stranger, whom the CA did not appoint" in reason(one)


def test_openssls_list(authority: Authority, site: _Site) -> None:
    good, bad = (leaf(crl=site.url("/ca.crl")) for _ in range(2))
    authority.note(good)
    authority.note(bad, f"{YESTERDAY},superseded")
    site.replies["/ca.crl"] = says(authority.crl())
    inquirer = Inquirer(TrustStore.of([ROOT.facts]))
    (fine,), (revoked,) = ask(good, inquirer=inquirer), ask(bad, inquirer=inquirer)
    assert isinstance(fine.told, Told) and fine.told.status is Status.GOOD
    assert fine.source == f"CRL {site.url('/ca.crl')}"
    assert isinstance(revoked.told, Told) and revoked.told.reason == "superseded"
    assert site.asked == ["GET /ca.crl"]


# --- lists instead of responders, and which certificates are asked about


def test_a_list_where_the_responder_fails(authority: Authority, site: _Site) -> None:
    site.replies |= {"/ocsp": says(b"", 503), "/ca.crl": says(authority.crl())}
    (found,) = ask(leaf(ocsp=site.url("/ocsp"), crl=site.url("/ca.crl")))
    assert isinstance(found.told, Told) and found.source.startswith("CRL ")
    assert site.asked == ["POST /ocsp", "GET /ca.crl"]


def test_a_list_that_has_moved(authority: Authority, site: _Site) -> None:
    site.replies["/old"] = says(b"", 301, Location="/ca.crl")
    site.replies["/ca.crl"] = says(authority.crl())
    (found,) = ask(leaf(crl=site.url("/old")))
    assert isinstance(found.told, Told)


def test_intermediates_are_asked_about_and_roots_are_not(site: _Site) -> None:
    usage = key_usage(key_cert_sign=True, crl_sign=True)
    middle = issue("Middle", ROOT, ca=True, usage=usage, **SPAN)  # type: ignore[arg-type]
    found = ask(leaf(issuer=middle), middle)
    assert [each.certificate.subject for each in found] == [f"CN={HOSTNAME}", "CN=Middle"]
    assert {each.told.cause for each in found if isinstance(each.told, Unknown)} == {
        Cause.NOT_APPLICABLE
    }
    assert site.asked == []


def test_a_chain_without_its_issuer_asks_nobody(site: _Site) -> None:
    stranger = make_root("Nobody Knows", **SPAN)
    assert "issuer's certificate is not at hand" in reason(
        leaf(issuer=stranger, ocsp=site.url("/ocsp"))
    )
    assert site.asked == []


# --- hostile answers


def bound(monkeypatch: pytest.MonkeyPatch, longest: float) -> None:
    ocsp = replace(revocation.OCSP_BOUNDS, longest=longest)
    monkeypatch.setattr(revocation, "OCSP_BOUNDS", ocsp)
    monkeypatch.setattr(revocation, "CRL_BOUNDS", Bounds(64 * 1024, longest=longest, redirects=3))


HOSTILE: dict[str, tuple[Reply, str]] = {
    "an error": (says(b"x", 500), "500"),
    "nothing": (says(b""), "not an OCSP|not a CRL"),
    "a page": (says(b"<html>blocked</html>"), "not an OCSP|not a CRL"),
    "a flood": (says(b"x" * (64 * 1024 + 1)), "gives more than 64 KiB"),
    "a trickle": (trickles, "takes longer than 0.5 s"),
    "a circle": (says(b"", 302, Location="/it"), "cannot be fetched"),
    "another scheme": (says(b"", 302, Location="file:///etc/passwd"), "cannot be fetched"),
    "a hang-up": (lambda handler: handler.connection.close(), "cannot be fetched"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("kind", ["ocsp", "crl"])
def test_hostile_answers(
    site: _Site, case: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Impatient with what never ends, and with nothing else: a busy machine is slow.
    bound(monkeypatch, 0.5 if case == "a trickle" else 60)
    site.replies["/it"], text = HOSTILE[case]
    asked = site.url("/it")
    one = leaf(ocsp=asked) if kind == "ocsp" else leaf(crl=asked)
    assert re.search(text, reason(one))


def test_a_list_that_has_ended(authority: Authority, site: _Site) -> None:
    ended = authority.crl(
        "-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20260201000000Z"
    )
    site.replies["/it"] = says(ended)
    assert "was valid until 2026-02-01" in reason(leaf(crl=site.url("/it")))


@pytest.mark.parametrize("url", ["ldap://ca.example/cn=x", "file:///etc/passwd", "ftp://x/y", "x"])
def test_addresses_that_are_not_http(url: str) -> None:
    assert "names neither OCSP nor CRL" in reason(leaf(ocsp=url, crl=url))


def test_only_so_many_addresses_are_tried(site: _Site) -> None:
    paths = [f"/{number}" for number in range(9)]
    site.replies |= dict.fromkeys(paths, says(b"", 404))
    names = [[x509.UniformResourceIdentifier(site.url(path))] for path in paths]
    points = [x509.DistributionPoint(name, None, None, None) for name in names]
    one = issue(HOSTNAME, ROOT, extra=[(x509.CRLDistributionPoints(points), False)], **SPAN)  # type: ignore[arg-type]
    reason(one)
    assert len(site.asked) == 2


# --- the program


def test_check_online(authority: Authority, site: _Site, tmp_path: Path) -> None:
    one = leaf(crl=site.url("/ca.crl"))
    file = authority.file("served.pem", one.key_pem + one.certificate.public_bytes(Encoding.PEM))
    root = tmp_path / "root.pem"
    root.write_bytes(ROOT.pem)
    authority.note(one)

    def check(*more: str) -> tuple[int, dict[str, object], str]:
        with mail(IMAPS, file=file) as endpoint:
            done = warm.run(
                "check", str(endpoint), "--service", "imaps", "--name", HOSTNAME, "--ca-file",
                str(root), "--depth", "verdict", "--json", str(tmp_path / "told.json"), *more,
                environment=os.environ | {"NO_COLOR": "1", "COLUMNS": "120"},
            )  # fmt: skip
        return done.status, json.loads((tmp_path / "told.json").read_text()), done.text

    site.replies["/ca.crl"] = says(authority.crl())
    _, told, _ = check()
    assert "revocations" not in told["targets"][0] and site.asked == []  # type: ignore[index]
    _, told, screen = check("--online")
    assert told["targets"][0]["revocations"][0]["status"] == "good"  # type: ignore[index]
    assert f"is not revoked: CRL {site.url('/ca.crl')}" in screen
    authority.lines.clear()
    authority.note(one, f"{YESTERDAY},keyCompromise")
    site.replies["/ca.crl"] = says(authority.crl())
    status, told, screen = check("--online")
    assert status == 1
    (finding,) = [each for each in told["findings"] if each["id"] == "certificate-revoked"]  # type: ignore[attr-defined]
    assert finding["severity"] == "critical" and "keyCompromise" in finding["evidence"]
    site.replies["/ca.crl"] = says(b"", 404)
    status, told, screen = check("--online", "--fail-on", "critical")
    assert status == 3
    assert "revocation-unknown" in {each["id"] for each in told["findings"]}  # type: ignore[attr-defined]
