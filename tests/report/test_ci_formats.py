"""What the readers of each format rely on, beyond the words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from letterlock.model.facts import Handshake
from letterlock.model.finding import Severity
from letterlock.report import (
    html_report,
    junit_report,
    nagios_report,
    prometheus_report,
    sarif_report,
)
from letterlock.report.nagios_report import PluginStatus
from letterlock.report.result import Result
from tests.findings.sample import target
from tests.report.sample import findings, result

# --- SARIF 2.1.0


def run(*results: Result) -> Any:
    whole = json.loads(sarif_report.document(results))
    assert whole["version"] == "2.1.0"
    (only,) = whole["runs"]
    return only


def test_sarif_rules_and_results() -> None:
    only = run(result(), result())
    rules = only["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == ["old-versions", "certificates-differ", "port-closed"]
    assert len(only["results"]) == 8
    for each in only["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        assert each["level"] in ("none", "note", "warning", "error")
        assert each["message"]["text"]
        (place,) = each["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%._~/-]+", uri)
    levels = [each["level"] for each in only["results"][:4]]
    assert levels == ["error", "note", "warning", "none"]


def test_sarif_fingerprints_outlive_the_evidence() -> None:
    """Code scanning tells by them what is new: the same finding at another place is another."""
    later = replace(findings()[0], evidence="TLSv1 and TLSv1.1")
    prints = [
        each["partialFingerprints"]["letterlock/v1"]
        for each in run(result(), replace(result(), findings=(later,)))["results"]
    ]
    assert prints[0] == prints[4]
    assert len(set(prints[:4])) == 4


def test_sarif_of_nothing() -> None:
    assert run()["results"] == []
    assert run(Result(target(), ()))["tool"]["driver"]["rules"] == []


# --- JUnit


@pytest.mark.parametrize(
    ("fail_on", "failures"),
    [(Severity.INFO, 4), (Severity.LOW, 3), (Severity.MEDIUM, 2), (Severity.CRITICAL, 0)],
)
def test_junit_counts(fail_on: Severity, failures: int) -> None:
    top = ET.fromstring(junit_report.document([result()], fail_on))  # noqa: S314 - our own
    (suite,) = top
    assert suite.get("failures") == str(failures) == str(len(suite.findall("testcase/failure")))
    assert suite.get("tests") == "8"
    assert suite.get("skipped") == "1"
    assert [each.get("name") for each in suite.findall("testcase[skipped]")] == [
        "submissions at 192.0.2.25:465"
    ]


# --- Nagios


@pytest.mark.parametrize(
    ("severities", "fail_on", "determined", "expected"),
    [
        ((), Severity.MEDIUM, True, PluginStatus.OK),
        ((), Severity.MEDIUM, False, PluginStatus.UNKNOWN),
        ((Severity.LOW,), Severity.MEDIUM, True, PluginStatus.OK),
        ((Severity.LOW,), Severity.LOW, True, PluginStatus.WARNING),
        ((Severity.MEDIUM,), Severity.MEDIUM, False, PluginStatus.WARNING),
        ((Severity.LOW, Severity.HIGH), Severity.MEDIUM, False, PluginStatus.CRITICAL),
        ((Severity.HIGH,), Severity.CRITICAL, True, PluginStatus.OK),
        ((Severity.CRITICAL,), Severity.CRITICAL, True, PluginStatus.CRITICAL),
    ],
)
def test_nagios_status(
    severities: tuple[Severity, ...], fail_on: Severity, determined: bool, expected: PluginStatus
) -> None:
    told = tuple(replace(findings()[0], severity=severity) for severity in severities)
    one = [Result(target(), told)]
    assert nagios_report.status(one, fail_on, determined=determined) is expected
    line = nagios_report.line(one, fail_on, determined=determined)
    assert line.startswith(f"LETTERLOCK {expected.name} - ")


def test_nagios_without_a_result() -> None:
    assert nagios_report.status([], Severity.MEDIUM, determined=True) is PluginStatus.UNKNOWN


# --- Prometheus


def test_what_is_not_known_has_no_sample() -> None:
    said = prometheus_report.document([result()])
    offered = 'letterlock_protocol_offered{target="mail.example.com",address="192.0.2.25",port="25"'
    assert f'{offered},service="smtp",protocol="TLSv1"}} 1\n' in said
    assert f'{offered},service="smtp",protocol="SSLv3"}} 0\n' in said
    assert f'{offered},service="smtp",protocol="TLSv1.1"}}' not in said
    assert (
        'letterlock_endpoint_tls{target="mail.example.com",address="192.0.2.25",port="465"'
        not in (said)
    )


def test_metrics_stand_together_under_one_help() -> None:
    """The format wants all samples of a metric in one group."""
    said = prometheus_report.document([result(), replace(result(), facts=target())])
    names = [
        line.split()[2] if line.startswith("# TYPE") else line.partition("{")[0]
        for line in said.splitlines()
        if not line.startswith("# HELP")
    ]
    together = [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    assert len(together) == len(set(together))


def test_a_certificates_end_is_in_seconds() -> None:
    one = result()
    handshake = one.facts.endpoints[0].handshake
    assert isinstance(handshake, Handshake)
    expected = int(handshake.chain[0].not_after.timestamp())
    said = prometheus_report.document([one])
    assert re.search(rf'not_after_timestamp_seconds{{[^}}]*port="25"[^}}]*}} {expected}\n', said)


# --- HTML

PAGE = html_report.document([result()])


def test_the_page_needs_nothing_else() -> None:
    assert "<script" not in PAGE
    two = html_report.document([result(), result()])
    assert not re.search(r"src=|href=\"[^#]|@import|url\(", PAGE + two)
    anchors = re.findall(r'href="#([^"]+)"', two)
    assert anchors == re.findall(r'<article id="([^"]+)"', two) == ["server-1", "server-2"]
    assert "default-src 'none'" in PAGE


def test_headings_descend_and_headers_have_a_scope() -> None:
    levels = [int(each) for each in re.findall(r"<h([1-6])", PAGE)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope=" in each for each in re.findall(r"<th\b[^>]*>", PAGE))
    assert '<html lang="en">' in PAGE


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    full = colour if len(colour) == 6 else "".join(char * 2 for char in colour)
    parts = [int(full[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", range(3), ids=["light", "dark", "paper"])
def test_every_colour_can_be_read(scheme: int) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    block = re.findall(r":root \{(.*?)\}", PAGE, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): #([0-9a-f]{3,6});", block))
    for name in ("ink", "soft", "good", "weak", "bad", "info", "low"):
        for ground in ("paper", "sheet"):
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def test_nothing_found_is_said() -> None:
    assert "Nothing found to complain about." in html_report.document([Result(target(), ())])
    assert "Nothing was looked at" in html_report.document([])
