"""May a password be sent in the clear?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import define, per_role
from letterlock.model.facts import EndpointFacts, Greeting
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Role
from letterlock.model.wording import Wording, joined

CLEARTEXT_LOGIN = define(
    "cleartext-login",
    "Passwords are accepted before TLS",
    "A client that is not told otherwise, or that an attacker keeps from STARTTLS, sends the "
    "password readable by anyone on the way.",
    source="RFC 8314 section 4.1; RFC 4954 section 4; RFC 2595 section 2.3",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix="Postfix: smtpd_tls_auth_only = yes (on port 25 better no AUTH at all: "
    "smtpd_sasl_auth_enable only on submission, in master.cf).",
    dovecot="Dovecot: disable_plaintext_auth = yes (2.4: auth_allow_cleartext = no), "
    "or ssl = required.",
)


def cleartext_login(facts: EndpointFacts) -> Iterator[Finding]:
    """Dovecot takes a connection from its own address for secure, whatever the setting
    (disable_plaintext_auth in its documentation): seen from there nothing can be said."""
    if not isinstance(facts.greeting, Greeting) or not facts.greeting.cleartext_logins:
        return
    logins = joined(", ", facts.greeting.cleartext_logins)
    text = Wording("open before TLS: {logins}", logins=logins)
    if facts.from_same_address and facts.endpoint.service.role is Role.ACCESS:
        text = Wording(
            "open before TLS: {logins}, to this very machine; Dovecot trusts that, so ask from "
            "another one",
            logins=logins,
        )
        yield CLEARTEXT_LOGIN.at(facts.endpoint, text, Severity.INFO)
    else:
        yield CLEARTEXT_LOGIN.at(facts.endpoint, text)
