"""Is TLS there, and does it work?"""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import Rule, define, per_role
from letterlock.model.cipher_suites import has_forward_secrecy
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, counted, joined

STARTTLS_NOT_OFFERED = define(
    "starttls-not-offered",
    "STARTTLS is not offered",
    "Without STARTTLS the whole session, mail and passwords included, crosses the network "
    "readable. On port 25 other servers then deliver in the clear. If the server is configured "
    "for it, something on the way (a firewall's SMTP inspection) may be taking it out.",
    source="RFC 3207 section 4; RFC 8314 section 3",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix="Postfix: smtpd_tls_security_level = may (encrypt on submission) and "
    "smtpd_tls_chain_files, or smtpd_tls_cert_file and smtpd_tls_key_file before 3.4.",
    dovecot="Dovecot: ssl = yes (or required) with ssl_cert and ssl_key "
    "(2.4: ssl_server_cert_file, ssl_server_key_file).",
)
STARTTLS_REFUSED = define(
    "starttls-refused",
    "STARTTLS is offered and then refused",
    "The server announces TLS and turns it down when asked: usually its key or certificate cannot "
    "be read. Strict senders and clients give up here; the others go on in the clear.",
    source="RFC 3207 section 4",
    severity=Severity.HIGH,
    postfix="Postfix: its log names the file that fails; see that smtpd_tls_chain_files (or "
    "smtpd_tls_cert_file and smtpd_tls_key_file) exist and match.",
    dovecot="Dovecot: its log names the file that fails; see that ssl_cert and ssl_key "
    "(2.4: ssl_server_cert_file, ssl_server_key_file) exist and match.",
)
HANDSHAKE_FAILED = define(
    "handshake-failed",
    "The TLS handshake fails",
    "A client that offers TLS 1.0 to 1.3 with every suite OpenSSL still knows, weak ones too, "
    "cannot agree with the server: it has no usable certificate, no protocol or suite in common, "
    "or is no TLS server.",
    source="RFC 8446 section 6.2",
    severity=Severity.HIGH,
    postfix="Postfix: set smtpd_tls_loglevel = 1 and look in its log; then at "
    "smtpd_tls_protocols, smtpd_tls_ciphers and the certificate's files.",
    dovecot="Dovecot: set verbose_ssl = yes (2.4: log_debug = category=ssl) and look in its log; "
    "then at ssl_min_protocol, ssl_cipher_list and the certificate's files.",
)
PLAIN_ON_TLS_PORT = define(
    "plain-on-tls-port",
    "Plain text on a port where TLS begins with the first byte",
    "Clients set to TLS on this port cannot connect at all; those that can are not encrypted.",
    source="RFC 8314 section 3",
    severity=Severity.HIGH,
    postfix="Postfix: add -o smtpd_tls_wrappermode=yes to the service in master.cf.",
    dovecot="Dovecot: ssl = yes in the inet_listener of that port.",
)
TLS_ON_PLAIN_PORT = define(
    "tls-on-plain-port",
    "TLS from the first byte on a port where a banner is due",
    "Clients wait for a banner that never comes, until they time out. On port 25 that stops all "
    "incoming mail.",
    source="RFC 3207 section 4; RFC 2595 section 7",
    severity=Severity.HIGH,
    postfix="Postfix: remove -o smtpd_tls_wrappermode=yes from the service in master.cf.",
    dovecot="Dovecot: remove ssl = yes from the inet_listener of that port.",
)
DEPRECATED_PROTOCOL = define(
    "deprecated-protocol",
    "A deprecated TLS version is the best on offer",
    "The client offered up to TLS 1.3 and the server chose a version that has been formally "
    "retired: many clients refuse it.",
    source="RFC 8996 section 4; RFC 9325 section 3.1.1",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix="Postfix: smtpd_tls_protocols = >=TLSv1.2 (before 3.6: !SSLv2, !SSLv3, !TLSv1, "
    "!TLSv1.1), with an OpenSSL of 1.0.1 or later.",
    dovecot="Dovecot: ssl_min_protocol = TLSv1.2 (before 2.3: ssl_protocols).",
)
NO_FORWARD_SECRECY = define(
    "no-forward-secrecy",
    "The key exchange has no forward secrecy",
    "Whoever records the traffic and gets hold of the server's key later can read all of it.",
    source="RFC 9325 section 4.1",
    severity=per_role(Severity.LOW, Severity.MEDIUM),
    postfix="Postfix: smtpd_tls_exclude_ciphers = kRSA, and leave tls_eecdh_auto_curves alone.",
    dovecot="Dovecot: ssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20 "
    "(and TLS 1.3, which always has it).",
)
DATA_AFTER_STARTTLS = define(
    "data-after-starttls",
    "The server talks on in the clear after agreeing to TLS",
    "Bytes between the answer to STARTTLS and the handshake can be an attacker's; clients that "
    "take them for the first answer inside TLS can be injected into.",
    source="RFC 3207 section 4.2; CVE-2011-0411",
    severity=Severity.MEDIUM,
    postfix="Update the server, and look for a proxy in front of it that adds them.",
)

_BY_CAUSE: dict[Cause, Rule] = {
    Cause.STARTTLS_REFUSED: STARTTLS_REFUSED,
    Cause.TLS_ALERT: HANDSHAKE_FAILED,
    Cause.TLS_ERROR: HANDSHAKE_FAILED,
    Cause.PLAIN_ON_TLS_PORT: PLAIN_ON_TLS_PORT,
    Cause.TLS_ON_PLAIN_PORT: TLS_ON_PLAIN_PORT,
}
_DEPRECATED = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1")


def starttls(facts: EndpointFacts) -> Iterator[Finding]:
    """Not offered at all."""
    greeting = facts.greeting
    if isinstance(greeting, Greeting) and not greeting.starttls_offered:
        offered = joined(", ", greeting.capabilities) or Wording("nothing")
        text = Wording("the server offers {capabilities}", capabilities=offered)
        yield STARTTLS_NOT_OFFERED.at(facts.endpoint, text)


def failures(facts: EndpointFacts) -> Iterator[Finding]:
    """Offered, and it does not work."""
    for known in (facts.greeting, facts.handshake):
        if isinstance(known, Unknown) and known.cause in _BY_CAUSE:
            yield _BY_CAUSE[known.cause].at(facts.endpoint, known.reason)
            return


def deprecated_protocol(facts: EndpointFacts) -> Iterator[Finding]:
    if isinstance(facts.handshake, Handshake) and facts.handshake.version in _DEPRECATED:
        text = Wording(
            "negotiated {version} although TLSv1.3 was offered", version=facts.handshake.version
        )
        yield DEPRECATED_PROTOCOL.at(facts.endpoint, text)


def forward_secrecy(facts: EndpointFacts) -> Iterator[Finding]:
    if isinstance(facts.handshake, Handshake) and not has_forward_secrecy(
        facts.handshake.cipher_suite
    ):
        text = Wording("negotiated {suite}", suite=facts.handshake.cipher_suite)
        yield NO_FORWARD_SECRECY.at(facts.endpoint, text)


def data_after_starttls(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.after_starttls:
        text = counted(
            "{count} byte: {data}",
            "{count} bytes: {data}",
            len(facts.after_starttls),
            data=repr(facts.after_starttls[:60]),
        )
        yield DATA_AFTER_STARTTLS.at(facts.endpoint, text)
