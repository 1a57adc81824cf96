"""For spreadsheets: a line for each finding at each endpoint, and one for an endpoint without any
(RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.finding import Finding
from letterlock.report.escape import csv_cell
from letterlock.report.ports import grade_phrase, tls_phrase, version_phrases
from letterlock.report.result import Result
from letterlock.report.text import utc

COLUMNS = (
    "target", "name", "address", "port", "service", "role", "tls", "versions", "cipher_suite",
    "certificate_accepted", "not_after", "days_left", "grade", "severity", "id", "title",
    "evidence", "source", "remedy",
)  # fmt: skip


def document(results: Iterable[Result]) -> str:
    """All targets in one table, with a heading, lines ended by CR LF."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for result in results:
        for line in _lines(result):
            writer.writerow([csv_cell(each) for each in line])
    return file.getvalue()


def _lines(result: Result) -> Iterator[tuple[object, ...]]:
    start = (result.facts.target, result.facts.name)
    for each in result.facts.endpoints:
        cells = (*start, *_endpoint(each, result))
        here = [one for one in result.findings if one.endpoint == each.endpoint]
        for finding in here:
            yield (*cells, *_finding(finding))
        if not here:
            yield (*cells, *[None] * 6)
    for finding in result.findings:
        if finding.endpoint is None:
            yield (*start, *[None] * 11, *_finding(finding))


def _endpoint(each: EndpointFacts, result: Result) -> tuple[object, ...]:
    service = each.endpoint.service
    verdict = result.verdict.at(each.endpoint) if result.verdict else None
    return (
        each.endpoint.address,
        each.endpoint.port,
        service.name,
        service.role.value,
        tls_phrase(each).text,
        " ".join(phrase.text for phrase in version_phrases(each)),
        *_handshake(each, result),
        grade_phrase(verdict.grade).text if verdict else None,
    )


def _handshake(each: EndpointFacts, result: Result) -> tuple[object, ...]:
    if not isinstance(each.handshake, Handshake):
        return (None, None, None, None)
    leaf = each.handshake.chain[0] if each.handshake.chain else None
    return (
        each.handshake.cipher_suite,
        "yes" if each.handshake.verdict.accepted else "no",
        utc(leaf.not_after) if leaf else None,
        leaf.days_left(result.facts.started) if leaf else None,
    )


def _finding(finding: Finding) -> tuple[object, ...]:
    return (
        finding.severity.value,
        finding.id,
        finding.title,
        finding.evidence,
        finding.source,
        finding.remedy,
    )
