"""A sending test for machines: JSON texts, a line each (JSON Lines). The shape is stable: members
are added, never renamed; `format_version` goes up should one have to go."""

from __future__ import annotations

import json
from typing import Any

from letterlock.model.listening import (
    HelloFacts,
    Mail,
    PolicyFetch,
    Row,
    Sheet,
    TlsSeen,
    Trap,
    Visit,
)
from letterlock.report.escape import json_text
from letterlock.report.text import utc

FORMAT_VERSION = 1
_Json = dict[str, Any]


def visit_line(visit: Visit) -> str:
    """One line, described by `listening_schema.SCHEMA`."""
    return _line(visit_members(visit))


def fetch_line(fetch: PolicyFetch) -> str:
    """The same for a fetch of the policy."""
    at = utc(fetch.at)
    return _line(
        {"format_version": FORMAT_VERSION, "kind": "policy", "at": at, "address": fetch.address}
    )


def sheet_line(sheet: Sheet) -> str:
    """The same for a sender's sheet."""
    return _line(sheet_members(sheet))


def _line(members: _Json) -> str:
    return json_text(json.dumps(members, ensure_ascii=False)) + "\n"


def visit_members(visit: Visit) -> _Json:
    return {
        "format_version": FORMAT_VERSION,
        "kind": "visit",
        "at": utc(visit.at),
        "seconds": round(visit.seconds, 3),
        "address": visit.address,
        "trap": visit.trap.value if visit.trap else None,
        "helo": visit.helo,
        "starttls_offered": visit.starttls_offered,
        "starttls_asked": visit.starttls_asked,
        "tls": _tls(visit.tls),
        "recipients": [_recipient(*each) for each in visit.recipients],
        "turned_away": visit.turned_away,
        "mails": [_mail(each) for each in visit.mails],
        "injected": visit.injected,
        "ended": visit.ended,
    }


def sheet_members(sheet: Sheet) -> _Json:
    return {
        "format_version": FORMAT_VERSION,
        "kind": "sheet",
        "token": sheet.token,
        "label": sheet.label,
        "addresses": list(sheet.addresses),
        "helo": list(sheet.helo),
        "rows": [_row(each) for each in sheet.rows],
        "does_not_check": list(sheet.does_not_check),
    }


def _row(row: Row) -> _Json:
    return {
        "trap": row.trap.value,
        "verdict": row.verdict.value,
        "why": row.why,
        "visits": row.visits,
        "mails": row.mails,
        "tls": _tls(row.tls),
    }


def _recipient(trap: Trap, token: str) -> _Json:
    return {"trap": trap.value, "token": token}


def _mail(mail: Mail) -> _Json:
    return {
        "at": utc(mail.at),
        "trap": mail.trap.value,
        "token": mail.token,
        "sender_domain": mail.sender_domain,
        "size": mail.size,
        "encrypted": mail.encrypted,
    }


def _tls(tls: TlsSeen | None) -> _Json | None:
    if tls is None:
        return None
    return {
        "completed": tls.completed,
        "version": tls.version,
        "cipher_suite": tls.cipher_suite,
        "group": tls.group,
        "post_quantum": tls.post_quantum,
        "hello_retry": tls.retried,
        "alert": tls.alert,
        "failure": tls.failure,
        "hello": _hello(tls.hello) if tls.hello else None,
    }


def _hello(hello: HelloFacts) -> _Json:
    return {
        "versions": list(hello.versions),
        "cipher_suites": list(hello.cipher_suites),
        "groups": list(hello.groups),
        "key_shares": list(hello.key_shares),
        "post_quantum_groups": list(hello.post_quantum_groups),
        "signature_schemes": list(hello.signature_schemes),
        "server_name": hello.server_name,
        "alpn": list(hello.alpn),
    }
