"""`status` for machines. Its shape is stable: fields are added, never renamed; `format_version`
goes up should one have to go."""

from __future__ import annotations

import json
from typing import Any

from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.status import (
    ExposedKey,
    Installed,
    PendingDeployment,
    Reference,
    Served,
    SniMap,
)
from letterlock.model.unknown import Unknown
from letterlock.report.escape import json_text
from letterlock.report.json_report import certificate_members, finding_members, verdict_members
from letterlock.report.json_tls import known, unknown
from letterlock.report.status_words import StatusResult
from letterlock.report.text import utc

FORMAT_VERSION = 1
_Json = dict[str, Any]


def document(result: StatusResult) -> str:
    """One JSON text, ending in a line feed, described by `status_schema.SCHEMA`."""
    return json_text(json.dumps(members(result), indent=2, ensure_ascii=False)) + "\n"


def members(result: StatusResult) -> _Json:
    """The whole document, before it is text."""
    facts = result.facts
    return {
        "format_version": FORMAT_VERSION,
        "started": utc(facts.started),
        "seconds": round(facts.seconds, 3),
        "connections": facts.connections,
        "name": facts.name,
        "determined": result.determined,
        "unknown": list(facts.unknown),
        "pending": [_pending(each, result) for each in facts.backlog.pending],
        "damaged_pending": [
            {"path": each.path, "reason": each.reason} for each in facts.backlog.damaged
        ],
        "servers": [
            {"name": each.name, "version": each.version, "running": each.running}
            for each in facts.servers
        ],
        "certificates": [_installed(each, result) for each in facts.installed],
        "sni_maps": [_map(each) for each in facts.maps],
        "exposed_keys": [_exposed(each) for each in facts.exposed],
        "served": [_served(each, result) for each in facts.served],
        "findings": [finding_members(each) for each in result.findings],
    }


def _pending(each: PendingDeployment, result: StatusResult) -> _Json:
    return {
        "id": each.id,
        "client": each.client,
        "subject": each.subject,
        "names": list(each.names),
        "since": utc(each.since),
        "tried": utc(each.tried),
        "attempts": each.attempts,
        "reason": each.reason,
        "certificate": certificate_members(each.leaf, result.facts.started) if each.leaf else None,
    }


def _installed(each: Installed, result: StatusResult) -> _Json:
    return {
        **_reference(each.reference),
        "file": each.file,
        "fault": each.fault,
        "key_matches": known(each.key_matches),
        "chain": [certificate_members(one, result.facts.started) for one in each.chain],
        "verdict": verdict_members(each.verdict) if each.verdict else None,
    }


def _reference(reference: Reference) -> _Json:
    return {
        "server": reference.server,
        "setting": reference.setting,
        "scope": reference.scope,
        "where": _location(reference.where),
        "files": list(reference.files),
        "names": list(reference.names),
        "sni_map": reference.table,
        "endpoints": [_endpoint(each) for each in reference.endpoints],
    }


def _location(where: Location) -> _Json:
    return {"path": where.path, "line": where.line}


def _endpoint(endpoint: Endpoint) -> _Json:
    return {"address": endpoint.address, "port": endpoint.port}


def _map(each: SniMap) -> _Json:
    return {
        "table": each.table,
        "file": each.file,
        "stale": unknown(each.stale) if isinstance(each.stale, Unknown) else list(each.stale),
    }


def _exposed(each: ExposedKey) -> _Json:
    return {"file": each.file, "mode": f"{each.mode:04o}", "server": each.server}


def _served(each: Served, result: StatusResult) -> _Json:
    chains = each.chains
    at = result.facts.started
    return {
        "server": each.server,
        **_endpoint(each.endpoint),
        "service": each.endpoint.service.name,
        "name": each.name,
        "key_type": each.key_type,
        "connections": each.connections,
        "expected": [list(chain) for chain in each.expected],
        "chains": unknown(chains)
        if isinstance(chains, Unknown)
        else [[certificate_members(one, at) for one in chain] for chain in chains],
        "stale": unknown(chains) if isinstance(chains, Unknown) else bool(each.stale),
    }
