"""Nagios' and Icinga's plugin output: one line, performance data behind the pipe, and the plugin's
own return codes (Monitoring Plugins Development Guidelines, sections 1 and 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from letterlock.model.facts import Handshake
from letterlock.model.finding import Finding, Severity
from letterlock.report.escape import nagios
from letterlock.report.result import Result
from letterlock.report.text import grouped, places


class PluginStatus(IntEnum):
    """The return codes of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def status(results: Sequence[Result], fail_on: Severity, *, determined: bool) -> PluginStatus:
    """CRITICAL from high on, WARNING from `fail_on` on; UNKNOWN where there is no such finding, but
    something could not be determined."""
    findings = [each for one in results for each in one.findings]
    return plugin_status(findings, fail_on, determined=determined and bool(results))


def plugin_status(
    findings: Iterable[Finding], fail_on: Severity, *, determined: bool
) -> PluginStatus:
    """The same for any findings."""
    bad = [each.severity for each in findings if _counts(each, fail_on)]
    if any(severity.at_least(Severity.HIGH) for severity in bad):
        return PluginStatus.CRITICAL
    if bad:
        return PluginStatus.WARNING
    return PluginStatus.OK if determined else PluginStatus.UNKNOWN


def line(results: Sequence[Result], fail_on: Severity, *, determined: bool) -> str:
    """The one line, ended by a line feed."""
    word = status(results, fail_on, determined=determined).name
    parts = [_told(each, fail_on) for each in results]
    text = nagios("; ".join(parts) or "nothing could be looked at")
    if not determined and results:
        text += "; something could not be determined"
    return f"LETTERLOCK {word} - {text} | {' '.join(_data(results))}\n"


def unknown(reason: str) -> str:
    """The one line where nothing could be looked at."""
    return f"LETTERLOCK {PluginStatus.UNKNOWN.name} - {nagios(reason)}\n"


def _counts(finding: Finding, fail_on: Severity) -> bool:
    return finding.severity.at_least(fail_on)


def _told(result: Result, fail_on: Severity) -> str:
    bad = [each for each in result.findings if _counts(each, fail_on)]
    facts = result.facts
    secured = sum(isinstance(each.handshake, Handshake) for each in facts.endpoints)
    start = f"{facts.target}: TLS on {secured} of {len(facts.endpoints)} ports"
    left = _days_left(result)
    if left is not None:
        start += f", certificate for {left} days"
    addresses = len({each.endpoint.address for each in facts.endpoints})
    told = [
        f"{group.worst.severity} {group.worst.id} ("
        + places([e for s in group.sightings for _, at in s.endpoints for e in at], addresses)
        + ")"
        for group in grouped(bad)
    ]
    return ", ".join([start, *told])


def _days_left(result: Result) -> int | None:
    """Of the certificate that expires first."""
    return min(
        (
            each.handshake.chain[0].days_left(result.facts.started)
            for each in result.facts.endpoints
            if isinstance(each.handshake, Handshake) and each.handshake.chain
        ),
        default=None,
    )


def _data(results: Sequence[Result]) -> Iterator[str]:
    left = [days for days in map(_days_left, results) if days is not None]
    if left:
        yield f"days_left={min(left)};;;;"
    counts = Counter(each.severity for one in results for each in one.findings)
    for severity in reversed(Severity):
        yield f"{severity.value}={counts[severity]};;;0;"
    yield f"connections={sum(each.facts.connections for each in results)};;;0;"
    yield f"time={sum(each.facts.seconds for each in results):.3f}s;;;0;"
