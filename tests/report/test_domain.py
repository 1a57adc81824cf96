"""A mail domain in every format."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from letterlock.findings.assess import assess
from letterlock.model.dns_answer import Answer, ResolverFacts
from letterlock.model.dns_facts import HostDns, TlsaSet
from letterlock.model.dns_promises import (
    CaaFacts,
    CaaIssuer,
    CaaRecord,
    StsForHost,
    StsMode,
    TlsRptFacts,
)
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.model.service import IMAPS, SMTP
from letterlock.model.unknown import Unknown
from letterlock.report import (
    csv_report,
    facts_document,
    html_report,
    json_report,
    junit_report,
    markdown_report,
    nagios_report,
    prometheus_report,
    sarif_report,
)
from letterlock.report.domain_rows import dns_rows
from letterlock.report.result import Result
from letterlock.report.terminal import show
from tests.findings.sample import good, target
from tests.findings.test_clients import PAGE, PROMISE
from tests.findings.test_clients import facts as clients
from tests.findings.test_dane import KEY
from tests.findings.test_exchange import BOGUS, SECURE, answer, domain, host
from tests.findings.test_mta_sts import TESTING, sts

EVIL = "\x1b[31m<script>\u202e"


def result() -> Result:
    facts = domain(host(f"{EVIL}.example"), host("b.example", answer(), answer()), security=BOGUS)
    whole = replace(
        target(), target="joe@example.com", name="example.com", endpoints=(), domain=facts
    )
    return Result(whole, assess(whole))


@pytest.mark.parametrize(
    "text",
    [
        lambda: html_report.document([result()]),
        lambda: markdown_report.document([result()]),
        lambda: csv_report.document([result()]),
        lambda: junit_report.document([result()], Severity.MEDIUM),
        lambda: sarif_report.document([result()]),
        lambda: prometheus_report.document([result()]),
        lambda: nagios_report.line([result()], Severity.MEDIUM, determined=True),
        lambda: json_report.document([result()]),
    ],
    ids=["html", "markdown", "csv", "junit", "sarif", "prometheus", "nagios", "json"],
)
def test_the_findings_are_told(text) -> None:  # type: ignore[no-untyped-def]
    told = text()
    assert any(word in told for word in ("dnssec-bogus", "signatures are broken"))
    assert "\x1b" not in told
    assert "\u202e" not in told


def promising() -> list[Result]:
    """A domain with all promises, and its MX host with TLSA, CAA and a policy."""
    known = replace(
        domain(host()),
        sts=sts(TESTING, "*.example"),
        tls_rpt=TlsRptFacts(answer(f"v=TLSRPTv1; rua=mailto:{EVIL}"), (f"mailto:{EVIL}",)),
        clients=clients(PROMISE, page=replace(PAGE, why=f"HTTP 404 {EVIL}")),
    )
    whole = replace(target(), target="@example.com", name="example.com", endpoints=(), domain=known)
    issuer = CaaRecord(0, "issue", EVIL, CaaIssuer("letsencrypt.org"))
    counts = Answer("example", (issuer,), SECURE)
    mx = HostDns(
        "a.example", "example.com", ResolverFacts("127.0.0.1", True), SECURE, host(),
        tlsa=(TlsaSet(25, Answer("_25._tcp.a.example", (KEY,), SECURE)),),
        sts=StsForHost("example.com", TESTING, "*.example"), caa=CaaFacts(counts, counts),
    )  # fmt: skip
    visited = replace(target(good(SMTP)), target="a.example (MX of example.com)", host=mx)
    return [Result(one, assess(one)) for one in (whole, visited)]


@pytest.mark.parametrize("document", [html_report.document, markdown_report.document])
def test_what_dns_says_is_told_in_rows(document) -> None:  # type: ignore[no-untyped-def]
    raw = document(promising())
    told = raw.replace("\\", "")
    for words in (
        "mode testing", "mx *.example", "TLS-RPT", "_imaps  a.example:993", "autoconfig",
        "a sender delivers", "TLSA 25", "3 1 1 6b6b6b6b6b6b6b6b…", "CAA",
    ):  # fmt: skip
        assert words in told
    assert "TLS on 0 of 0" not in told
    assert "the server as a whole: example.com" not in told
    assert "<script>" not in raw
    assert "\x1b" not in raw


def test_a_page_over_http_is_told_beside_its_address() -> None:
    known = replace(domain(host()), clients=clients(PROMISE, page=replace(PAGE, secure=False)))
    whole = replace(target(), endpoints=(), domain=known)
    told = markdown_report.document([Result(whole, assess(whole))]).replace("\\", "")
    assert f"{PAGE.at} (without TLS)" in told


@pytest.mark.parametrize(
    ("served", "pattern", "said"),
    [
        (good(SMTP), "*.example", "a sender delivers"),
        (good(SMTP), None, "the policy does not name it"),
        (replace(good(SMTP), handshake=None), "*.example", "a sender does not deliver"),
        (replace(good(SMTP), handshake=Unknown("refused")), "*.example", "not determined"),
        (good(IMAPS), "*.example", "not determined"),
    ],
)
def test_what_a_sender_does_today(served: EndpointFacts, pattern: str | None, said: str) -> None:
    _, known = promising()
    assert known.facts.host is not None
    spoken = StsForHost("example.com", StsMode.ENFORCE, pattern)
    mx = replace(known.facts.host, sts=spoken)
    seen = replace(known.facts, host=mx, endpoints=(served,))
    (row, *_) = dns_rows(Result(seen, assess(seen)))
    assert row.phrases[0].text == said


def test_promises_are_read_back_as_they_were_written() -> None:
    results = promising()
    assert list(facts_document.read(facts_document.written(results))) == results


def test_on_the_screen() -> None:
    file = io.StringIO()
    one = result()
    show(Console(file=file, width=80, highlight=False), one.facts, one.findings, one.verdict)
    told = file.getvalue()
    assert "b.example  no address (bogus)" in told
    assert "\x1b" not in told
    assert told.splitlines()[-1].startswith("Found: 1 high, 1 medium. DNS")
