"""SARIF 2.1.0 (OASIS), as code scanning reads it. A mail server has no files: each result is at a
logical location, and at a made-up relative path TARGET/PORT for readers that insist on one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from letterlock import __version__
from letterlock.model.facts import TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.report.escape import cleaned, json_text
from letterlock.report.result import Result
from letterlock.report.text import grouped, utc

_Json = dict[str, Any]
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "none",
}
#: What GitHub sorts by: CVSS-like numbers at the middle of each of its classes.
_NUMBERS = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}


def document(results: Iterable[Result]) -> str:
    """One run for all targets."""
    results = [cleaned(each) for each in results]
    findings = [finding for result in results for finding in result.findings]
    rules = [_rule(group.worst) for group in grouped(findings)]
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "letterlock",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": rules,
            }
        },
        "invocations": [_invocation(results)],
        "results": [
            _result(finding, result.facts, places)
            for result in results
            for finding in result.findings
        ],
        "columnKind": "unicodeCodePoints",
    }
    whole = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json_text(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _invocation(results: Sequence[Result]) -> _Json:
    starts = [utc(each.facts.started) for each in results]
    return {"executionSuccessful": True, **({"startTimeUtc": min(starts)} if starts else {})}


def _rule(finding: Finding) -> _Json:
    return {
        "id": finding.id,
        "name": "".join(word.capitalize() for word in finding.id.split("-")),
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": f"{finding.title}. Source: {finding.source}."},
        "help": {"text": f"{finding.remedy} Source: {finding.source}."},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "security-severity": _NUMBERS[finding.severity],
            "tags": ["security", "tls", "mail"],
        },
    }


def _result(finding: Finding, facts: TargetFacts, places: dict[str, int]) -> _Json:
    where = str(finding.endpoint) if finding.endpoint else "the server as a whole"
    return {
        "ruleId": finding.id,
        "ruleIndex": places[finding.id],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.title}: {finding.evidence}. {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _path(finding, facts)},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": f"{facts.target} {where}", "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"letterlock/v1": _fingerprint(finding, facts)},
        "properties": {
            "severity": finding.severity.value,
            "role": finding.role.value if finding.role else None,
            "source": finding.source,
        },
    }


def _path(finding: Finding, facts: TargetFacts) -> str:
    path = quote(facts.target, safe="")
    return f"{path}/{finding.endpoint.port}" if finding.endpoint else path


def _fingerprint(finding: Finding, facts: TargetFacts) -> str:
    """The same for the same kind of finding at the same place, whatever its evidence says."""
    text = f"{facts.target}\n{finding.id}\n{finding.endpoint or ''}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
