"""The JSON Schema (draft 2020-12) of what `check --json` prints. Written beside `json_report`; a
test holds real output against it, with nothing more and nothing less in any object."""

from __future__ import annotations

from typing import Any

from letterlock.model.certificate import ChainFault
from letterlock.model.finding import Severity
from letterlock.model.grade import Grade
from letterlock.model.revocation import Status
from letterlock.model.service import MailProtocol, Role, TlsMode
from letterlock.model.tls_facts import Depth, Order
from letterlock.model.unknown import Cause
from letterlock.model.verdict import Letter
from letterlock.report import dns_schema
from letterlock.report.schema_words import (
    BOOL,
    COUNT,
    INTEGER,
    NUMBER,
    SHA256,
    TEXT,
    TEXTS,
    TIME,
    array,
    either,
    mapping,
    one_of,
    or_null,
    or_unknown,
    ref,
    said,
    shape,
)
from letterlock.report.sheet import BEHAVIOURS

_Json = dict[str, Any]
_TERNARY = or_unknown(BOOL)
_CHAIN = {
    "chain": said(array(ref("certificate")), "as served, in the order served"),
    "verdict": ref("chain_verdict"),
}

_ENDPOINT = {
    "target": said(TEXT, "as given on the command line"),
    "address": said(TEXT, "IPv4 or IPv6, without brackets"),
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "service": said(TEXT, "IANA's name"),
    "protocol": said(one_of(MailProtocol), "the mail protocol"),
    "tls": said(one_of(TlsMode), "how TLS begins"),
    "role": one_of(Role),
    "closed": said(BOOL, "the address refused the connection"),
    "from_same_address": said(BOOL, "we came from the very address that we went to"),
    "greeting": said(
        or_null(or_unknown(ref("greeting"))), "null on ports where TLS begins at once"
    ),
    "handshake": said(
        or_null(or_unknown(ref("handshake"))), "the full one; null where no TLS is offered"
    ),
    "further_handshakes": said(
        array(ref("handshake")), "secure with two certificates: those of the other key types"
    ),
    "capabilities_inside": or_unknown(TEXTS),
    "sent_after_starttls": said(
        TEXT, "what came in the clear between STARTTLS and the handshake, normally nothing"
    ),
    "depth": said(
        or_null(one_of(Depth)), "null where there was one handshake and no further question"
    ),
    "behaviour": or_null(ref("behaviour")),
    "dialogue": or_null(ref("dialogue")),
    "connections": said(or_null(COUNT), "opened for the further questions"),
    "refused_connections": said(or_null(COUNT), "of those, turned away by the server"),
    "protocols": array(ref("protocol")),
    "groups": array(ref("groups")),
    "diffie_hellman": array(ref("diffie_hellman")),
    "signature_schemes": said(array(ref("schemes")), "those that the server signs with"),
    "refused_schemes": said(array(ref("schemes")), "those that it was proven not to sign with"),
    "chains": array(ref("served_chain")),
    "known_faults": array(ref("known_fault")),
    "left_out": said(TEXTS, "what was not asked, and why"),
    "grade": or_null(or_unknown(ref("grade"))),
    "profiles": array(ref("profile_verdict")),
}

_CERTIFICATE = {
    "subject": TEXT,
    "issuer": TEXT,
    "serial_number": said(TEXT, "hexadecimal"),
    "dns_names": TEXTS,
    "ip_addresses": TEXTS,
    "not_before": TIME,
    "not_after": TIME,
    "days_left": said(INTEGER, "whole days; negative once expired"),
    "lifetime_days": INTEGER,
    "public_key": shape("", {"algorithm": TEXT, "bits": COUNT, "curve": or_null(TEXT)}),
    "signature_algorithm": TEXT,
    "signature_hash": or_null(TEXT),
    "is_ca": BOOL,
    "must_staple": BOOL,
    "sha256": SHA256,
    "spki_sha256": SHA256,
    "pem": said(TEXT, "with --pem"),
}

