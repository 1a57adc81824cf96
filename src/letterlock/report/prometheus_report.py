"""Prometheus' text exposition format, for the node exporter's textfile collector. What is not
known has no sample: an absent series is neither a yes nor a no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.finding import Severity
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import Grade
from letterlock.report.escape import prometheus_label
from letterlock.report.result import Result

Labels = Mapping[str, str]


@dataclass(slots=True)
class Metric:
    """One gauge; a sample for each set of labels, the last value where two are alike."""

    name: str
    help: str
    samples: dict[str, float] = field(default_factory=dict)

    def add(self, labels: Labels, value: float) -> None:
        text = ",".join(f"{name}={prometheus_label(each)}" for name, each in labels.items())
        self.samples[text] = value

    def lines(self) -> Iterator[str]:
        if self.samples:
            yield f"# HELP {self.name} {self.help}"
            yield f"# TYPE {self.name} gauge"
            for labels, value in self.samples.items():
                yield (
                    f"{self.name}{{{labels}}} {value:.15g}"
                    if labels
                    else f"{self.name} {value:.15g}"
                )


_HELPS = {
    "check_timestamp_seconds": "When the check began.",
    "check_duration_seconds": "How long it took.",
    "check_connections": "How many connections it opened.",
    "grade": "The server's grade, as a label.",
    "endpoint_closed": "1 where the address refuses the connection.",
    "endpoint_tls": "1 where a full TLS handshake was made, 0 where TLS is not offered.",
    "endpoint_grade": "The endpoint's grade, as a label.",
    "certificate_accepted": "1 where a client that knows the name and the roots accepts it.",
    "certificate_not_after_timestamp_seconds": "When the served certificate expires.",
    "protocol_offered": "1 where the endpoint speaks this version of TLS.",
    "known_fault_present": "1 where a published attack is possible.",
    "findings": "How many findings there are of each severity.",
    "finding": "One finding.",
}


def document(results: Iterable[Result]) -> str:
    """All metrics of all targets, each metric's samples together, as the format demands."""
    metrics = {name: Metric(f"letterlock_{name}", text) for name, text in _HELPS.items()}
    for result in results:
        _target(metrics, result)
        for each in result.facts.endpoints:
            _endpoint(metrics, each, result)
        _findings(metrics, result)
    return "".join(f"{line}\n" for metric in metrics.values() for line in metric.lines())


def _target(metrics: Mapping[str, Metric], result: Result) -> None:
    facts, labels = result.facts, {"target": result.facts.target}
    metrics["check_timestamp_seconds"].add(labels, int(facts.started.timestamp()))
    metrics["check_duration_seconds"].add(labels, round(facts.seconds, 3))
    metrics["check_connections"].add(labels, facts.connections)
    if result.verdict is not None and isinstance(result.verdict.grade, Grade):
        metrics["grade"].add({**labels, "grade": result.verdict.grade.letter.value}, 1)


def _endpoint(metrics: Mapping[str, Metric], each: EndpointFacts, result: Result) -> None:
    labels = _labels(each, result)
    metrics["endpoint_closed"].add(labels, each.closed)
    if not isinstance(each.handshake, Unknown):
        metrics["endpoint_tls"].add(labels, each.handshake is not None)
    if isinstance(each.handshake, Handshake) and each.handshake.chain:
        metrics["certificate_accepted"].add(labels, each.handshake.verdict.accepted)
        expiry = each.handshake.chain[0].not_after.timestamp()
        metrics["certificate_not_after_timestamp_seconds"].add(labels, expiry)
    for name, label, member, value in _ternaries(each):
        metrics[name].add({**labels, label: member}, value)
    verdict = result.verdict.at(each.endpoint) if result.verdict else None
    if verdict is not None and isinstance(verdict.grade, Grade):
        metrics["endpoint_grade"].add({**labels, "grade": verdict.grade.letter.value}, 1)


def _ternaries(each: EndpointFacts) -> Iterator[tuple[str, str, str, bool]]:
    """Those that are known."""
    if each.tls is None:
        return
    for protocol in each.tls.protocols:
        if not isinstance(protocol.offered, Unknown):
            yield "protocol_offered", "protocol", protocol.name, protocol.offered
    for fault in each.tls.known_faults:
        if not isinstance(fault.present, Unknown):
            yield "known_fault_present", "fault", fault.id, fault.present


def _findings(metrics: Mapping[str, Metric], result: Result) -> None:
    target = {"target": result.facts.target}
    counts = Counter(finding.severity for finding in result.findings)
    for severity in Severity:
        metrics["findings"].add({**target, "severity": severity.value}, counts[severity])
    for finding in result.findings:
        at = finding.endpoint
        labels = {
            **target,
            "address": at.address if at else "",
            "port": str(at.port) if at else "",
            "id": finding.id,
            "severity": finding.severity.value,
        }
        metrics["finding"].add(labels, 1)


def _labels(each: EndpointFacts, result: Result) -> dict[str, str]:
    return {
        "target": result.facts.target,
        "address": each.endpoint.address,
        "port": str(each.endpoint.port),
        "service": each.endpoint.service.name,
    }
