"""The JSON Schema (draft 2020-12) of what `status --json` prints, with the certificates, verdicts
and findings of `json_schema`. A test holds real output against it."""

from __future__ import annotations

from letterlock.report import json_schema as shared

_ENDPOINT = {"address": shared.TEXT, "port": shared.COUNT}
_CHAINS = shared.array(shared.array(shared.ref("certificate")))

_DEFINITIONS = {
    **{name: shared.SCHEMA["$defs"][name] for name in ("unknown", "certificate", "chain_verdict")},
    "finding": shared.FINDING,
    "installed": shared.shape(
        "one certificate that the configuration leads to, as the disk has it",
        {
            "server": shared.said(shared.TEXT, "Postfix or Dovecot"),
            "setting": shared.said(shared.TEXT, "in the server's words"),
            "scope": shared.said(shared.TEXT, "what it is limited to; empty: nothing"),
            "where": shared.shape(
                "where it is set", {"path": shared.TEXT, "line": shared.or_null(shared.COUNT)}
            ),
            "files": shared.said(shared.TEXTS, "read for it, in that order"),
            "names": shared.said(shared.TEXTS, "server names that it is for; none: the default"),
            "sni_map": shared.said(shared.or_null(shared.TEXT), "the map that holds it"),
            "endpoints": shared.array(shared.shape("", _ENDPOINT)),
            "file": shared.said(shared.TEXT, "where the leaf stands, with its line"),
            "fault": shared.said(shared.or_null(shared.TEXT), "what keeps it from being used"),
            "key_matches": shared.or_unknown(shared.BOOL),
            "chain": shared.said(shared.array(shared.ref("certificate")), "leaf first"),
            "verdict": shared.or_null(shared.ref("chain_verdict")),
        },
    ),
    "sni_map": shared.shape(
        "a built SNI map against its source's files",
        {
            "table": shared.said(shared.TEXT, "type:path"),
            "file": shared.said(shared.or_null(shared.TEXT), "the built file"),
            "stale": shared.said(
                shared.or_unknown(shared.TEXTS), "what differs; empty: nothing does"
            ),
        },
    ),
    "served": shared.shape(
        "what an endpoint serves, beside what is on disk for it",
        {
            "server": shared.TEXT,
            **_ENDPOINT,
            "service": shared.said(shared.TEXT, "IANA's name"),
            "name": shared.said(shared.or_null(shared.TEXT), "sent as SNI; null: none was"),
            "key_type": shared.said(
                shared.or_null(shared.TEXT), "the only one that the client spoke; null: any"
            ),
            "connections": shared.COUNT,
            "expected": shared.said(
                shared.array(shared.array(shared.SHA256)), "the chains on disk, leaf first"
            ),
            "chains": shared.said(shared.or_unknown(_CHAINS), "the different ones seen"),
            "stale": shared.or_unknown(shared.BOOL),
        },
    ),
}

#: The whole document.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock status --json",
    **shared.shape(
        "Members may be added; none is renamed or removed within one format_version.",
        {
            "format_version": {"const": 1},
            "started": shared.TIME,
            "seconds": shared.NUMBER,
            "connections": shared.COUNT,
            "name": shared.said(shared.or_null(shared.TEXT), "verified as well"),
            "determined": shared.said(shared.BOOL, "everything that was asked got an answer"),
            "unknown": shared.said(shared.TEXTS, "what could not be found out"),
            "servers": shared.array(
                shared.shape(
                    "one mail server of the machine",
                    {"name": shared.TEXT, "version": shared.TEXT, "running": shared.BOOL},
                )
            ),
            "certificates": shared.array(shared.ref("installed")),
            "sni_maps": shared.array(shared.ref("sni_map")),
            "exposed_keys": shared.array(
                shared.shape(
                    "a file with a private key that every user may read",
                    {"file": shared.TEXT, "mode": shared.TEXT, "server": shared.TEXT},
                )
            ),
            "served": shared.array(shared.ref("served")),
            "findings": shared.array(shared.ref("finding")),
        },
    ),
    "$defs": _DEFINITIONS,
}
