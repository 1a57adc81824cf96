"""The JSON Schema (draft 2020-12) of each line that `letterlock listen --json` writes."""

from __future__ import annotations

from letterlock.model.listening import Trap, Verdict
from letterlock.report import schema_words as words

_TOKEN = words.said(
    {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "the first half of the SHA-256 of the recipient's local part, in lower case",
)
_TRAP = words.one_of(Trap)

_DEFINITIONS = {
    "hello": words.shape(
        "what the ClientHello offers, by IANA's names, in the order sent, without GREASE",
        {
            "versions": words.TEXTS,
            "cipher_suites": words.TEXTS,
            "groups": words.TEXTS,
            "key_shares": words.said(words.TEXTS, "groups that a share was sent for"),
            "post_quantum_groups": words.TEXTS,
            "signature_schemes": words.TEXTS,
            "server_name": words.said(words.or_null(words.TEXT), "SNI; null: not sent"),
            "alpn": words.TEXTS,
        },
    ),
    "tls": words.shape(
        "one handshake, as the bytes on the socket told it",
        {
            "completed": words.BOOL,
            "version": words.or_null(words.TEXT),
            "cipher_suite": words.or_null(words.TEXT),
            "group": words.said(words.or_null(words.TEXT), "null: no key exchange with a group"),
            "post_quantum": words.said(words.BOOL, "the group agreed on is, or has a part that is"),
            "hello_retry": words.said(words.BOOL, "the sender had sent no share for that group"),
            "alert": words.said(words.or_null(words.TEXT), "the sender's; close_notify is none"),
            "failure": words.said(words.TEXT, "why it was not completed; empty: it was"),
            "hello": words.said(words.or_null(words.ref("hello")), "null: none could be read"),
        },
    ),
    "visit": words.shape(
        "one connection, written at its end",
        {
            "format_version": {"const": 1},
            "kind": {"const": "visit"},
            "at": words.TIME,
            "seconds": words.NUMBER,
            "address": words.said(words.TEXT, "the sender's"),
            "trap": words.said(words.or_null(_TRAP), "what it was shown; null: not told apart"),
            "helo": words.said(words.TEXT, "what it called itself"),
            "starttls_offered": words.BOOL,
            "starttls_asked": words.BOOL,
            "tls": words.or_null(words.ref("tls")),
            "recipients": words.array(
                words.shape("also where no mail followed", {"trap": _TRAP, "token": _TOKEN})
            ),
            "turned_away": words.said(words.COUNT, "recipients that were none of the test's"),
            "mails": words.array(
                words.shape(
                    "one mail that was taken and thrown away",
                    {
                        "at": words.TIME,
                        "trap": _TRAP,
                        "token": _TOKEN,
                        "sender_domain": words.said(words.TEXT, "empty for a bounce"),
                        "size": words.said(words.COUNT, "bytes, line ends as sent"),
                        "encrypted": words.BOOL,
                    },
                )
            ),
            "injected": words.said(words.BOOL, "commands in the clear came after STARTTLS"),
            "ended": words.said(words.TEXT, "why we ended it; empty: the sender did"),
        },
    ),
    "policy": words.shape(
        "the MTA-STS trap's policy was fetched",
        {
            "format_version": {"const": 1},
            "kind": {"const": "policy"},
            "at": words.TIME,
            "address": words.said(words.TEXT, "may be another machine than who sends"),
        },
    ),
    "sheet": words.shape(
        "one sender's test, written at the end",
        {
            "format_version": {"const": 1},
            "kind": {"const": "sheet"},
            "token": words.said(words.or_null(_TOKEN), "null: no recipient is known"),
            "label": words.said(words.TEXT, "the token itself, where the command line has it"),
            "addresses": words.TEXTS,
            "helo": words.TEXTS,
            "rows": words.array(
                words.shape(
                    "one trap",
                    {
                        "trap": _TRAP,
                        "verdict": words.one_of(Verdict),
                        "why": words.said(words.TEXT, "what a refusal was seen by"),
                        "visits": words.COUNT,
                        "mails": words.COUNT,
                        "tls": words.said(
                            words.or_null(words.ref("tls")), "of the visit that counts"
                        ),
                    },
                )
            ),
            "does_not_check": words.said(words.TEXTS, "mail arrived all the same"),
        },
    ),
}

#: One line.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "letterlock listen --json, each line",
    "description": "Members may be added; none is renamed or removed within one format_version.",
    "oneOf": [words.ref("visit"), words.ref("policy"), words.ref("sheet")],
    "$defs": _DEFINITIONS,
}