#: A finding, whatever it is about.
FINDING = shape(
    "what there is to say",
    {
        "id": said(TEXT, "stable"),
        "severity": one_of(Severity),
        "title": TEXT,
        "role": or_null(one_of(Role)),
        "endpoint": said(
            or_null(shape("", {"address": TEXT, "port": COUNT})),
            "null: the server as a whole",
        ),
        "evidence": said(TEXT, "what was seen"),
        "source": said(TEXT, "who asks for better: an RFC section or a guideline"),
        "remedy": said(TEXT, "what to set, in Postfix's and Dovecot's words"),
    },
)

_DEFINITIONS = {
    "unknown": shape(
        "could not be determined: neither yes nor no",
        {"unknown": said(TEXT, "the reason"), "cause": one_of(Cause)},
    ),
    "target": shape(
        "one target",
        {
            "target": TEXT,
            "name": said(TEXT, "sent as SNI and verified"),
            "started": TIME,
            "seconds": NUMBER,
            "connections": COUNT,
            "grade": or_null(or_unknown(ref("grade"))),
            "domain": said(or_null(ref("domain")), "what DNS says; null: a host"),
            "host": said(or_null(ref("host")), "what DNS says of it, where asked"),
            "revocations": said(array(ref("revocation")), "with --online"),
        },
        optional=("revocations",),
    ),
    "revocation": shape(
        "what a CA says of a certificate in a path",
        {
            "certificate": SHA256,
            "subject": TEXT,
            "status": or_unknown(one_of(Status)),
            "source": said(or_null(TEXT), "OCSP or CRL, and its URL; null: nobody told"),
            "revoked_at": or_null(TIME),
            "reason": said(or_null(TEXT), "RFC 5280 section 5.3.1's name"),
            "next_update": said(or_null(TIME), "until when the answer holds"),
        },
    ),
    "finding": shape("what there is to say", {"target": TEXT, **FINDING["properties"]}),
    "endpoint": shape("one service on one address", _ENDPOINT, optional=("further_handshakes",)),
    "greeting": shape(
        "what the server says before TLS",
        {
            "banner": TEXT,
            "capabilities": TEXTS,
            "starttls_offered": BOOL,
            "cleartext_logins": said(TEXTS, "every way to send a password before TLS"),
        },
    ),
    "handshake": shape(
        "one full TLS handshake",
        {
            "version": TEXT,
            "cipher_suite": TEXT,
            "named_group": or_unknown(TEXT),
            "seconds": NUMBER,
            **_CHAIN,
        },
    ),
    "certificate": shape("the facts of a certificate", _CERTIFICATE, optional=("pem",)),
    "chain_verdict": shape(
        "what a client that knows the name and the roots says",
        {
            "accepted": BOOL,
            "anchor": said(or_null(TEXT), "the root's subject; null: none is reached"),
            "path": said(array(SHA256), "the certificates of the path found, leaf first"),
            "problems": array(shape("", {"fault": one_of(ChainFault), "text": TEXT})),
            "mozilla": said(
                ref("chain_verdict"),
                "by Mozilla's roots instead; left out where they were not asked",
            ),
        },
        optional=("mozilla",),
    ),
    "protocol": shape(
        "one version of the protocol",
        {
            "name": said(TEXT, "SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"),
            "offered": _TERNARY,
            "cipher_suites": said(TEXTS, "IANA's names, in the server's order where it has one"),
            "complete": said(
                BOOL, "every registered suite was asked for: what is not listed is refused"
            ),
            "refused": said(TEXTS, "proven not to be accepted; empty where `complete`"),
            "order": or_unknown(one_of(Order)),
            "cipher_suite_grades": array(
                shape(
                    "each suite by NCSC-NL's levels, and what is weak about it",
                    {
                        "name": TEXT,
                        "openssl_name": or_null(TEXT),
                        "grade": or_null(one_of(Grade)),
                        "weakness": or_null(TEXT),
                    },
                )
            ),
        },
    ),
    "groups": shape(
        "named groups for one kind of key exchange",
        {
            "groups": said(TEXTS, "IANA's names"),
            "used_in": said(TEXTS, "the versions in which they were seen"),
            "complete": said(
                BOOL, "every registered group was asked for: what is not listed is refused"
            ),
            "refused": said(TEXTS, "proven not to be accepted; empty where `complete`"),
            "order": or_unknown(one_of(Order)),
            "post_quantum": said(BOOL, "one of them is a hybrid with ML-KEM"),
        },
    ),
    "diffie_hellman": shape(
        "finite-field parameters of a DHE suite",
        {
            "bits": COUNT,
            "generator": INTEGER,
            "prime_sha256": SHA256,
            "known_as": said(or_null(TEXT), "its name where it is a well-known prime"),
        },
    ),
    "schemes": shape("signature schemes in one version", {"protocol": TEXT, "schemes": TEXTS}),
    "served_chain": shape(
        "a chain, one per kind of key, with and without SNI",
        {
            "key_type": TEXT,
            "sni": said(or_null(TEXT), "null: none was sent"),
            "stapled": said(
                or_null(or_unknown(shape("", {"status": or_unknown(TEXT)}))),
                "the OCSP response that came along; null: none",
            ),
            "scts": or_unknown(COUNT),
            **_CHAIN,
        },
    ),
    "behaviour": shape(
        "how the server takes what a client may send",
        {
            **{name: said(_TERNARY, words) for name, words, *_ in BEHAVIOURS},
            "resumption": shape(
                "",
                {
                    "session_id": _TERNARY,
                    "ticket": _TERNARY,
                    "ticket_tls13": _TERNARY,
                    "lifetime_hint": said(or_null(COUNT), "seconds"),
                },
            ),
        },
    ),
    "known_fault": shape(
        "a published attack, tried or deduced",
        {"id": TEXT, "present": _TERNARY, "evidence": TEXT},
    ),
    "dialogue": shape(
        "the mail dialogue around STARTTLS",
        {
            "injection": said(_TERNARY, "commands sent along with STARTTLS are obeyed"),
            "second_starttls": said(or_unknown(TEXT), "what STARTTLS inside TLS is answered"),
            "login_before_tls": _TERNARY,
        },
    ),
    "grade": shape(
        "a grade, and what keeps it from being better",
        {"letter": one_of(Letter), "because": TEXTS},
    ),
    "message": shape(
        "what a text was made of",
        {
            "template": said(TEXT, "English, with `{name}` for each of `values`"),
            "context": said(TEXT, "what tells it from the same words elsewhere"),
            "plural": said(TEXT, "the template for any `count` but 1"),
            "count": INTEGER,
            "values": mapping(r"^\w+$", either(TEXT, ref("message"))),
            "separator": said(TEXT, "instead of a template: what stands between `parts`"),
            "parts": array(either(TEXT, ref("message"))),
        },
        optional=("template", "context", "plural", "count", "values", "separator", "parts"),
    ),
    "profile_verdict": shape(
        "whether a profile is met",
        {"name": TEXT, "title": TEXT, "met": _TERNARY, "breaches": TEXTS},
    ),
}

#: The whole document.
SCHEMA: _Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock check --json",
    **shape(
        "Members may be added; none is renamed or removed within one format_version.",
        {
            "format_version": {"const": 1},
            "targets": array(ref("target")),
            "endpoints": array(ref("endpoint")),
            "findings": array(ref("finding")),
            "messages": said(
                mapping("^", ref("message")),
                "to say it in another language: each of the texts above that is ours",
            ),
        },
    ),
    "$defs": {**_DEFINITIONS, **dns_schema.DEFINITIONS},
}
