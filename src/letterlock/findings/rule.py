"""What a finding is made from, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Endpoint, MailProtocol, Role
from letterlock.model.wording import Wording, joined

BySeverity = Severity | Mapping[Role, Severity]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding. `id` never changes once released; `explanation` says why it matters and
    to whom; `source` who asks for better; `severity` is one for all or one per role; `postfix` and
    `dovecot` what to set."""

    id: str
    title: Wording
    explanation: Wording
    source: str
    severity: BySeverity
    postfix: Wording
    dovecot: Wording

    def at(self, endpoint: Endpoint, evidence: str, severity: Severity | None = None) -> Finding:
        """The finding at one endpoint, with the remedy for the server that has such a port."""
        role = endpoint.service.role
        return Finding(
            id=self.id,
            severity=severity or self.severity_for(role),
            title=self.title,
            evidence=evidence,
            source=self.source,
            remedy=self.remedy_at(endpoint),
            role=role,
            endpoint=endpoint,
        )

    def remedy_at(self, endpoint: Endpoint) -> Wording:
        smtp = endpoint.service.protocol is MailProtocol.SMTP
        return self.postfix if smtp else self.dovecot

    def of_server(self, evidence: str, severity: Severity) -> Finding:
        """The finding about the server as a whole."""
        remedies = dict.fromkeys((self.postfix, self.dovecot))
        return Finding(
            id=self.id,
            severity=severity,
            title=self.title,
            evidence=evidence,
            source=self.source,
            remedy=joined(" ", remedies),
        )

    def severity_for(self, role: Role) -> Severity:
        if isinstance(self.severity, Severity):
            return self.severity
        return self.severity[role]


def per_role(mx: Severity, others: Severity) -> Mapping[Role, Severity]:
    """Between servers TLS is opportunistic (RFC 7435): what stops a user's client seldom stops a
    message there, and too high a bar sends it in the clear."""
    return {Role.MX: mx, Role.SUBMISSION: others, Role.ACCESS: others}


#: Every kind of finding by its id.
REGISTRY: dict[str, Rule] = {}


def define(
    id: str,
    title: str,
    explanation: str,
    *,
    source: str,
    severity: BySeverity,
    postfix: str,
    dovecot: str | None = None,
) -> Rule:
    """Make a rule and enter it in the registry; `dovecot` None: the same words serve for both. Its
    words can be said in another language: the catalogues' messages are taken from the registry."""
    rule = Rule(
        id,
        _wording(title),
        _wording(explanation),
        source,
        severity,
        _wording(postfix),
        _wording(dovecot or postfix),
    )
    if id in REGISTRY:
        raise ValueError(f"two rules are called {id}")
    REGISTRY[id] = rule
    return rule


def _wording(text: str) -> Wording:
    return text if isinstance(text, Wording) else Wording(text)
