"""The JSON Schemas (draft 2020-12) of what the watch hands over and of what `watch log --json`
prints. Tests hold real output against them."""

from __future__ import annotations

from letterlock.model.finding import Severity
from letterlock.report import schema_words as words

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SEVERITY = words.said(words.one_of(Severity), "how bad it was when it was last seen")
_PLACE = words.said(words.TEXT, "an endpoint, a file, a map, a name")
_ABOUT = words.said(words.or_null(words.TEXT), "a server name, a kind of key; null: nothing more")
_FAULT = words.shape(
    "one thing that is wrong: id, place, about and source say which",
    {
        "id": words.said(words.TEXT, "the finding's; letterlock explain ID"),
        "severity": _SEVERITY,
        "place": _PLACE,
        "about": _ABOUT,
        "source": words.said(
            words.one_of(("status", "check", "pending", "watch")),
            "seen on the machine, from its outside addresses, among deployments; watch: not seen",
        ),
        "title": words.TEXT,
        "evidence": words.TEXT,
        "remedy": words.TEXT,
        "since": words.said(words.TIME, "of the look that saw it first"),
        "over": words.said(words.or_null(words.TIME), "null: it is not over"),
    },
)
_FAULTS = words.array(words.ref("fault"))

MESSAGE = {
    "$schema": _DRAFT,
    "title": "a message of letterlock watch",
    **words.shape(
        "one message",
        {
            "format_version": {"const": 1},
            "host": words.said(
                words.TEXT,
                "this machine's name for itself; of letterlock serve the monitor's title",
            ),
            "time": words.said(words.TIME, "of the look"),
            "test": words.said(words.BOOL, "letterlock watch test sent it: it says nothing"),
            "began": _FAULTS,
            "back": words.said(_FAULTS, "over less than a day ago: it comes and goes"),
            "over": _FAULTS,
            "open": words.said(words.TEXTS, "the ids of all that is wrong now, each once"),
            "report": words.said(
                words.TEXT, "of letterlock serve alone: the page of the report, empty: unknown"
            ),
        },
        optional=("report",),
    ),
    "$defs": {"fault": _FAULT},
}

LOG = {
    "$schema": _DRAFT,
    "title": "letterlock watch log --json",
    **words.shape(
        "what the watch remembers, oldest first",
        {
            "format_version": {"const": 1},
            "served": words.array(words.ref("served")),
            "faults": words.array(words.ref("event")),
            "waiting": words.said(words.array(words.ref("waiting")), "not handed over yet"),
        },
    ),
    "$defs": {
        "served": words.shape(
            "one certificate at one place",
            {
                "server": words.said(words.TEXT, "Postfix or Dovecot"),
                "address": words.TEXT,
                "port": words.COUNT,
                "name": words.said(words.or_null(words.TEXT), "sent as SNI; null: none was"),
                "key_type": words.said(
                    words.or_null(words.TEXT), "the only one that the client spoke; null: any"
                ),
                "sha256": words.said(words.SHA256, "of the leaf"),
                "subject": words.TEXT,
                "dns_names": words.TEXTS,
                "not_before": words.TIME,
                "not_after": words.TIME,
                "since": words.said(words.TIME, "of the look that saw it first"),
                "until": words.said(
                    words.or_null(words.TIME), "of the look that saw it no more; null: still served"
                ),
            },
        ),
        "event": words.shape(
            "a fault that began, came back or was over",
            {
                "time": words.TIME,
                "what": words.one_of(("began", "back", "over")),
                "id": words.TEXT,
                "severity": _SEVERITY,
                "place": _PLACE,
                "about": _ABOUT,
                "evidence": words.TEXT,
            },
        ),
        "waiting": words.shape(
            "a message that a channel has not taken",
            {
                "time": words.TIME,
                "channel": words.one_of(("mail", "webhook", "command")),
                "attempts": words.COUNT,
                "reason": words.TEXT,
            },
        ),
    },
}
