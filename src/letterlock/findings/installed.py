"""What there is to say about a server's own certificates: on disk, in its maps, on its wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from letterlock.findings.certificate import EXPIRES_SOON, fault_rule, remaining, urgency
from letterlock.findings.rule import Rule, define, per_role
from letterlock.findings.words import some
from letterlock.model.certificate import Certificate
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Role
from letterlock.model.status import Installed, Served, StatusFacts
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording

STALE = define(
    "certificate-stale",
    "The server still serves an older certificate than the one on disk",
    "The file was renewed and nobody told the server: Dovecot reads it at its start and at a "
    "reload, a Postfix process when it begins. All looks well until the old one expires, for all "
    "clients at once.",
    source="postfix(1) reload; doveadm(1) reload",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix="postfix reload, now and after each renewal: letterlock fix does it and looks again.",
    dovecot="doveadm reload, now and after each renewal: letterlock fix does it and looks again.",
)
MAP_STALE = define(
    "sni-map-stale",
    "An SNI map holds something else than the files it was made from",
    "postmap -F copies key and certificate into the map. After a renewal the map still holds the "
    "old ones, and a reload does not help.",
    source="postconf(5) tls_server_sni_maps; postmap(1) -F",
    severity=Severity.HIGH,
    postfix="postmap -F on that table, as root, after each renewal: letterlock fix does it, built "
    "beside and renamed.",
)
FILE_UNUSABLE = define(
    "certificate-file-unusable",
    "The configuration names a file that the server cannot use",
    "It is missing, cannot be read or holds something else. What runs goes on with what it read "
    "before; the next start or reload fails, or comes up without TLS.",
    source="postconf(5) smtpd_tls_cert_file, smtpd_tls_chain_files; doc.dovecot.org SSL",
    severity=Severity.HIGH,
    postfix="Put the file there, or set smtpd_tls_chain_files (smtpd_tls_cert_file) to the one "
    "that is.",
    dovecot="Put the file there, or set ssl_cert and ssl_key (2.4: ssl_server_cert_file, "
    "ssl_server_key_file) to the one that is.",
)
KEY_MISMATCH = define(
    "key-mismatch",
    "The private key is not the certificate's",
    "Certificate and key were not renewed together, or one setting names the wrong file. The "
    "server offers no TLS with that pair, or does not start.",
    source="RFC 8446 section 4.4.3",
    severity=Severity.HIGH,
    postfix="Put the key that belongs to the certificate beside it: letterlock cert match tells "
    "which. In smtpd_tls_chain_files a key stands before its certificate.",
    dovecot="Put the key that belongs to the certificate beside it: letterlock cert match tells "
    "which.",
)
KEY_EXPOSED = define(
    "key-readable-by-others",
    "Every user of the machine may read a private key",
    "Whoever has it can be this server. Both servers read keys as root, before they give up their "
    "rights: mode 0600 is enough. A key that was open may have been copied: renew with a new one.",
    source="postconf(5) smtpd_tls_key_file; RFC 9325 section 7.5",
    severity=Severity.HIGH,
    postfix="chmod 600 (letterlock fix takes the rights of others away), then a new key.",
)


def is_stale(finding: Finding) -> bool:
    """Whether a reload or a map built again mends it."""
    return finding.id in (STALE.id, MAP_STALE.id)


def findings(facts: StatusFacts) -> Iterator[Finding]:
    """All there is to say, in the order read."""
    yield from _unusable(facts)
    yield from _chains(facts)
    yield from _maps(facts)
    yield from _exposed(facts)
    for each in facts.served:
        yield from _stale(each, facts.started)


def _of(rule: Rule, server: str, evidence: str, severity: Severity, subject: str) -> Finding:
    """About one server, whichever of its ports it is."""
    remedy = rule.dovecot if server == "Dovecot" else rule.postfix
    return replace(rule.of_server(evidence, severity), remedy=remedy, subject=subject)


def _unusable(facts: StatusFacts) -> Iterator[Finding]:
    for each in facts.installed:
        if each.fault is not None:
            rule = FILE_UNUSABLE if each.leaf is None else KEY_MISMATCH
            text = Wording(
                "{where}: {setting}: {fault}",
                where=each.reference.where,
                setting=each.reference.label,
                fault=each.fault,
            )
            yield _of(rule, each.reference.server, text, Severity.HIGH, each.file)


def _chains(facts: StatusFacts) -> Iterator[Finding]:
    """What a client would say to the certificates on disk, and how long it will go on saying so.
    Of one server's settings that lead to the same certificate one says it for all."""
    told: dict[tuple[str, str, str], list[Installed]] = {}
    verdicts: dict[tuple[str, str, str], tuple[Rule, Severity]] = {}
    for each in facts.installed:
        for rule, text, severity in _complaints(each, facts.started):
            said: str = Wording("{file}: {text}", file=each.file, text=text)
            key = each.reference.server, rule.id, said
            told.setdefault(key, []).append(each)
            worst = max((severity, verdicts.get(key, (rule, severity))[1]), key=lambda s: s.rank)
            verdicts[key] = (rule, worst)
    for key, same in told.items():
        server, _, text = key
        rule, severity = verdicts[key]
        labels = list(dict.fromkeys(each.reference.label for each in same))
        said = Wording(
            "{server} {settings}, {text}", server=server, settings=some(labels, 3), text=text
        )
        yield _of(rule, server, said, severity, same[0].file)


