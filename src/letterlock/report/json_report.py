"""The same for machines. Its shape is stable: fields are added, never renamed; `format_version`
goes up should one have to go."""

from __future__ import annotations

import json
from base64 import encodebytes
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.revocation import Revocation, Told
from letterlock.model.service import Endpoint
from letterlock.model.tls_facts import ServedChain
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import EndpointVerdict, Grade, Verdict
from letterlock.report.escape import json_text
from letterlock.report.json_dns import dns_members
from letterlock.report.json_tls import known, tls_members, unknown
from letterlock.report.json_wording import messages
from letterlock.report.result import Result
from letterlock.report.text import utc

FORMAT_VERSION = 1
_Json = dict[str, Any]


def document(results: Iterable[Result], *, pem: bool = False) -> str:
    """All targets as one JSON text, ending in a line feed, described by `json_schema.SCHEMA`.
    Certificates are told by their fingerprints, with `pem` in full too."""
    results = tuple(results)
    whole: _Json = {
        "format_version": FORMAT_VERSION,
        "targets": [_target(each) for each in results],
        "endpoints": [
            _endpoint_facts(one, each, pem) for each in results for one in each.facts.endpoints
        ],
        "findings": [
            {"target": each.facts.target, **finding_members(one)}
            for each in results
            for one in each.findings
        ],
    }
    whole["messages"] = messages(whole)
    return json_text(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _target(result: Result) -> _Json:
    facts = result.facts
    return {
        "target": facts.target,
        "name": facts.name,
        "started": utc(facts.started),
        "seconds": round(facts.seconds, 3),
        "connections": facts.connections,
        "grade": _grade(result.verdict.grade) if result.verdict else None,
        "domain": dns_members(facts.domain),
        "host": dns_members(facts.host),
        **_revocations(facts),
    }


def _revocations(facts: TargetFacts) -> _Json:
    """Only where CAs were asked."""
    if facts.revocations is None:
        return {}
    return {"revocations": [_revocation(each) for each in facts.revocations]}


def _revocation(each: Revocation) -> _Json:
    told = each.told if isinstance(each.told, Told) else None
    return {
        "certificate": each.certificate.sha256,
        "subject": each.certificate.subject,
        "status": told.status.value if told else known(each.told),
        "source": each.source or None,
        "revoked_at": utc(told.revoked_at) if told and told.revoked_at else None,
        "reason": told.reason if told else None,
        "next_update": utc(told.next_update) if told and told.next_update else None,
    }


def _grade(grade: Grade | Unknown) -> _Json:
    if isinstance(grade, Unknown):
        return unknown(grade)
    return {"letter": grade.letter.value, "because": list(grade.because)}


def finding_members(finding: Finding) -> _Json:
    """A finding, whatever it is about."""
    return {
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


def _endpoint_facts(each: EndpointFacts, result: Result, pem: bool) -> _Json:
    facts = result.facts
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
        **_further(each, facts, pem),
        "capabilities_inside": known(each.capabilities_inside),
        "sent_after_starttls": each.after_starttls.decode("ascii", "backslashreplace"),
        **tls_members(each.tls, lambda chain: _chain(chain, facts, pem)),
        **_endpoint_verdict(result.verdict, each.endpoint),
    }


def _endpoint_verdict(verdict: Verdict | None, endpoint: Endpoint) -> _Json:
    found = verdict.at(endpoint) if verdict else None
    if not isinstance(found, EndpointVerdict):
        return {"grade": None, "profiles": []}
    return {
        "grade": _grade(found.grade),
        "profiles": [
            {
                "name": each.profile,
                "title": each.title,
                "met": known(each.met),
                "breaches": list(each.breaches),
            }
            for each in found.profiles
        ],
    }


def _greeting(greeting: Greeting | Unknown | None) -> _Json | None:
    if not isinstance(greeting, Greeting):
        return None if greeting is None else unknown(greeting)
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
        return None if handshake is None else unknown(handshake)
    return {
        "version": handshake.version,
        "cipher_suite": handshake.cipher_suite,
        "named_group": known(handshake.named_group),
        "seconds": round(handshake.seconds, 4),
        **_chain(handshake, facts, pem),
    }


def _further(each: EndpointFacts, facts: TargetFacts, pem: bool) -> _Json:
    """Only where there are some: `secure` with two certificates."""
    handshakes = [_handshake(further, facts, pem) for further in each.further]
    return {"further_handshakes": handshakes} if handshakes else {}


def _chain(served: Handshake | ServedChain, facts: TargetFacts, pem: bool) -> _Json:
    return {
        "chain": [certificate_members(each, facts.started, pem) for each in served.chain],
        "verdict": verdict_members(served.verdict),
    }


def verdict_members(verdict: ChainVerdict) -> _Json:
    return {
        "accepted": verdict.accepted,
        "anchor": verdict.anchor,
        "path": [each.sha256 for each in verdict.path],
        "problems": [
            {"fault": problem.fault.value, "text": problem.text} for problem in verdict.problems
        ],
        **({"mozilla": verdict_members(verdict.mozilla)} if verdict.mozilla else {}),
    }


def certificate_members(one: Certificate, at: datetime, pem: bool = False) -> _Json:
    """A certificate as it is at a moment."""
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "serial_number": f"{one.serial_number:x}",
        "dns_names": list(one.dns_names),
        "ip_addresses": list(one.ip_addresses),
        "not_before": utc(one.not_before),
        "not_after": utc(one.not_after),
        "days_left": one.days_left(at),
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
