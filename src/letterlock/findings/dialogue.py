"""The mail dialogue around STARTTLS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from letterlock.findings.rule import define, per_role
from letterlock.findings.settings import DOVECOT, POSTFIX
from letterlock.model.facts import EndpointFacts, Greeting
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Role
from letterlock.model.wording import Wording

INJECTION = define(
    "starttls-injection",
    "Commands sent in the clear are carried out inside TLS",
    "What an attacker adds behind STARTTLS is kept and taken for the client's first words inside "
    "TLS: it can steal mail and logins. Between servers it can only add a message of its own, "
    "which anyone may send.",
    source="RFC 3207 section 4.2; RFC 9051 section 6.2.1; CVE-2011-0411, CVE-2021-33515",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix="Postfix: update to 2.8.3 or later; look for a proxy in front.",
    dovecot="Dovecot: update to 2.3.15 or later; look for a proxy in front.",
)
STARTTLS_INSIDE = define(
    "starttls-offered-inside-tls",
    "STARTTLS is still offered inside TLS",
    "The server must not offer it again: a client that follows gets stuck, and the state of the "
    "server is not what it should be.",
    source="RFC 3207 section 4.2; RFC 9051 section 6.2.1; RFC 2595 section 4",
    severity=Severity.LOW,
    postfix="Update the server; look for a proxy that ends TLS before it.",
)
SECOND_STARTTLS = define(
    "second-starttls-accepted",
    "STARTTLS inside TLS is agreed to",
    "There is nothing to start: a server that says yes has lost track of its own state, or a "
    "proxy ends TLS before it.",
    source="RFC 3207 section 4.2; RFC 9051 section 6.2.1; RFC 2595 section 4",
    severity=Severity.LOW,
    postfix="Update the server; look for a proxy that ends TLS before it.",
)
LOGIN_BEFORE_TLS = define(
    "login-before-tls",
    "A login is taken before TLS although none is offered",
    "The capabilities hide it, the server accepts it: a client that does not look sends its "
    "password readable by anyone on the way. Nobody should log in on port 25 at all.",
    source="RFC 8314 section 4.1; RFC 4954 section 4; RFC 2595 section 2.3",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix=f"Postfix: {POSTFIX['cleartext-auth']} = yes; on port 25 no smtpd_sasl_auth_enable.",
    dovecot=f"Dovecot: {DOVECOT['cleartext-auth']}, or ssl = required.",
)

#: Agreement: SMTP 220, POP3 +OK, IMAP a tagged OK.
_AGREED = re.compile(r"220\b|\+OK\b|\S+ OK\b|OK\b", re.IGNORECASE)


def injection(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is not None and facts.tls.dialogue.injection is True:
        text = Wording("a command sent together with STARTTLS was answered inside TLS")
        yield INJECTION.at(facts.endpoint, text)


def starttls_again(facts: EndpointFacts) -> Iterator[Finding]:
    inside = facts.capabilities_inside
    if isinstance(inside, tuple):
        again = [each for each in inside if each.upper() in ("STARTTLS", "STLS")]
        if again:
            yield STARTTLS_INSIDE.at(
                facts.endpoint, Wording("{command} among the capabilities", command=again[0])
            )
    if facts.tls is None:
        return
    answer = facts.tls.dialogue.second_starttls
    if isinstance(answer, str) and _AGREED.match(answer):
        yield SECOND_STARTTLS.at(facts.endpoint, Wording("answered {answer}", answer=repr(answer)))


def login_before_tls(facts: EndpointFacts) -> Iterator[Finding]:
    """Where a login is offered, `cleartext-login` says so already. Dovecot takes its own address
    for secure."""
    if facts.tls is None or facts.tls.dialogue.login_before_tls is not True:
        return
    if isinstance(facts.greeting, Greeting) and facts.greeting.cleartext_logins:
        return
    text = Wording("a login command was accepted in the clear")
    if facts.from_same_address and facts.endpoint.service.role is Role.ACCESS:
        text = Wording(
            "a login command was accepted in the clear, from this very machine; Dovecot trusts "
            "that, so ask from another one"
        )
        yield LOGIN_BEFORE_TLS.at(facts.endpoint, text, Severity.INFO)
    else:
        yield LOGIN_BEFORE_TLS.at(facts.endpoint, text)
