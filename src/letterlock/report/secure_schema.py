"""The JSON Schema (draft 2020-12) of what `secure --json` writes, with the endpoints and findings
of `json_schema`. A test holds real output against it."""

from __future__ import annotations

from typing import Any

from letterlock.report import json_schema as shared
from letterlock.report.schema_words import (
    BOOL,
    COUNT,
    SHA256,
    TEXT,
    TEXTS,
    array,
    or_null,
    ref,
    said,
    shape,
)

_CHANGE = shape(
    "one thing that becomes another",
    {
        "kind": {"enum": ["file", "link", "folder"]},
        "path": said(TEXT, "as the system itself calls it, also with --root"),
        "action": {"enum": ["create", "edit", "remove"]},
        "diff": said(TEXT, "unified; one line for a key (no contents), a link, a folder"),
        "reasons": array(
            shape("", {"text": TEXT, "source": said(TEXT, "an RFC section or release notes")})
        ),
    },
)

_EXPECTATION = shape(
    "what must be served afterwards",
    {
        "address": TEXT,
        "port": COUNT,
        "service": said(TEXT, "IANA's name"),
        "name": said(TEXT, "sent as SNI and verified"),
        "leaf_sha256": SHA256,
        "key_type": said(or_null(TEXT), "to a client of that type alone; null: to any"),
    },
)

_PLAN = shape(
    "what is to change, and why; without changes there is nothing to do",
    {
        "verb": TEXT,
        "subject": TEXT,
        "changes": array(ref("change")),
        "servers": said(TEXTS, "those that are validated and reloaded"),
        "notices": TEXTS,
        "expectations": array(ref("expectation")),
    },
)

_REHEARSAL = shape(
    "the plan tried on private copies",
    {
        "state": {"enum": ["not asked for", "impossible", "failed", "passed"]},
        "reason": said(TEXT, "where it was impossible"),
        "complaints": said(TEXTS, "where it passed or failed; none: it passed"),
        "log": said(TEXTS, "the servers' own lines"),
        "ports": said(array(COUNT), "spoken to"),
    },
    optional=("reason", "complaints", "log", "ports"),
)

_SHARED: dict[str, Any] = shared.SCHEMA["$defs"]

#: The whole document.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock secure --json",
    **shape(
        "Members may be added; none is renamed or removed within one format_version.",
        {
            "format_version": {"const": 1},
            "verb": said(TEXT, "secure, or modernize"),
            "host": TEXT,
            "exit_code": said(COUNT, "of this run"),
            "error": said(or_null(TEXT), "what standard error said; null: nothing went wrong"),
            "changed": said(BOOL, "always false with --dry-run: see plan"),
            "run": said(or_null(TEXT), "its id, for rollback; null: nothing was changed"),
            "plan": ref("plan"),
            "commands": said(TEXTS, "run to validate and reload"),
            "rehearsal": ref("rehearsal"),
            "notices": said(TEXTS, "what the reader should know"),
            "endpoints": said(array(ref("endpoint")), "seen afterwards; none with --dry-run"),
            "findings": array(ref("finding")),
        },
    ),
    "$defs": {
        "plan": _PLAN,
        "change": _CHANGE,
        "expectation": _EXPECTATION,
        "rehearsal": _REHEARSAL,
        **{name: kind for name, kind in _SHARED.items() if name != "target"},
    },
}
