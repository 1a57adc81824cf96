"""What is told of a server that is looked at on a schedule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema

from letterlock.check.run import Checked
from letterlock.findings.assess import assess
from letterlock.findings.reach import determined
from letterlock.model.certificate import ChainFault
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.model.service import IMAPS, SMTP
from letterlock.model.unknown import Cause, Unknown
from letterlock.report.watch_schema import MESSAGE
from letterlock.watch.message import as_mail
from letterlock.watch.monitored import Seen, consider
from tests.findings.sample import NOW, certificate, good, handshake, target

IMAP = good(IMAPS)
UNTRUSTED = replace(IMAP, handshake=handshake(ChainFault.NAME_MISMATCH))
ENDING = replace(IMAP, handshake=handshake(leaf=certificate(left=2)))
REFUSED = Unknown("connection refused", Cause.CONNECTION_REFUSED)
CLOSED = replace(IMAP, handshake=REFUSED, capabilities_inside=REFUSED, closed=True)
SILENT = replace(
    IMAP,
    handshake=Unknown("no answer", Cause.NO_ANSWER),
    capabilities_inside=Unknown("no answer", Cause.NO_ANSWER),
)


class Watched:
    """Looks, an hour apart."""

    def __init__(self) -> None:
        self.memory = ""
        self.at = NOW
        self.told: Any = None

    def sees(
        self, *endpoints: EndpointFacts, error: str | None = None, report: str = ""
    ) -> tuple[list[str], list[str]]:
        """The ids that began and those that are over."""
        self.at += timedelta(hours=1)
        checked: tuple[Checked, ...] = ()
        if endpoints:
            facts = target(*endpoints)
            checked = (Checked(facts, assess(facts), determined(facts, asked_for_ports=False)),)
        known = error is None and all(each.determined for each in checked)
        seen = Seen("Our mail", self.at, checked, known, error)
        self.memory, message = consider(self.memory, seen, Severity.MEDIUM, report)
        self.told = json.loads(message) if message is not None else None
        if self.told is None:
            return [], []
        jsonschema.validate(self.told, MESSAGE)
        began, over = ([each["id"] for each in self.told[name]] for name in ("began", "over"))
        return began, over


NOTHING: tuple[list[str], list[str]] = ([], [])


def test_a_fault_once_and_its_end_once() -> None:
    watched = Watched()
    assert watched.sees(IMAP) == NOTHING
    began, over = watched.sees(UNTRUSTED, report="https://check.example/c/abc")
    assert (began, over) == (["name-mismatch"], [])
    assert watched.told["host"] == "Our mail"
    mail = as_mail(json.dumps(watched.told).encode(), ["admin@example.com"]).decode()
    assert "Subject: [letterlock] Our mail: name-mismatch" in mail
    assert "https://check.example/c/abc" in mail
    assert "letterlock status says" not in mail
    assert watched.sees(UNTRUSTED) == NOTHING
    assert watched.sees(IMAP) == ([], ["name-mismatch"])
    assert watched.sees(IMAP) == NOTHING


def test_a_certificate_that_ends() -> None:
    watched = Watched()
    assert watched.sees(ENDING)[0] == ["certificate-expires-soon"]
    assert watched.sees(IMAP)[1] == ["certificate-expires-soon"]


def test_what_says_nothing_is_told_at_the_second_time() -> None:
    watched = Watched()
    watched.sees(UNTRUSTED)
    assert watched.sees(error="it cannot be resolved") == NOTHING
    assert watched.sees(SILENT)[0] == ["could-not-determine"]
    assert watched.told["began"][0]["evidence"] == "no answer from 192.0.2.25:993"
    assert watched.sees(SILENT) == NOTHING
    assert watched.sees(CLOSED) == NOTHING
    assert watched.sees(UNTRUSTED) == ([], ["could-not-determine"]), "the other never was over"
    assert watched.sees(error="it cannot be resolved") == NOTHING
    assert watched.sees(IMAP) == ([], ["name-mismatch"]), "one look is no news"


def test_a_port_that_closed_while_others_answer_has_no_fault() -> None:
    watched = Watched()
    assert watched.sees(good(SMTP), UNTRUSTED)[0] == ["name-mismatch"]
    assert watched.sees(good(SMTP), CLOSED)[1] == ["name-mismatch"]


def test_a_memory_that_cannot_be_read_is_none() -> None:
    watched = Watched()
    watched.memory = '{"known": [1'
    assert watched.sees(UNTRUSTED)[0] == ["name-mismatch"]
