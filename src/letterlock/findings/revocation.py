"""What CAs say, asked with --online."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import define
from letterlock.findings.served import REVOKED
from letterlock.findings.unknowns import is_gap
from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.revocation import Revocation, Status, Told
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording

REVOCATION_UNKNOWN = define(
    "revocation-unknown",
    "Whether a certificate is revoked could not be determined",
    "The CA's responder or list was asked for, with --online, and gave no answer that holds: none "
    "came, or it is out of date, or not signed by the CA. It is the CA's fault, or the network's; "
    "most clients go on as if there had been a good answer.",
    source="RFC 6960 section 3.2; RFC 5280 section 6.3.3",
    severity=Severity.INFO,
    postfix="Ask again later. Where it stays so, tell the CA; a private CA has to publish a list "
    "before the last one ends, at the address that its certificates name.",
)


def revocation(target: TargetFacts) -> Iterator[Finding]:
    for each in target.revocations or ():
        if isinstance(each.told, Told) and each.told.status is Status.REVOKED:
            text = _sentence(each, each.told)
            yield from (REVOKED.at(one.endpoint, text) for one in _serving(each, target))
        elif isinstance(each.told, Unknown) and is_gap(each.told):
            text = Wording("{name}: {what}", name=_name(each), what=each.told.reason)
            yield REVOCATION_UNKNOWN.of_server(text, Severity.INFO)


def gaps(target: TargetFacts) -> bool:
    """Whether a CA was asked and gave no answer."""
    return any(
        isinstance(each.told, Unknown) and is_gap(each.told) for each in target.revocations or ()
    )


def _sentence(each: Revocation, told: Told) -> str:
    state: str = Wording("revoked")
    if told.revoked_at is not None:
        state = Wording("revoked since {day}", day=told.revoked_at.date().isoformat())
    if told.reason:
        state = Wording("{text} ({why})", text=state, why=told.reason)
    return Wording(
        "{name} is {revoked}, says {source}", name=_name(each), revoked=state, source=each.source
    )


def _name(each: Revocation) -> str:
    return each.certificate.subject or Wording("the certificate without a subject")


def _serving(each: Revocation, target: TargetFacts) -> Iterator[EndpointFacts]:
    """The endpoints in whose clients' paths the certificate is."""
    for facts in target.endpoints:
        verdicts = [
            one.verdict for one in (facts.handshake, *facts.further) if isinstance(one, Handshake)
        ]
        verdicts += [chain.verdict for chain in facts.tls.chains] if facts.tls else []
        paths = [one.path for each in verdicts for one in (each, each.mozilla) if one]
        if any(each.certificate.sha256 == one.sha256 for path in paths for one in path):
            yield facts
