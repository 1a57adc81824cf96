"""`status` for monitoring: Prometheus' text format (the node exporter's textfile collector) and a
plugin's line for Nagios and Icinga. What is not known has no sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from letterlock.model.finding import Severity
from letterlock.model.status import Backlog
from letterlock.model.unknown import Unknown
from letterlock.report.escape import nagios
from letterlock.report.nagios_report import PluginStatus, plugin_status
from letterlock.report.prometheus_report import Metric
from letterlock.report.status_words import StatusResult, pending_apart
from letterlock.report.text import grouped

_HELPS = {
    "timestamp_seconds": "When the status was taken.",
    "duration_seconds": "How long it took.",
    "determined": "1 where everything that was asked got an answer.",
    "deployments_pending": "How many renewed certificates are not in service yet.",
    "deployment_pending_since_timestamp_seconds": "When one of them was handed over.",
    "deployment_pending_attempts": "How often it was tried.",
    "server_running": "1 where the server's master process is alive.",
    "certificate_not_after_timestamp_seconds": "When the certificate on disk expires.",
    "certificate_lifetime_seconds": "How long the certificate on disk lives in all.",
    "certificate_accepted": "1 where a client that knows the roots accepts the one on disk.",
    "certificate_stale": "1 where another certificate is served than the one on disk.",
    "sni_map_stale": "1 where a built SNI map differs from its source's files.",
    "findings": "How many findings there are of each severity.",
    "finding": "How often there is this finding.",
}


def metrics(result: StatusResult) -> str:
    """Prometheus' text."""
    found = {name: Metric(f"letterlock_status_{name}", text) for name, text in _HELPS.items()}
    facts = result.facts
    found["timestamp_seconds"].add({}, int(facts.started.timestamp()))
    found["duration_seconds"].add({}, round(facts.seconds, 3))
    found["determined"].add({}, result.determined)
    _pending(found, result)
    for server in facts.servers:
        found["server_running"].add({"server": server.name}, server.running)
    _certificates(found, result)
    for each in facts.served:
        if not isinstance(each.chains, Unknown):
            labels = {
                "server": each.server,
                "address": each.endpoint.address,
                "port": str(each.endpoint.port),
                "name": each.name or "",
                "key_type": each.key_type or "",
            }
            found["certificate_stale"].add(labels, bool(each.stale))
    for one in facts.maps:
        if not isinstance(one.stale, Unknown):
            found["sni_map_stale"].add({"table": one.table}, bool(one.stale))
    _findings(found, result)
    return "".join(f"{line}\n" for metric in found.values() for line in metric.lines())


def _pending(found: dict[str, Metric], result: StatusResult) -> None:
    backlog = result.facts.backlog
    if backlog.unknown is None:
        found["deployments_pending"].add({}, len(backlog.pending) + len(backlog.damaged))
    for one in backlog.pending:
        labels = {"client": one.client, "subject": one.subject, "id": one.id}
        since = one.since.timestamp()
        found["deployment_pending_since_timestamp_seconds"].add(labels, since)
        found["deployment_pending_attempts"].add(labels, one.attempts)


def _certificates(found: dict[str, Metric], result: StatusResult) -> None:
    for each in result.facts.installed:
        if each.leaf is None:
            continue
        labels = {
            "server": each.reference.server,
            "setting": each.reference.setting,
            "scope": each.reference.scope,
            "key_type": each.leaf.public_key.algorithm,
            "file": each.file,
        }
        expiry = each.leaf.not_after.timestamp()
        found["certificate_not_after_timestamp_seconds"].add(labels, expiry)
        found["certificate_lifetime_seconds"].add(labels, each.leaf.lifetime.total_seconds())
        if each.verdict is not None:
            found["certificate_accepted"].add(labels, each.verdict.accepted)


def _findings(found: dict[str, Metric], result: StatusResult) -> None:
    counts = Counter(each.severity for each in result.findings)
    for severity in Severity:
        found["findings"].add({"severity": severity.value}, counts[severity])
    for (id_, worst), count in Counter((e.id, e.severity) for e in result.findings).items():
        found["finding"].add({"id": id_, "severity": worst.value}, count)


def plugin_line(result: StatusResult, fail_on: Severity) -> str:
    """The one line, ended by a line feed."""
    word = plugin_code(result, fail_on).name
    facts = result.facts
    bad = [each for each in result.findings if each.severity.at_least(fail_on)]
    told = [_pending_told(facts.backlog)] if facts.backlog else []
    certificates = f"{len(facts.installed)} certificates"
    left = _days_left(result)
    told.append(certificates + (f", the first expires in {left} days" if left is not None else ""))
    for group in grouped(pending_apart(bad)[1]):
        where = sorted({at.port for s in group.sightings for _, e in s.endpoints for at in e})
        places = f" (port{'s' * (len(where) > 1)} {', '.join(map(str, where))})" if where else ""
        told.append(f"{group.worst.severity} {group.worst.id}{places}")
    told += [f"unknown {each}" for each in facts.unknown]
    return f"LETTERLOCK {word} - {nagios(', '.join(told))} | {' '.join(_data(result))}\n"


def _pending_told(backlog: Backlog) -> str:
    """Of several the oldest one's reason: a plugin's line is short."""
    parts = [f"{len(backlog.pending)} renewed but not deployed"] if backlog.pending else []
    parts += [f"{one.subject}: {one.reason}" for one in backlog.pending[:1]]
    parts += [f"{len(backlog.damaged)} damaged"] if backlog.damaged else []
    return ", ".join(parts)


def plugin_code(result: StatusResult, fail_on: Severity) -> PluginStatus:
    """CRITICAL from high on, WARNING from `fail_on` on, UNKNOWN where something stayed open."""
    return plugin_status(result.findings, fail_on, determined=result.determined)


def _days_left(result: StatusResult) -> int | None:
    at = result.facts.started
    leaves = [each.leaf for each in result.facts.installed if each.leaf is not None]
    return min((leaf.days_left(at) for leaf in leaves), default=None)


def _data(result: StatusResult) -> Iterator[str]:
    left = _days_left(result)
    if left is not None:
        yield f"days_left={left};;;;"
    backlog = result.facts.backlog
    if backlog.unknown is None:
        yield f"pending={len(backlog.pending) + len(backlog.damaged)};;;0;"
    yield f"stale={sum(bool(each.stale) for each in result.facts.served)};;;0;"
    counts = Counter(each.severity for each in result.findings)
    for severity in reversed(Severity):
        yield f"{severity.value}={counts[severity]};;;0;"
    yield f"time={result.facts.seconds:.3f}s;;;0;"
