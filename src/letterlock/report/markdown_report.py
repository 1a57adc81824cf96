"""Markdown (CommonMark with GitHub's tables), for a ticket or a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from letterlock.model.facts import EndpointFacts
from letterlock.report.compact import blocks
from letterlock.report.domain_rows import dns_rows
from letterlock.report.escape import cleaned, markdown
from letterlock.report.ports import (
    certificate_phrase,
    grade_phrase,
    login_phrase,
    tls_phrase,
    version_phrases,
)
from letterlock.report.result import Result
from letterlock.report.served import Served
from letterlock.report.sheet import Phrase, Row, chain_rows
from letterlock.report.text import Group, grouped, places, utc


def document(results: Iterable[Result]) -> str:
    """All targets, a heading of the first level each."""
    return "\n".join(line for each in results for line in (*_target(cleaned(each)), "")) + "\n"


def _target(result: Result) -> Iterator[str]:
    facts = result.facts
    told = facts.name == facts.target or facts.domain is not None
    verified = "" if told else f", verified as {markdown(facts.name)}"
    yield f"# {markdown(facts.target)}"
    yield ""
    if result.verdict is not None:
        phrase = grade_phrase(result.verdict.grade)
        yield f"**Grade {_phrase(phrase)}**"
        yield ""
    cost = "DNS" if facts.domain is not None else f"{facts.connections} connections"
    yield f"Checked {utc(facts.started)}{verified}: {cost}, {facts.seconds:.1f} s."
    yield ""
    if rows := dns_rows(result):
        yield "## DNS"
        yield ""
        yield from _rows(rows)
    if facts.endpoints:
        yield from _ports(result)
    yield from _findings(result)
    yield from _tls(result)
    yield from _certificates(result)


def _ports(result: Result) -> Iterator[str]:
    served = Served(result.facts)
    yield "## Ports"
    yield ""
    yield _cells(
        "address", "port", "service", "TLS", "grade", "versions", "certificate", "login before TLS"
    )
    yield _cells("---", "---:", *["---"] * 6)
    for each in result.facts.endpoints:
        verdict = result.verdict.at(each.endpoint) if result.verdict else None
        yield _cells(
            markdown(each.endpoint.address),
            str(each.endpoint.port),
            markdown(each.endpoint.service.name),
            markdown(tls_phrase(each).text),
            markdown(grade_phrase(verdict.grade).text) if verdict else "",
            " ".join(markdown(one.text) for one in version_phrases(each)),
            markdown(certificate_phrase(each, served, result.facts.started).text),
            markdown(login_phrase(each).text),
        )
    yield ""


def _findings(result: Result) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if not result.findings:
        yield "None."
        yield ""
    addresses = _addresses(result.facts.endpoints)
    for group in grouped(result.findings):
        yield from _finding(group, addresses, placed=result.facts.domain is None)


def _finding(group: Group, addresses: int, *, placed: bool) -> Iterator[str]:
    """`placed` False: the evidence names its place itself."""
    worst = group.worst
    yield f"### {worst.severity.value}: {markdown(worst.title)} (`{worst.id}`)"
    yield ""
    for sighting in group.sightings:
        where = ", ".join(
            places(at, addresses) + ("" if severity is worst.severity else f" ({severity.value})")
            for severity, at in sighting.endpoints
        )
        place = f"{markdown(where)}: " if placed else ""
        yield f"- {place}{markdown(sighting.evidence)}"
    for remedy in group.remedies:
        yield f"- → {markdown(remedy)}"
    yield f"- {markdown(worst.source)}"
    yield ""


def _tls(result: Result) -> Iterator[str]:
    addresses = _addresses(result.facts.endpoints)
    for block in blocks(result.facts.endpoints, result.verdict):
        at = places([each.endpoint for each in block.endpoints], addresses)
        yield f"## TLS at {markdown(at)}"
        yield ""
        yield from _rows(block.rows)


def _certificates(result: Result) -> Iterator[str]:
    served = Served(result.facts)
    addresses = _addresses(result.facts.endpoints)
    for sighted in served:
        letter = f" {sighted.letter}" if len(served) > 1 else ""
        yield f"## Certificate{letter} at {markdown(places(sighted.endpoints, addresses))}"
        yield ""
        yield from _rows(tuple(chain_rows(sighted.served, result.facts.started)))


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    yield _cells("", "")
    yield _cells("---", "---")
    for row in rows:
        yield _cells(markdown(row.label), ", ".join(map(_phrase, row.phrases)))
    yield ""


def _phrase(phrase: Phrase) -> str:
    note = f" ({markdown(phrase.note)})" if phrase.note else ""
    return f"{markdown(phrase.text)}{note}"


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _addresses(endpoints: Sequence[EndpointFacts]) -> int:
    return len({each.endpoint.address for each in endpoints})
