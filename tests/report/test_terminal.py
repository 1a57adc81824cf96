"""What stands on the screen: complete, in order, within its width, plain where nobody looks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from letterlock.findings.assess import assess
from letterlock.model.certificate import ChainFault
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.service import IMAP, IMAPS, POP3, SERVICES, SMTP, SUBMISSION, SUBMISSIONS
from letterlock.model.unknown import Cause, Unknown
from letterlock.report.terminal import show
from letterlock.report.text import places, suite_in_short
from tests.findings.sample import certificate, endpoint, good, greeting, handshake, target


def rendered(facts: TargetFacts, width: int = 80, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=terminal,
        highlight=False,
        color_system="standard" if terminal else "auto",
    )
    show(console, facts, assess(facts))
    return file.getvalue()


def refused(facts: EndpointFacts) -> EndpointFacts:
    unknown = Unknown("connection refused", Cause.CONNECTION_REFUSED)
    greeting_ = None if facts.greeting is None else unknown
    return replace(facts, greeting=greeting_, handshake=unknown, closed=True)


def mixed() -> TargetFacts:
    """Most of what can be, on one server."""
    old = certificate(left=-3, sha256="00" * 32)
    return target(
        replace(good(SMTP), handshake=handshake(ChainFault.SELF_SIGNED)),
        refused(good(POP3)),
        replace(
            good(IMAP), greeting=greeting("LOGIN", "AUTH PLAIN", starttls=False), handshake=None
        ),
        replace(good(SUBMISSIONS), handshake=Unknown("the TLS alert x", Cause.TLS_ALERT)),
        replace(
            good(SUBMISSION),
            handshake=handshake(
                version="TLSv1.2", suite="TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
            ),
        ),
        replace(good(IMAPS), handshake=handshake(ChainFault.EXPIRED, leaf=old)),
    )


EXPECTED = """\
mail.example.com
192.0.2.25
port  service      TLS       version  cipher suite    certificate  open login
────────────────────────────────────────────────────────────────────────────────
  25  smtp         STARTTLS  TLSv1.3  AES_128_GCM     ✗ A 60 d     no
 110  pop3         closed
 143  imap         none                                            LOGIN, AUTH
                                                                   PLAIN
 465  submissions  fails
 587  submission   STARTTLS  TLSv1.2  ECDHE_CHACHA20  ✓ A 60 d     no
 993  imaps        implicit  TLSv1.3  AES_128_GCM     ✗ B expired

Certificate A  ports 25, 587
names    mail.example.com
valid    2026-10-23 to 2027-01-21, 60 days left
key      RSA 2048, signed with sha256WithRSAEncryption
chain    CN=mail.example.com  (reaches no trusted root)
SHA-256  abababababababababababababababababababababababababababababababab

Certificate B  port 993
names    mail.example.com
valid    2026-08-21 to 2026-11-19, expired 3 days ago
key      RSA 2048, signed with sha256WithRSAEncryption
chain    CN=mail.example.com  (reaches no trusted root)
SHA-256  0000000000000000000000000000000000000000000000000000000000000000

critical The certificate has expired  certificate-expired
         port 993: the certificate: expired
       → Renew the certificate, put it where Dovecot's ssl_cert (2.4:
         ssl_server_cert_file) points, doveadm reload.
         RFC 5280 section 4.1.2.5
"""


def test_the_screen_at_80_columns() -> None:
    assert rendered(mixed()).startswith(EXPECTED)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    for line in rendered(mixed(), width).splitlines():
        assert cell_len(line) <= width
        assert line == line.rstrip()


def test_suites_and_groups_in_full_where_there_is_room() -> None:
    text = rendered(mixed(), 120)
    assert "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256  x25519" in text


def test_findings_stand_worst_first_and_once_each() -> None:
    text = rendered(mixed())
    ids = [
        "certificate-expired",
        "cleartext-login",
        "handshake-failed",
        "starttls-not-offered",
        "certificates-differ",
        "self-signed",
    ]
    places_ = [text.index(f"  {id_}\n") for id_ in ids]
    assert places_ == sorted(places_)
    assert all(text.count(f"  {id_}\n") == 1 for id_ in ids)
    assert "Found: 1 critical, 3 high, 1 medium, 1 low. TLS on 3 of 6 ports" in text


def test_plain_without_a_terminal_and_coloured_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in rendered(mixed())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in rendered(mixed(), terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in rendered(mixed(), terminal=True)


def test_nothing_to_complain_about() -> None:
    text = rendered(target())
    assert "Nothing to complain about. TLS on 7 of 7 ports; 7 connections, 0.5 s." in text
    assert "Certificate\n" in text
    assert "CN=mail.example.com ← CN=Example Root  (trusted)" in text


def test_nothing_answers() -> None:
    text = rendered(target(*(refused(good(service)) for service in SERVICES)))
    assert "192.0.2.25  nothing on any of 7 ports: connection refused" in text
    assert "Nothing could be verified." in text


def test_text_from_the_wire_is_no_markup() -> None:
    facts = replace(good(SMTP), greeting=greeting("[red]AUTH[/red]"))
    assert "[red]AUTH[/red]" in rendered(target(facts), 120)


def test_places() -> None:
    two = [endpoint(SMTP), endpoint(IMAP), endpoint(SMTP, "::1")]
    assert places([endpoint(SMTP)], 1) == "port 25"
    assert places(two[:2], 1) == "ports 25, 143"
    assert places(two, 2) == "ports 25, 143 at 192.0.2.25; port 25 at ::1"
    assert places([two[0], two[2]], 2) == "port 25"
    assert places([], 2) == "the server as a whole"


@pytest.mark.parametrize(
    ("iana", "short"),
    [
        ("TLS_AES_256_GCM_SHA384", "AES_256_GCM"),
        ("TLS_CHACHA20_POLY1305_SHA256", "CHACHA20"),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE_AES_128_GCM"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", "RSA_AES_128_CBC_SHA256"),
        ("TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE_AES_256_CBC_SHA256"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "RSA_AES_128_CBC_SHA"),
    ],
)
def test_suite_in_short(iana: str, short: str) -> None:
    assert suite_in_short(iana) == short
