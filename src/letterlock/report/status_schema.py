"""The JSON Schema (draft 2020-12) of what `status --json` prints, with the certificates, verdicts
and findings of `json_schema`. A test holds real output against it."""

from __future__ import annotations

from letterlock.report import json_schema as shared
from letterlock.report import schema_words as words

_ENDPOINT = {"address": words.TEXT, "port": words.COUNT}
_CHAINS = words.array(words.array(words.ref("certificate")))

_DEFINITIONS = {
    **{name: shared.SCHEMA["$defs"][name] for name in ("unknown", "certificate", "chain_verdict")},
    "finding": shared.FINDING,
    "pending": words.shape(
        "a certificate that was handed over and is not in service yet",
        {
            "id": words.said(words.TEXT, "its folder below /var/lib/letterlock/pending"),
            "client": words.said(words.TEXT, "the ACME client; files: a person's own"),
            "subject": words.said(words.TEXT, "what the client calls it"),
            "names": words.said(words.TEXTS, "that it is for"),
            "since": words.said(words.TIME, "when it was handed over"),
            "tried": words.said(words.TIME, "when it was tried last"),
            "attempts": words.COUNT,
            "reason": words.said(words.TEXT, "why the last attempt failed"),
            "certificate": words.said(
                words.or_null(words.ref("certificate")), "null: its file cannot be read any more"
            ),
        },
    ),
    "installed": words.shape(
        "one certificate that the configuration leads to, as the disk has it",
        {
            "server": words.said(words.TEXT, "Postfix or Dovecot"),
            "setting": words.said(words.TEXT, "in the server's words"),
            "scope": words.said(words.TEXT, "what it is limited to; empty: nothing"),
            "where": words.shape(
                "where it is set", {"path": words.TEXT, "line": words.or_null(words.COUNT)}
            ),
            "files": words.said(words.TEXTS, "read for it, in that order"),
            "names": words.said(words.TEXTS, "server names that it is for; none: the default"),
            "sni_map": words.said(words.or_null(words.TEXT), "the map that holds it"),
            "endpoints": words.array(words.shape("", _ENDPOINT)),
            "file": words.said(words.TEXT, "where the leaf stands, with its line"),
            "fault": words.said(words.or_null(words.TEXT), "what keeps it from being used"),
            "key_matches": words.or_unknown(words.BOOL),
            "chain": words.said(words.array(words.ref("certificate")), "leaf first"),
            "verdict": words.or_null(words.ref("chain_verdict")),
        },
    ),
    "sni_map": words.shape(
        "a built SNI map against its source's files",
        {
            "table": words.said(words.TEXT, "type:path"),
            "file": words.said(words.or_null(words.TEXT), "the built file"),
            "stale": words.said(words.or_unknown(words.TEXTS), "what differs; empty: nothing does"),
        },
    ),
    "served": words.shape(
        "what an endpoint serves, beside what is on disk for it",
        {
            "server": words.TEXT,
            **_ENDPOINT,
            "service": words.said(words.TEXT, "IANA's name"),
            "name": words.said(words.or_null(words.TEXT), "sent as SNI; null: none was"),
            "key_type": words.said(
                words.or_null(words.TEXT), "the only one that the client spoke; null: any"
            ),
            "connections": words.COUNT,
            "expected": words.said(
                words.array(words.array(words.SHA256)), "the chains on disk, leaf first"
            ),
            "chains": words.said(words.or_unknown(_CHAINS), "the different ones seen"),
            "stale": words.or_unknown(words.BOOL),
        },
    ),
}

#: The whole document.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock status --json",
    **words.shape(
        "Members may be added; none is renamed or removed within one format_version.",
        {
            "format_version": {"const": 1},
            "started": words.TIME,
            "seconds": words.NUMBER,
            "connections": words.COUNT,
            "name": words.said(words.or_null(words.TEXT), "verified as well"),
            "determined": words.said(words.BOOL, "everything that was asked got an answer"),
            "unknown": words.said(words.TEXTS, "what could not be found out"),
            "pending": words.said(
                words.array(words.ref("pending")), "to be deployed yet, oldest first"
            ),
            "damaged_pending": words.array(
                words.shape(
                    "what was kept of one and cannot be read",
                    {"path": words.TEXT, "reason": words.TEXT},
                )
            ),
            "servers": words.array(
                words.shape(
                    "one mail server of the machine",
                    {"name": words.TEXT, "version": words.TEXT, "running": words.BOOL},
                )
            ),
            "certificates": words.array(words.ref("installed")),
            "sni_maps": words.array(words.ref("sni_map")),
            "exposed_keys": words.array(
                words.shape(
                    "a file with a private key that every user may read",
                    {"file": words.TEXT, "mode": words.TEXT, "server": words.TEXT},
                )
            ),
            "served": words.array(words.ref("served")),
            "findings": words.array(words.ref("finding")),
        },
    ),
    "$defs": _DEFINITIONS,
}
