"""Words that the reports share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Endpoint, port_words
from letterlock.model.wording import Wording, counted, in_context, joined

SEVERITY_WORDS = {
    Severity.INFO: in_context("severity", "info"),
    Severity.LOW: in_context("severity", "low"),
    Severity.MEDIUM: in_context("severity", "medium"),
    Severity.HIGH: in_context("severity", "high"),
    Severity.CRITICAL: in_context("severity", "critical"),
}


def utc(time: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days(count: int) -> str:
    return counted("{count} day", "{count} days", count)


def remaining(not_after: datetime, at: datetime) -> str:
    """How long a certificate still lives, or how long it is dead."""
    left = not_after - at
    if left < timedelta(0):
        past = -left // timedelta(days=1)
        return Wording("expired {days} ago", days=days(past)) if past else Wording("expired today")
    whole = left // timedelta(days=1)
    if whole:
        return Wording("{days} left", days=days(whole))
    return Wording("{hours} h left", hours=left // timedelta(hours=1))


def suite_in_short(iana: str) -> str:
    """A suite without the parts that follow from the rest or from the certificate's key:
    `ECDHE_AES_256_GCM`."""
    short = iana.removeprefix("TLS_").replace("_WITH_", "_").replace("_POLY1305", "")
    for authentication in ("_RSA_", "_ECDSA_"):
        short = short.replace(f"DHE{authentication}", "DHE_")
    if any(mode in short for mode in ("GCM", "CHACHA20", "CCM")):
        short = short.removesuffix("_SHA384").removesuffix("_SHA256")
    return short


@dataclass(frozen=True, slots=True)
class Sighting:
    """The same evidence at all of its endpoints, by severity, worst first."""

    evidence: str
    endpoints: tuple[tuple[Severity, tuple[Endpoint, ...]], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one id. `worst` is the severest of them."""

    worst: Finding
    sightings: tuple[Sighting, ...]
    remedies: tuple[str, ...]


def grouped(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """One group per id, in the order in which `findings` has the ids."""
    by_id: dict[str, list[Finding]] = {}
    for finding in findings:
        by_id.setdefault(finding.id, []).append(finding)
    return tuple(_group(same) for same in by_id.values())


def _group(same: list[Finding]) -> Group:
    seen: dict[str, dict[Severity, list[Endpoint]]] = {}
    for finding in sorted(same, key=lambda finding: -finding.severity.rank):
        endpoints = seen.setdefault(finding.evidence, {}).setdefault(finding.severity, [])
        if finding.endpoint is not None:
            endpoints.append(finding.endpoint)
    return Group(
        worst=max(same, key=lambda finding: finding.severity.rank),
        sightings=tuple(
            Sighting(evidence, tuple((each, tuple(at)) for each, at in by_severity.items()))
            for evidence, by_severity in seen.items()
        ),
        remedies=tuple(dict.fromkeys(finding.remedy for finding in same)),
    )


def places(endpoints: Sequence[Endpoint], addresses: int) -> str:
    """`ports 25, 587`, with the addresses where the target has several and not all are meant."""
    if not endpoints:
        return Wording("the server as a whole")
    by_ports: dict[tuple[int, ...], list[str]] = {}
    for address in dict.fromkeys(endpoint.address for endpoint in endpoints):
        ports = tuple(each.port for each in endpoints if each.address == address)
        by_ports.setdefault(ports, []).append(address)
    parts = []
    for ports, at in by_ports.items():
        text = port_words(ports)
        if len(at) != addresses:
            text = Wording("{ports} at {addresses}", ports=text, addresses=joined(" and ", at))
        parts.append(text)
    return joined("; ", parts)