def _complaints(each: Installed, at: datetime) -> Iterator[tuple[Rule, str, Severity]]:
    if each.leaf is None or each.verdict is None:
        return
    for problem in each.verdict.problems:
        rule = fault_rule(problem.fault)
        yield rule, problem.text, rule.severity_for(_role(each))
    severity = urgency(each.leaf, at)
    if severity is not None:
        yield EXPIRES_SOON, remaining(each.leaf, at), severity


def _role(each: Installed) -> Role:
    """The most demanding of those that it is served to: users' before other servers'."""
    roles = {endpoint.service.role for endpoint in each.reference.endpoints}
    return next((role for role in (Role.ACCESS, Role.SUBMISSION) if role in roles), Role.MX)


def _maps(facts: StatusFacts) -> Iterator[Finding]:
    for each in facts.maps:
        if not isinstance(each.stale, Unknown):
            for text in each.stale:
                said = Wording("{file}: {text}", file=each.table, text=text)
                yield _of(MAP_STALE, "Postfix", said, Severity.HIGH, each.table)


def _exposed(facts: StatusFacts) -> Iterator[Finding]:
    for each in facts.exposed:
        text = Wording("{file} has mode {mode}", file=each.file, mode=format(each.mode, "04o"))
        yield _of(KEY_EXPOSED, each.server, text, Severity.HIGH, each.file)


def _stale(each: Served, at: datetime) -> Iterator[Finding]:
    for chain in each.stale:
        text = _says(each, _brief(chain[0], at))
        about = " ".join(part for part in (each.name, each.key_type) if part)
        yield replace(STALE.at(each.endpoint, text), subject=about)


def _says(each: Served, certificate: str) -> Wording:
    if each.key_type:
        certificate = Wording("{text} ({why})", text=certificate, why=each.key_type)
    if each.name:
        return Wording(
            "serves {certificate} to clients that ask for {name}, which is not what its file holds",
            certificate=certificate,
            name=each.name,
        )
    return Wording(
        "serves {certificate}, which is not what its file holds", certificate=certificate
    )


def _brief(leaf: Certificate, at: datetime) -> str:
    day = format(leaf.not_after, "%Y-%m-%d %H:%M")
    if leaf.not_after < at:
        return Wording(
            "the certificate {sha256}…, expired {day} UTC", sha256=leaf.sha256[:12], day=day
        )
    return Wording("the certificate {sha256}…, until {day} UTC", sha256=leaf.sha256[:12], day=day)
