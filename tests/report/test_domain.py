"""A mail domain in every format."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from letterlock.findings.assess import assess
from letterlock.model.finding import Severity
from letterlock.report import (
    csv_report,
    html_report,
    json_report,
    junit_report,
    markdown_report,
    nagios_report,
    prometheus_report,
    sarif_report,
)
from letterlock.report.result import Result
from letterlock.report.terminal import show
from tests.findings.sample import target
from tests.findings.test_exchange import BOGUS, answer, domain, host

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


def test_on_the_screen() -> None:
    file = io.StringIO()
    one = result()
    show(Console(file=file, width=80, highlight=False), one.facts, one.findings, one.verdict)
    told = file.getvalue()
    assert "b.example  no address (bogus)" in told
    assert "\x1b" not in told
    assert told.splitlines()[-1].startswith("Found: 1 high, 1 medium. DNS")
