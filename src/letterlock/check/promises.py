"""What DNS promises of a host, held against what is served there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from letterlock.certs.caa import issuer_of, why_not
from letterlock.certs.dane import hold_against
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import covers
from letterlock.model.certificate import Certificate
from letterlock.model.dns_facts import DaneMatch, HostDns, TlsaRecord
from letterlock.model.dns_promises import CaaFacts, CaaMatch
from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.service import Endpoint, Role
from letterlock.model.tls_facts import ServedChain
from letterlock.model.unknown import Unknown


def held_against(host: HostDns, seen: TargetFacts) -> HostDns:
    """The host with its records held against every chain that was served, per address and kind of
    key."""
    return replace(host, dane=_dane(host, seen), issuers=_issuers(host, seen))


def _dane(host: HostDns, seen: TargetFacts) -> tuple[DaneMatch, ...]:
    names = tuple(dict.fromkeys(filter(None, (host.name, host.domain))))
    matches = []
    for records in host.tlsa:
        answer = records.answer
        if isinstance(answer, Unknown) or answer.bogus or not answer.records:
            continue
        for each in seen.endpoints:
            if each.endpoint.port == records.port:
                matches += [
                    _match(each.endpoint, answer.records, served, names, seen.started)
                    for served in _chains(each)
                ]
    return tuple(matches)


def _chains(each: EndpointFacts) -> Iterator[Handshake | ServedChain]:
    """One per leaf; not those served to clients that send no name, which a DANE client does."""
    candidates: list[Handshake | ServedChain] = [
        one for one in (each.handshake, *each.further) if isinstance(one, Handshake)
    ]
    if each.tls is not None:
        candidates += [one for one in each.tls.chains if one.sni is not None]
    told = set()
    for served in candidates:
        if served.chain and served.chain[0].sha256 not in told:
            told.add(served.chain[0].sha256)
            yield served


def _match(
    endpoint: Endpoint,
    records: Sequence[TlsaRecord],
    served: Handshake | ServedChain,
    names: Sequence[str],
    at: datetime,
) -> DaneMatch:
    leaf = served.chain[0]
    return DaneMatch(
        endpoint,
        leaf.public_key.algorithm,
        leaf.sha256,
        leaf.not_after,
        tuple(
            hold_against(
                record,
                served.chain,
                served.verdict,
                names,
                at,
                between_servers=endpoint.service.role is Role.MX,
            )
            for record in records
        ),
    )


def _issuers(host: HostDns, seen: TargetFacts) -> tuple[CaaMatch, ...]:
    """One for each leaf, at the first endpoint that serves it."""
    if host.caa is None:
        return ()
    found: dict[str, CaaMatch] = {}
    for each in seen.endpoints:
        for served in _chains(each):
            digest, name = served.chain[0].sha256, _name_for(host.name, served.chain[0])
            if digest not in found and name:
                found[digest] = _issuer(each.endpoint, host.caa, served, name)
    return tuple(found.values())


def _issuer(
    endpoint: Endpoint, caa: CaaFacts, served: Handshake | ServedChain, name: str
) -> CaaMatch:
    wildcard = name.startswith("*.")
    counts = caa.wildcard if wildcard else caa.found
    organisation, domains = issuer_of(served.verdict.path or served.chain)
    records = () if isinstance(counts, Unknown) else counts.records
    reason = why_not(records, domains, wildcard=wildcard)
    return CaaMatch(endpoint, organisation, domains, name, reason)


def _name_for(host: str, leaf: Certificate) -> str:
    """The name of a certificate by which it is for a host, itself before a wildcard; empty where it
    is not."""
    try:
        if not covers(leaf, host):
            return ""
    except CertificateError:
        return ""
    exact = [name for name in leaf.dns_names if name.lower().rstrip(".") == host]
    return exact[0] if exact else f"*.{host.partition('.')[2]}"
