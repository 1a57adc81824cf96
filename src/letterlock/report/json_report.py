"""The same for machines. Its shape is stable: fields are added, never renamed; `format_version`
goes up should one have to go."""

from __future__ import annotations

import json
from base64 import encodebytes
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.service import Endpoint
from letterlock.model.unknown import Unknown
from letterlock.report.text import utc

FORMAT_VERSION = 1
_Json = dict[str, Any]


def document(targets: Iterable[tuple[TargetFacts, Iterable[Finding]]], *, pem: bool = False) -> str:
    """All targets as one JSON text, ending in a line feed. Certificates are told by their
    fingerprints, with `pem` in full too."""
    targets = [(facts, tuple(findings)) for facts, findings in targets]
    whole = {
        "format_version": FORMAT_VERSION,
        "targets": [_target(facts) for facts, _ in targets],
        "endpoints": [
            _endpoint_facts(each, facts, pem) for facts, _ in targets for each in facts.endpoints
        ],
        "findings": [_finding(each, facts) for facts, findings in targets for each in findings],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _target(facts: TargetFacts) -> _Json:
    return {
        "target": facts.target,
        "name": facts.name,
        "started": utc(facts.started),
        "seconds": round(facts.seconds, 3),
        "connections": facts.connections,
    }


def _finding(finding: Finding, facts: TargetFacts) -> _Json:
    return {
        "target": facts.target,
        "id": finding.id,
        "severity": finding.severity.value,
        "title": finding.title,
        "role": finding.role.value if finding.role else None,
        "endpoint": _endpoint(finding.endpoint) if finding.endpoint else None,
        "evidence": finding.evidence,
        "source": finding.source,
        "remedy": finding.remedy,
    }


def _endpoint(endpoint: Endpoint) -> _Json:
    return {"address": endpoint.address, "port": endpoint.port}


def _endpoint_facts(each: EndpointFacts, facts: TargetFacts, pem: bool) -> _Json:
    service = each.endpoint.service
    return {
        "target": facts.target,
        **_endpoint(each.endpoint),
        "service": service.name,
        "protocol": service.protocol.value,
        "tls": service.tls.value,
        "role": service.role.value,
        "closed": each.closed,
        "from_same_address": each.from_same_address,
        "greeting": _greeting(each.greeting),
        "handshake": _handshake(each.handshake, facts, pem),
        "capabilities_inside": _known(each.capabilities_inside),
    }


def _unknown(unknown: Unknown) -> _Json:
    return {"unknown": unknown.reason, "cause": unknown.cause.value}


def _known(value: Any) -> Any:
    if isinstance(value, Unknown):
        return _unknown(value)
    return list(value) if isinstance(value, tuple) else value


def _greeting(greeting: Greeting | Unknown | None) -> _Json | None:
    if not isinstance(greeting, Greeting):
        return None if greeting is None else _unknown(greeting)
    return {
        "banner": greeting.banner,
        "capabilities": list(greeting.capabilities),
        "starttls_offered": greeting.starttls_offered,
        "cleartext_logins": list(greeting.cleartext_logins),
    }


def _handshake(
    handshake: Handshake | Unknown | None, facts: TargetFacts, pem: bool
) -> _Json | None:
    if not isinstance(handshake, Handshake):
        return None if handshake is None else _unknown(handshake)
    return {
        "version": handshake.version,
        "cipher_suite": handshake.cipher_suite,
        "named_group": _known(handshake.named_group),
        "seconds": round(handshake.seconds, 4),
        "chain": [_certificate(each, facts, pem) for each in handshake.chain],
        "verdict": _verdict(handshake.verdict),
    }


def _verdict(verdict: ChainVerdict) -> _Json:
    return {
        "accepted": verdict.accepted,
        "anchor": verdict.anchor,
        "path": [each.sha256 for each in verdict.path],
        "problems": [
            {"fault": problem.fault.value, "text": problem.text} for problem in verdict.problems
        ],
    }


def _certificate(one: Certificate, facts: TargetFacts, pem: bool) -> _Json:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "serial_number": f"{one.serial_number:x}",
        "dns_names": list(one.dns_names),
        "ip_addresses": list(one.ip_addresses),
        "not_before": utc(one.not_before),
        "not_after": utc(one.not_after),
        "days_left": one.days_left(facts.started),
        "lifetime_days": one.lifetime // timedelta(days=1),
        "public_key": {
            "algorithm": one.public_key.algorithm,
            "bits": one.public_key.bits,
            "curve": one.public_key.curve,
        },
        "signature_algorithm": one.signature_algorithm,
        "signature_hash": one.signature_hash,
        "is_ca": one.is_ca,
        "must_staple": one.must_staple,
        "sha256": one.sha256,
        "spki_sha256": one.spki_sha256,
        **({"pem": _pem(one.der)} if pem else {}),
    }


def _pem(der: bytes) -> str:
    """RFC 7468: 64 characters a line."""
    body = encodebytes(der).decode("ascii").replace("\n", "")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
