"""The JSON's shape, which scripts rely on."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from typing import Any

import trustme

from letterlock.certs.x509 import facts as read
from letterlock.findings.assess import assess
from letterlock.model.certificate import ChainFault
from letterlock.model.service import IMAP, IMAPS, SMTP
from letterlock.model.unknown import Cause, Unknown
from letterlock.report.json_report import document
from letterlock.report.result import Result
from tests.findings.sample import certificate, good, greeting, handshake, target


def whole(*, pem: bool = False) -> dict[str, Any]:
    old = certificate(left=5.5, sha256="00" * 32)
    der = ssl.PEM_cert_to_DER_cert(
        trustme.CA().issue_cert("mail.example.com").cert_chain_pems[0].bytes().decode()
    )
    facts = target(
        replace(good(SMTP), handshake=handshake(leaf=read(der))),
        replace(good(IMAP), greeting=greeting("LOGIN", starttls=False), handshake=None),
        replace(good(IMAPS), handshake=handshake(ChainFault.SELF_SIGNED, leaf=old)),
        replace(good(SMTP, "::1"), handshake=Unknown("no", Cause.TLS_ALERT)),
    )
    result: dict[str, Any] = json.loads(document([Result(facts, assess(facts))], pem=pem))
    return result


def test_endpoints() -> None:
    endpoints = whole()["endpoints"]
    assert [(each["address"], each["port"], each["service"]) for each in endpoints] == [
        ("192.0.2.25", 25, "smtp"),
        ("192.0.2.25", 143, "imap"),
        ("192.0.2.25", 993, "imaps"),
        ("::1", 25, "smtp"),
    ]
    smtp, imap, imaps, failed = endpoints
    assert smtp["role"] == "mx"
    assert smtp["tls"] == "starttls"
    assert smtp["protocol"] == "smtp"
    assert smtp["greeting"]["starttls_offered"] is True
    assert smtp["handshake"]["version"] == "TLSv1.3"
    assert smtp["handshake"]["cipher_suite"] == "TLS_AES_128_GCM_SHA256"
    assert smtp["handshake"]["named_group"] == "x25519"
    assert smtp["capabilities_inside"] == ["SIZE 1"]
    assert imap["greeting"]["cleartext_logins"] == ["LOGIN"]
    assert imap["handshake"] is None
    assert imaps["greeting"] is None
    assert failed["handshake"] == {"unknown": "no", "cause": "tls-alert"}


def test_certificates_and_verdict() -> None:
    handshake_ = whole()["endpoints"][2]["handshake"]
    (leaf,) = handshake_["chain"]
    assert leaf["not_after"] == "2026-11-28T00:00:00Z"
    assert leaf["days_left"] == 5
    assert leaf["sha256"] == "00" * 32
    assert leaf["public_key"] == {"algorithm": "RSA", "bits": 2048, "curve": None}
    assert handshake_["verdict"] == {
        "accepted": False,
        "anchor": None,
        "path": ["00" * 32],
        "problems": [{"fault": "self-signed", "text": "the certificate: self-signed"}],
    }


def test_findings() -> None:
    findings = whole()["findings"]
    assert {each["target"] for each in findings} == {"mail.example.com"}
    (failed,) = [each for each in findings if each["id"] == "handshake-failed"]
    assert failed["endpoint"] == {"address": "::1", "port": 25}
    assert failed["severity"] == "high"
    assert failed["role"] == "mx"
    assert failed["evidence"] == "no"
    assert failed["source"].startswith("RFC 8446")
    assert "smtpd_tls_protocols" in failed["remedy"]
    (parity,) = [each for each in findings if each["id"] == "certificates-differ"]
    assert parity["endpoint"] is None
    assert parity["role"] is None


def test_the_frame() -> None:
    result = whole()
    assert result["format_version"] == 1
    assert result["targets"] == [
        {
            "target": "mail.example.com",
            "name": "mail.example.com",
            "started": "2026-11-22T12:00:00Z",
            "seconds": 0.5,
            "connections": 4,
            "grade": None,
            "domain": None,
            "host": None,
        }
    ]


def test_pem_only_when_asked_for() -> None:
    without = whole()["endpoints"][0]["handshake"]["chain"][0]
    assert "pem" not in without
    assert "der" not in without
    (leaf,) = whole(pem=True)["endpoints"][0]["handshake"]["chain"]
    assert read(ssl.PEM_cert_to_DER_cert(leaf["pem"])).sha256 == leaf["sha256"]
    assert max(map(len, leaf["pem"].splitlines())) == 64
