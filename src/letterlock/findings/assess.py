"""All rules, applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from letterlock.findings import (
    backlog,
    behaviour,
    caa,
    certificate,
    clients,
    dane,
    dialogue,
    exchange,
    groups,
    installed,
    known_faults,
    login,
    mta_sts,
    parity,
    protocols,
    reach,
    revocation,
    served,
    suites,
    tls,
    tls_rpt,
)
from letterlock.findings.grade import endpoint_grade, server_grade
from letterlock.findings.profile import compare
from letterlock.findings.rule import REGISTRY
from letterlock.model.dns_facts import DomainFacts
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding
from letterlock.model.status import StatusFacts
from letterlock.model.verdict import EndpointVerdict, ProfileVerdict, Verdict
from letterlock.profiles.profile import Profile

#: Every kind of finding by its id; complete, since all of them are imported here.
RULES = REGISTRY

_OF_AN_ENDPOINT: tuple[Callable[[EndpointFacts], Iterator[Finding]], ...] = (
    reach.reach,
    tls.starttls,
    tls.failures,
    tls.deprecated_protocol,
    tls.forward_secrecy,
    tls.data_after_starttls,
    login.cleartext_login,
    certificate.chain,
    certificate.roots,
    protocols.versions,
    protocols.tolerance,
    suites.classes,
    suites.order,
    groups.named_groups,
    groups.diffie_hellman,
    groups.reuse,
    groups.signatures,
    served.faults,
    served.order,
    served.without_sni,
    served.transparency,
    served.stapling,
    behaviour.behaviour,
    behaviour.encrypt_then_mac,
    behaviour.resumption,
    known_faults.known_faults,
    dialogue.injection,
    dialogue.starttls_again,
    dialogue.login_before_tls,
)
_OF_A_TARGET: tuple[Callable[[TargetFacts], Iterator[Finding]], ...] = (
    reach.addresses,
    certificate.parity,
    parity.ports,
    parity.addresses,
    revocation.revocation,
    exchange.host_security,
    dane.dane,
    mta_sts.delivery,
    caa.caa,
    clients.kept,
)
_OF_A_DOMAIN: tuple[Callable[[DomainFacts], Iterator[Finding]], ...] = (
    exchange.exchange,
    exchange.security,
    mta_sts.policy,
    tls_rpt.reporting,
    clients.promised,
)


def assess(target: TargetFacts) -> tuple[Finding, ...]:
    """What there is to say about a target, worst first; among equals by id, then by endpoint in
    the order visited, the server as a whole before all."""
    if target.domain is not None:
        return _worst_first(one for rule in _OF_A_DOMAIN for one in rule(target.domain))
    findings = [finding for rule in _OF_A_TARGET for finding in rule(target)]
    for facts in target.endpoints:
        findings += [finding for rule in _OF_AN_ENDPOINT for finding in rule(facts)]
        findings += certificate.expires_soon(facts, target.started)
        findings += served.expires_soon(facts, target.started)
    return _worst_first(findings)


def judge(
    target: TargetFacts, profiles: Iterable[Profile] = ()
) -> tuple[tuple[Finding, ...], Verdict]:
    """The same with grades, and with what each profile asked for has to say: its findings stand
    among the others (`profile-…`), its verdicts in the Verdict. Ports on which nothing listens or
    answers have none."""
    findings, wanted = list(assess(target)), tuple(profiles)
    verdicts = []
    for facts in target.endpoints:
        if not reach.answered(facts):
            continue
        met: list[ProfileVerdict] = []
        for profile in wanted:
            verdict, breaches = compare(facts, profile)
            met.append(verdict)
            findings += breaches
        given = endpoint_grade(facts, findings)
        verdicts.append(EndpointVerdict(facts.endpoint, given, tuple(met)))
    server = server_grade({each.endpoint: each.grade for each in verdicts}, findings)
    return _worst_first(findings), Verdict(server, tuple(verdicts))


def assess_status(facts: StatusFacts) -> tuple[Finding, ...]:
    """What there is to say about a machine's own certificates: what is not in service yet, then
    what is on disk and as served; worst first, among equals what is stale, then by id, then in the
    order read."""
    found = _worst_first(installed.findings(facts))
    return (
        *backlog.findings(facts.backlog),
        *sorted(found, key=lambda one: (-one.severity.rank, not installed.is_stale(one))),
    )


def _worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (-finding.severity.rank, finding.id)))
