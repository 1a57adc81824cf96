"""The JSON Schema (draft 2020-12) of what `check --json` prints. Written beside `json_report`; a
test holds real output against it, with nothing more and nothing less in any object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from letterlock.model.certificate import ChainFault
from letterlock.model.finding import Severity
from letterlock.model.grade import Grade
from letterlock.model.service import MailProtocol, Role, TlsMode
from letterlock.model.tls_facts import Depth, Order
from letterlock.model.unknown import Cause
from letterlock.model.verdict import Letter
from letterlock.report.sheet import BEHAVIOURS

_Json = dict[str, Any]
_TEXT: _Json = {"type": "string"}
_BOOL: _Json = {"type": "boolean"}
_COUNT: _Json = {"type": "integer", "minimum": 0}
_INTEGER: _Json = {"type": "integer"}
_NUMBER: _Json = {"type": "number", "minimum": 0}
_TIME: _Json = {"type": "string", "format": "date-time"}
_SHA256: _Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _ref(name: str) -> _Json:
    return {"$ref": f"#/$defs/{name}"}


def _list(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _or(*kinds: _Json) -> _Json:
    return {"anyOf": list(kinds)}


def _or_null(kind: _Json) -> _Json:
    return _or(kind, {"type": "null"})


def _or_unknown(kind: _Json) -> _Json:
    return _or(kind, _ref("unknown"))


def _one_of(values: Iterable[str]) -> _Json:
    return {"enum": [str(value) for value in values]}


def _object(says: str, members: Mapping[str, _Json], optional: Iterable[str] = ()) -> _Json:
    return {
        "type": "object",
        "description": says,
        "properties": dict(members),
        "required": [name for name in members if name not in optional],
    }


def _said(kind: _Json, says: str) -> _Json:
    return {**kind, "description": says}


_TERNARY = _or_unknown(_BOOL)
_TEXTS = _list(_TEXT)
_CHAIN = {
    "chain": _said(_list(_ref("certificate")), "as served, in the order served"),
    "verdict": _ref("chain_verdict"),
}

_ENDPOINT = {
    "target": _said(_TEXT, "as given on the command line"),
    "address": _said(_TEXT, "IPv4 or IPv6, without brackets"),
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "service": _said(_TEXT, "IANA's name"),
    "protocol": _said(_one_of(MailProtocol), "the mail protocol"),
    "tls": _said(_one_of(TlsMode), "how TLS begins"),
    "role": _one_of(Role),
    "closed": _said(_BOOL, "the address refused the connection"),
    "from_same_address": _said(_BOOL, "we came from the very address that we went to"),
    "greeting": _said(
        _or_null(_or_unknown(_ref("greeting"))), "null on ports where TLS begins at once"
    ),
    "handshake": _said(
        _or_null(_or_unknown(_ref("handshake"))), "the full one; null where no TLS is offered"
    ),
    "further_handshakes": _said(
        _list(_ref("handshake")), "secure with two certificates: those of the other key types"
    ),
    "capabilities_inside": _or_unknown(_TEXTS),
    "sent_after_starttls": _said(
        _TEXT, "what came in the clear between STARTTLS and the handshake, normally nothing"
    ),
    "depth": _said(
        _or_null(_one_of(Depth)), "null where there was one handshake and no further question"
    ),
    "behaviour": _or_null(_ref("behaviour")),
    "dialogue": _or_null(_ref("dialogue")),
    "connections": _said(_or_null(_COUNT), "opened for the further questions"),
    "refused_connections": _said(_or_null(_COUNT), "of those, turned away by the server"),
    "protocols": _list(_ref("protocol")),
    "groups": _list(_ref("groups")),
    "diffie_hellman": _list(_ref("diffie_hellman")),
    "signature_schemes": _said(_list(_ref("schemes")), "those that the server signs with"),
    "refused_schemes": _said(_list(_ref("schemes")), "those that it was proven not to sign with"),
    "chains": _list(_ref("served_chain")),
    "known_faults": _list(_ref("known_fault")),
    "left_out": _said(_TEXTS, "what was not asked, and why"),
    "grade": _or_null(_or_unknown(_ref("grade"))),
    "profiles": _list(_ref("profile_verdict")),
}

_CERTIFICATE = {
    "subject": _TEXT,
    "issuer": _TEXT,
    "serial_number": _said(_TEXT, "hexadecimal"),
    "dns_names": _TEXTS,
    "ip_addresses": _TEXTS,
    "not_before": _TIME,
    "not_after": _TIME,
    "days_left": _said(_INTEGER, "whole days; negative once expired"),
    "lifetime_days": _INTEGER,
    "public_key": _object("", {"algorithm": _TEXT, "bits": _COUNT, "curve": _or_null(_TEXT)}),
    "signature_algorithm": _TEXT,
    "signature_hash": _or_null(_TEXT),
    "is_ca": _BOOL,
    "must_staple": _BOOL,
    "sha256": _SHA256,
    "spki_sha256": _SHA256,
    "pem": _said(_TEXT, "with --pem"),
}

_DEFINITIONS = {
    "unknown": _object(
        "could not be determined: neither yes nor no",
        {"unknown": _said(_TEXT, "the reason"), "cause": _one_of(Cause)},
    ),
    "target": _object(
        "one target",
        {
            "target": _TEXT,
            "name": _said(_TEXT, "sent as SNI and verified"),
            "started": _TIME,
            "seconds": _NUMBER,
            "connections": _COUNT,
            "grade": _or_null(_or_unknown(_ref("grade"))),
        },
    ),
    "finding": _object(
        "what there is to say",
        {
            "target": _TEXT,
            "id": _said(_TEXT, "stable"),
            "severity": _one_of(Severity),
            "title": _TEXT,
            "role": _or_null(_one_of(Role)),
            "endpoint": _said(
                _or_null(_object("", {"address": _TEXT, "port": _COUNT})),
                "null: the server as a whole",
            ),
            "evidence": _said(_TEXT, "what was seen"),
            "source": _said(_TEXT, "who asks for better: an RFC section or a guideline"),
            "remedy": _said(_TEXT, "what to set, in Postfix's and Dovecot's words"),
        },
    ),
    "endpoint": _object("one service on one address", _ENDPOINT, optional=("further_handshakes",)),
    "greeting": _object(
        "what the server says before TLS",
        {
            "banner": _TEXT,
            "capabilities": _TEXTS,
            "starttls_offered": _BOOL,
            "cleartext_logins": _said(_TEXTS, "every way to send a password before TLS"),
        },
    ),
    "handshake": _object(
        "one full TLS handshake",
        {
            "version": _TEXT,
            "cipher_suite": _TEXT,
            "named_group": _or_unknown(_TEXT),
            "seconds": _NUMBER,
            **_CHAIN,
        },
    ),
    "certificate": _object("the facts of a certificate", _CERTIFICATE, optional=("pem",)),
    "chain_verdict": _object(
        "what a client that knows the name and the roots says",
        {
            "accepted": _BOOL,
            "anchor": _said(_or_null(_TEXT), "the root's subject; null: none is reached"),
            "path": _said(_list(_SHA256), "the certificates of the path found, leaf first"),
            "problems": _list(_object("", {"fault": _one_of(ChainFault), "text": _TEXT})),
        },
    ),
    "protocol": _object(
        "one version of the protocol",
        {
            "name": _said(_TEXT, "SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"),
            "offered": _TERNARY,
            "cipher_suites": _said(_TEXTS, "IANA's names, in the server's order where it has one"),
            "complete": _said(
                _BOOL, "every registered suite was asked for: what is not listed is refused"
            ),
            "refused": _said(_TEXTS, "proven not to be accepted; empty where `complete`"),
            "order": _or_unknown(_one_of(Order)),
            "cipher_suite_grades": _list(
                _object(
                    "each suite by NCSC-NL's levels, and what is weak about it",
                    {
                        "name": _TEXT,
                        "openssl_name": _or_null(_TEXT),
                        "grade": _or_null(_one_of(Grade)),
                        "weakness": _or_null(_TEXT),
                    },
                )
            ),
        },
    ),
    "groups": _object(
        "named groups for one kind of key exchange",
        {
            "groups": _said(_TEXTS, "IANA's names"),
            "used_in": _said(_TEXTS, "the versions in which they were seen"),
            "complete": _said(
                _BOOL, "every registered group was asked for: what is not listed is refused"
            ),
            "refused": _said(_TEXTS, "proven not to be accepted; empty where `complete`"),
            "order": _or_unknown(_one_of(Order)),
            "post_quantum": _said(_BOOL, "one of them is a hybrid with ML-KEM"),
        },
    ),
    "diffie_hellman": _object(
        "finite-field parameters of a DHE suite",
        {
            "bits": _COUNT,
            "generator": _INTEGER,
            "prime_sha256": _SHA256,
            "known_as": _said(_or_null(_TEXT), "its name where it is a well-known prime"),
        },
    ),
    "schemes": _object("signature schemes in one version", {"protocol": _TEXT, "schemes": _TEXTS}),
    "served_chain": _object(
        "a chain, one per kind of key, with and without SNI",
        {
            "key_type": _TEXT,
            "sni": _said(_or_null(_TEXT), "null: none was sent"),
            "stapled": _said(
                _or_null(_or_unknown(_object("", {"status": _or_unknown(_TEXT)}))),
                "the OCSP response that came along; null: none",
            ),
            "scts": _or_unknown(_COUNT),
            **_CHAIN,
        },
    ),
    "behaviour": _object(
        "how the server takes what a client may send",
        {
            **{name: _said(_TERNARY, words) for name, words, *_ in BEHAVIOURS},
            "resumption": _object(
                "",
                {
                    "session_id": _TERNARY,
                    "ticket": _TERNARY,
                    "ticket_tls13": _TERNARY,
                    "lifetime_hint": _said(_or_null(_COUNT), "seconds"),
                },
            ),
        },
    ),
    "known_fault": _object(
        "a published attack, tried or deduced",
        {"id": _TEXT, "present": _TERNARY, "evidence": _TEXT},
    ),
    "dialogue": _object(
        "the mail dialogue around STARTTLS",
        {
            "injection": _said(_TERNARY, "commands sent along with STARTTLS are obeyed"),
            "second_starttls": _said(_or_unknown(_TEXT), "what STARTTLS inside TLS is answered"),
            "login_before_tls": _TERNARY,
        },
    ),
    "grade": _object(
        "a grade, and what keeps it from being better",
        {"letter": _one_of(Letter), "because": _TEXTS},
    ),
    "profile_verdict": _object(
        "whether a profile is met",
        {"name": _TEXT, "title": _TEXT, "met": _TERNARY, "breaches": _TEXTS},
    ),
}

#: The whole document.
SCHEMA: _Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock check --json",
    **_object(
        "Members may be added; none is renamed or removed within one format_version.",
        {
            "format_version": {"const": 1},
            "targets": _list(_ref("target")),
            "endpoints": _list(_ref("endpoint")),
            "findings": _list(_ref("finding")),
        },
    ),
    "$defs": _DEFINITIONS,
}
