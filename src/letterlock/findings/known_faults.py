"""Published attacks, tried or deduced."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.findings.rule import REGISTRY, define, per_role
from letterlock.findings.settings import (
    DOVECOT,
    dovecot_exclude,
    dovecot_floor,
    postfix_exclude,
    postfix_floor,
)
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.wording import Wording, joined

_UPDATE = Wording("Update OpenSSL (the distribution's current package), restart the server.")
_NO_DHE = (
    postfix_exclude("kDHE", port_25=False),
    f"Dovecot: {DOVECOT['cipher-list']} without DHE suites: append :!kDHE.",
)

define(
    "heartbleed",
    "Heartbleed: the server's memory can be read",
    "Anyone can read what the process holds, keys, passwords and mail included, without a trace in "
    "the log. The same on every port.",
    source="CVE-2014-0160; RFC 6520 section 4",
    severity=Severity.CRITICAL,
    postfix="Update OpenSSL (the distribution's current package), restart the server, then make a "
    "new key and certificate and have passwords changed.",
)
define(
    "ccs-injection",
    "An early ChangeCipherSpec is accepted",
    "An attacker in the middle can force an empty secret on both sides and read and change the "
    "session. Between servers who sits in the middle has easier ways.",
    source="CVE-2014-0224; RFC 5246 section 7.1",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix=_UPDATE,
)
define(
    "robot",
    "ROBOT: the server tells whether RSA padding was right",
    "Thousands of questions later recorded sessions with static RSA can be decrypted and the "
    "server's signature forged, on this port and on any other with the same key.",
    source="CVE-2017-13099; RFC 5246 section 7.4.7.1",
    severity=Severity.HIGH,
    postfix=joined(" ", (_UPDATE, postfix_exclude("kRSA"))),
    dovecot=joined(" ", (_UPDATE, dovecot_exclude("kRSA"))),
)
define(
    "ticketbleed",
    "Ticketbleed: memory leaks with session ids",
    "Up to 31 bytes of the server's memory come back with each resumption. Known of F5 "
    "appliances: something stands in front of the mail server.",
    source="CVE-2016-9244; RFC 5077 section 3.4",
    severity=Severity.HIGH,
    postfix="Update the load balancer or proxy in front, or turn session tickets off there.",
)
define(
    "drown",
    "DROWN: sessions can be decrypted with the help of SSLv2",
    "A few tens of thousands of questions to the SSLv2 side decrypt recorded sessions of every "
    "service with the same RSA key, users' ports included, which is why port 25 counts too.",
    source="CVE-2016-0800; RFC 6176 section 3",
    severity=per_role(Severity.HIGH, Severity.CRITICAL),
    postfix=joined(" ", (_UPDATE, postfix_floor("TLSv1.2"))),
    dovecot=joined(" ", (_UPDATE, dovecot_floor("TLSv1.2"))),
)
define(
    "poodle",
    "POODLE: padding of CBC suites is not checked",
    "An attacker who can make a client repeat itself recovers one byte in 256 tries. Senders "
    "do not repeat themselves at an attacker's wish: between servers it is only mentioned.",
    source="CVE-2014-3566; RFC 7568 section 3",
    severity=per_role(Severity.INFO, Severity.MEDIUM),
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
define(
    "freak",
    "FREAK: RSA export suites can be forced on clients",
    "A flawed client can be talked down to a 512-bit key that is factored in hours. Between "
    "servers an attacker in the middle has easier ways.",
    source="CVE-2015-0204; RFC 9325 section 4.1",
    severity=per_role(Severity.MEDIUM, Severity.HIGH),
    postfix=postfix_exclude("EXPORT"),
    dovecot=dovecot_exclude("EXPORT"),
)
define(
    "logjam",
    "Logjam: the Diffie-Hellman exchange can be broken",
    "Export DHE, or a prime of up to 1024 bits that many share: a session can be talked down, or "
    "computed. On port 25 the alternative for an old sender is the clear.",
    source="CVE-2015-4000; RFC 9325 section 4.5",
    severity=per_role(Severity.LOW, Severity.HIGH),
    postfix=joined(
        " ",
        (
            postfix_exclude("EXPORT", "aNULL"),
            Wording(
                "Leave smtpd_tls_dh1024_param_file empty (3.1 and later); for anonymous suites "
                "OpenSSL takes 1024 bits by itself."
            ),
        ),
    ),
    dovecot=joined(
        " ",
        (
            dovecot_exclude("EXPORT"),
            Wording("{setting} of 2048 bits or more.", setting=DOVECOT["dh-file"]),
        ),
    ),
)
define(
    "sweet32",
    "Sweet32: 64-bit blocks repeat in long sessions",
    "Some gigabytes in one session under 3DES, DES or IDEA give two equal blocks and with them "
    "plain text. Mail sessions hardly ever get that long, least of all between servers.",
    source="CVE-2016-2183; RFC 9325 section 4.1",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=postfix_exclude("3DES", "DES", "IDEA", port_25=False),
    dovecot=dovecot_exclude("3DES", "DES", "IDEA"),
)
define(
    "beast",
    "BEAST: CBC suites in TLS 1.0",
    "The initialisation vector is known beforehand. Clients have split their records against it "
    "for over a decade; nothing to complain about by itself.",
    source="CVE-2011-3389; RFC 8996 section 3",
    severity=Severity.INFO,
    postfix=postfix_floor("TLSv1.2"),
    dovecot=dovecot_floor("TLSv1.2"),
)
define(
    "lucky13",
    "LUCKY13: CBC suites are offered",
    "How long a bad record takes can tell of its padding. Whether this server's library is careful "
    "enough cannot be seen from outside; nothing to complain about by itself.",
    source="CVE-2013-0169; RFC 7366",
    severity=Severity.INFO,
    postfix=postfix_exclude("SHA1", "SHA256", "SHA384", port_25=False),
    dovecot=dovecot_exclude("SHA1", "SHA256", "SHA384"),
)
define(
    "crime",
    "CRIME: compression tells secrets by their length",
    "It takes a client that an attacker can make send chosen text beside the secret: browsers "
    "could, mail programs hardly.",
    source="CVE-2012-4929; RFC 9325 section 3.3",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix="Postfix: tls_ssl_options = NO_COMPRESSION (2.11 and later).",
    dovecot="Dovecot: take compression out of ssl_options.",
)
define(
    "dheat",
    "D(HE)at: cheap questions, costly answers",
    "With DHE suites a client makes the server compute with large primes at no cost of its own. "
    "Who can open many connections can keep it busy; limits on their rate help as much.",
    source="CVE-2002-20001; CVE-2022-40735",
    severity=per_role(Severity.INFO, Severity.LOW),
    postfix=joined(" ", (_NO_DHE[0], Wording("Since 3.8 also tls_ffdhe_auto_groups = (empty)."))),
    dovecot=_NO_DHE[1],
)

#: Every id of `KnownFault` that there is a rule for.
IDS = frozenset(
    {
        "heartbleed",
        "ccs-injection",
        "robot",
        "ticketbleed",
        "drown",
        "poodle",
        "freak",
        "logjam",
        "sweet32",
        "beast",
        "lucky13",
        "crime",
        "dheat",
    }
)


def known_faults(facts: EndpointFacts) -> Iterator[Finding]:
    if facts.tls is None:
        return
    for fault in facts.tls.known_faults:
        if fault.present is True and fault.id in IDS:
            yield REGISTRY[fault.id].at(facts.endpoint, fault.evidence or Wording("seen"))
